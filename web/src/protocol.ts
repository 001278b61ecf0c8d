// Made by web/make_types.py from src/mien/web/schemas.py: do not edit by hand.

/** One result for each picture, in the order they were sent. */
export interface AnalyzeReply {
  results: Frame[];
}

/** A face's rectangle in pixels of the upright picture, origin top left. */
export interface Box {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

/** An installed model; `figures` is what its config says of its measured quality. */
export interface Bundle {
  name: string;
  active: boolean;
  label_sets: string[];
  figures: Record<string, unknown>;
}

/** What reads a picture if nothing else is asked for; `detector` may be `auto`. */
export interface Choice {
  bundle: string;
  detector: string;
  label_set: string;
}

/** Page to server: what to read the next frames with; a field left out stays as it is. */
export interface Configure {
  type: "configure";
  detector?: string | null;
  label_set?: string | null;
  smoothing_s?: number | null;
  prior?: string | Record<string, number> | null;
  prior_strength?: number | null;
  uncertain_below?: number | null;
}

/** A face detector by name, and where it cannot run, why and how to get it. */
export interface Detector {
  name: string;
  available: boolean;
  reason: string | null;
}

/** What went wrong: a word for programs, a sentence for people, and particulars. */
export interface ErrorBody {
  code: string;
  message: string;
  details: string[];
}

/** The one shape of every error. */
export interface ErrorReply {
  error: ErrorBody;
}

/** Probabilities of one label set's expressions; confidence 0..1, entropy in bits.

`uncertain` says that the confidence is below the threshold that was asked for. */
export interface Expression {
  label_set: string;
  dominant: string;
  confidence: number;
  entropy: number;
  uncertain: boolean;
  probabilities: Record<string, number>;
}

/** One face: where it is, how sure the detector is, and how it looks.

`predicted` says that the detector did not run on this frame of a video. */
export interface Face {
  box: Box;
  confidence: number;
  landmarks: [number, number][] | null;
  track_id: number | null;
  expression: Expression;
  smoothed: Expression | null;
  sharpness: number | null;
  predicted: boolean;
}

/** All that was read in one picture. */
export interface Frame {
  source: string | null;
  index: number;
  timestamp_s: number;
  width: number;
  height: number;
  detector: string;
  detector_threshold: number | null;
  detector_sha256: string | null;
  prior: string;
  prior_strength: number;
  faces: Face[];
  milliseconds: Record<string, number>;
  error: string | null;
}

/** That the server runs, and what it runs. */
export interface HealthReply {
  status: "ok";
  version: string;
  bundle: string;
  detector: string;
}

/** An expression and the colour it has everywhere, as #rrggbb. */
export interface Label {
  name: string;
  colour: string;
}

/** An ordered set of expressions that a bundle can name. */
export interface LabelSet {
  name: string;
  labels: Label[];
}

/** Server to page: what was wrong with a message; `index` is its frame's, if it was one. */
export interface LiveError {
  type: "error";
  index: number | null;
  error: ErrorBody;
}

/** A tracked face; `smoothed` is its expression over time, `expression` the raw one. */
export interface LiveFace {
  box: Box;
  confidence: number;
  landmarks: [number, number][] | null;
  track_id: number | null;
  expression: Expression;
  smoothed: Expression;
  sharpness: number | null;
  predicted: boolean;
}

/** A frame of the camera; `index` counts the frames that were sent, from 0. */
export interface LiveFrame {
  source: string | null;
  index: number;
  timestamp_s: number;
  width: number;
  height: number;
  detector: string;
  detector_threshold: number | null;
  detector_sha256: string | null;
  prior: string;
  prior_strength: number;
  faces: LiveFace[];
  milliseconds: Record<string, number>;
  error: string | null;
}

/** Server to page: sent on connecting and after each `configure`; what reads from now on. */
export interface LiveReady {
  type: "ready";
  protocol: 1;
  bundle: string;
  detector: string;
  label_set: string;
  labels: Label[];
  smoothing_s: number;
  uncertain_below: number;
  max_frame_bytes: number;
  frames_per_s: number;
}

/** Server to page: what was read in one frame. */
export interface LiveResult {
  type: "result";
  frame: LiveFrame;
  waited_ms: number;
}

/** Server to page: the frame was never read, since a newer one took its place. */
export interface LiveSkipped {
  type: "skipped";
  index: number;
}

/** What this server can read with. */
export interface ModelsReply {
  bundles: Bundle[];
  label_sets: LabelSet[];
  detectors: Detector[];
  default: Choice;
}

export type ServerMessage = LiveReady | LiveResult | LiveSkipped | LiveError;

/** The version of the live protocol that this page speaks. */
export const PROTOCOL = 1;
/** The socket's close code for a client of another version. */
export const PROTOCOL_MISMATCH_CODE = 4001;

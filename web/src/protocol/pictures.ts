// Made by web/make_types.py from src/mien/web/schemas: do not edit by hand.

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

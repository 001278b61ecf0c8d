// Made by web/make_types.py from src/mien/web/schemas: do not edit by hand.

import type { ErrorBody } from "./base";
import type { Label } from "./catalogue";
import type { Box, Expression } from "./pictures";

/** A film that is played beside the camera; it stays on the viewer's machine. */
export interface Clip {
  name: string;
  duration_s: number | null;
}

/** Page to server: what to read the next frames with; a field left out stays as it is. */
export interface Configure {
  type: "configure";
  bundle?: string | null;
  detector?: string | null;
  label_set?: string | null;
  smoothing_s?: number | null;
  prior?: string | Record<string, number> | null;
  prior_strength?: number | null;
  uncertain_below?: number | null;
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

/** Server to page: a moment was marked. */
export interface LiveMarked {
  type: "marked";
  word: string;
  timestamp_s: number;
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

/** Server to page: how a recording stands; sent when it begins and ends, and every second.

`dropped` counts frames that the disk could not keep up with. A `failed` one has an `error`,
and what was written before is kept. */
export interface LiveRecording {
  type: "recording";
  state: "recording" | "ended" | "failed";
  session_id: number;
  title: string;
  session_s: number;
  frames: number;
  faces: number;
  dropped: number;
  error: ErrorBody | null;
}

/** Server to page: what was read in one frame.

`session_s` is the frame's time in the session that is being recorded, if one is. */
export interface LiveResult {
  type: "result";
  frame: LiveFrame;
  waited_ms: number;
  session_s: number | null;
}

/** Server to page: the frame was never read, since a newer one took its place. */
export interface LiveSkipped {
  type: "skipped";
  index: number;
}

/** Page to server: mark this moment, or one of the session's clock. */
export interface Mark {
  type: "mark";
  word: string;
  timestamp_s?: number | null;
}

/** Page to server: go on with a session that a lost connection interrupted. */
export interface ResumeRecording {
  type: "resume";
  session_id: number;
}

/** Page to server: keep the expressions of the frames to come as a session.

`consent` is what those in view agreed to, just now. Pictures of faces are only kept with
`pictures`. While it records, what decides on the figures cannot be changed by `configure`. */
export interface StartRecording {
  type: "record";
  title: string;
  consent: string;
  note?: string;
  keep_days?: number | null;
  pictures?: boolean;
  clip?: Clip | null;
}

/** Page to server: end the session. */
export interface StopRecording {
  type: "stop";
}

export type ServerMessage =
  | LiveReady
  | LiveResult
  | LiveSkipped
  | LiveRecording
  | LiveMarked
  | LiveError;
export type ClientMessage = Configure | StartRecording | ResumeRecording | Mark | StopRecording;

/** The version of the live protocol that this page speaks. */
export const PROTOCOL = 1;
/** The socket's close code for a client of another version. */
export const PROTOCOL_MISMATCH_CODE = 4001;

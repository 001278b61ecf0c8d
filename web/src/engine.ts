// What the views know of recognition: something that takes frames and gives results.
//
// Today that is the server (server-engine.ts). One that runs inside the browser fits here too, and
// no view would have to know; tests/web/test_engine_boundary.py holds that none knows more.

import type { Listener } from "./events";
import type {
  Configure,
  Frame,
  Label,
  LiveFace,
  LiveFrame,
  LiveMarked,
  LiveRecording,
  ModelsReply,
  StartRecording,
} from "./protocol";

/** How it stands with what reads. `outdated` does not get better without loading the page again. */
export type Connection =
  | { kind: "connecting" }
  | { kind: "open" }
  | { kind: "lost"; retryInS: number }
  | { kind: "outdated" };

/** What reads from now on: names, and the expressions with the colour each has everywhere. */
export interface Reading {
  bundle: string;
  detector: string;
  label_set: string;
  labels: readonly Label[];
  smoothing_s: number;
}

/** A frame that was read. */
export interface Result {
  frame: LiveFrame;
  /** Its time in the session that is being recorded, in seconds; null where none is. */
  sessionS: number | null;
  /** When it was taken, on the clock of `performance.now()`. */
  takenAtMs: number;
  /** How long its answer took, in milliseconds; null where that is not known. */
  tookMs: number | null;
}

/** What to read with; a field left out stays as it is. */
export type Choice = Omit<Configure, "type">;
/** What photos and explanations are read with. */
export interface PictureChoice {
  bundle: string;
  detector: string;
  label_set: string;
  prior: string | null;
  uncertain_below: number | null;
}
/** What to record, and what those in view agreed to. */
export type RecordingWish = Omit<StartRecording, "type">;
/** How a recording stands. */
export type RecordingState = Omit<LiveRecording, "type">;
/** A moment that was marked, in seconds of the session. */
export type Marked = Omit<LiveMarked, "type">;

/** What there is to choose from, and whether sessions can be kept. */
export interface Offer {
  models: ModelsReply;
  version: string;
  recording: boolean;
}

/** What spoke for an expression: a picture, and the same in words. */
export interface Explanation {
  picture: Blob;
  words: string;
}

export interface EngineEvents {
  connection: Connection;
  reading: Reading;
  result: Result;
  recording: RecordingState;
  /** A frame could not be read, or nothing can; the words are for people. */
  trouble: string;
}

/** Something was not granted; `message` is for people, `code` for programs. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly code: string,
  ) {
    super(message);
  }
}

/** The code of what was asked for and never answered, as the connection went away. */
export const LOST = "connection_lost";

export interface Engine {
  on<Kind extends keyof EngineEvents>(kind: Kind, listener: Listener<EngineEvents[Kind]>): () => void;

  /** Begin, or try again at once. */
  connect(): void;
  /** What there is to choose from. */
  offer(): Promise<Offer>;
  /** Read with something else from now on; rejected with `Refused`. */
  choose(choice: Choice): Promise<Reading>;

  /** Read what a video shows, frame by frame, until `rest`. */
  watch(video: HTMLVideoElement): void;
  rest(): void;
  /** Read one picture. */
  read(picture: Blob, name: string, choice: PictureChoice): Promise<Frame>;
  /** Say what spoke for the expression of a face that a video shows right now. */
  explain(video: HTMLVideoElement, face: LiveFace, choice: PictureChoice): Promise<Explanation>;

  /** The session that is being recorded, also while the connection to it is lost; else null. */
  readonly session: RecordingState | null;
  /** What the session's clock shows at a moment of `performance.now()`; null without a session. */
  sessionTimeS(atMs?: number): number | null;
  record(wish: RecordingWish): Promise<RecordingState>;
  /** Mark a moment of the session's clock. */
  mark(word: string, sessionS: number): Promise<Marked>;
  end(): Promise<RecordingState>;
}

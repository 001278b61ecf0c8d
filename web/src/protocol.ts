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

/** Photos or one video to be read.

A video's result is the session `session_id`; photos' results are at `/v1/jobs/{id}/results`.
`interrupted` (the server ended meanwhile) and `cancelled` jobs can be resumed until
`expires_at`, when their files are deleted. `notes` says what was left out and why. */
export interface Job {
  id: string;
  kind: "photos" | "video";
  title: string;
  state: "waiting" | "running" | "done" | "cancelled" | "interrupted" | "failed";
  created_at: string;
  expires_at: string | null;
  files: JobFile[];
  progress: JobProgress;
  session_id: number | null;
  error: ErrorBody | null;
  notes: string[];
}

/** One uploaded file by the name its owner gave it, which is shown and never used as a path. */
export interface JobFile {
  name: string;
  bytes: number;
}

/** How far a job is: `share` 0..1 and `left_s` are null where that cannot be said.

`done` and `total` count photos, or seconds of a video. */
export interface JobProgress {
  done: number;
  total: number | null;
  share: number | null;
  left_s: number | null;
  frames: number;
  faces: number;
}

/** Results of a job's photos in the order they were sent; `total` counts those read so far. */
export interface JobResultsReply {
  results: Frame[];
  total: number;
  limit: number;
  offset: number;
}

/** All jobs, the newest first. */
export interface JobsReply {
  jobs: Job[];
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

/** What the server takes; a page says so before an upload. */
export interface Limits {
  max_upload_bytes: number;
  max_video_bytes: number;
  max_video_s: number;
  max_job_photos: number;
  job_days: number;
  max_images: number;
  max_pixels: number;
  max_frame_bytes: number;
  frames_per_s: number;
  max_connections: number;
  requests_per_s: number;
  request_burst: number;
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

/** A moment with a word to it. */
export interface Marker {
  id: number;
  timestamp_s: number;
  word: string;
}

/** A moment to mark. */
export interface MarkerNew {
  timestamp_s: number;
  word: string;
}

/** A picture or video that was kept because somebody asked for it; `url` gives it. */
export interface MediaFile {
  id: number;
  kind: string;
  bytes: number;
  timestamp_s: number | null;
  track_id: number | null;
  url: string;
}

/** What changed faces cost: `loss` is the accuracy lost, with its 95 % interval. */
export interface ModelCondition {
  name: string;
  accuracy: number;
  loss: number;
  loss_low: number;
  loss_high: number;
}

/** What one split measured under one label rule; the first result is the headline. */
export interface ModelEvaluation {
  dataset: string;
  split: string;
  label_set: string;
  rule: string;
  rule_text: string;
  command: string;
  results: ModelResult[];
}

/** One label set of a model, and how common training taught each expression to be. */
export interface ModelHead {
  label_set: string;
  labels: Label[];
  training_shares: Record<string, number>;
  temperature: number;
  prior_strength: number;
}

/** What a model looks at: one face of so many pixels a side, in this colour. */
export interface ModelInput {
  size_px: number;
  channels: number;
  colour: string;
}

/** One model: what it is, what it was made of, how well it reads, and its card.

`card_html` has no scripts, no raw HTML and no headings above the second level, so a page can
show it as it is. `failures` is the address of a picture of where the model fails, if there
is one. */
export interface ModelReply {
  name: string;
  active: boolean;
  version: string;
  created: string;
  architecture: string;
  parameters: number;
  precision: string;
  graph_bytes: number;
  licence: string;
  input: ModelInput;
  default_label_set: string;
  heads: ModelHead[];
  data: Record<string, unknown>;
  evaluations: ModelEvaluation[];
  robustness: ModelRobustness[];
  card_markdown: string;
  card_html: string;
  failures: string | null;
}

/** One way an evaluation was measured; shares are 0..1, `log_loss` is in nats.

`crops` is `single` or `flip` (mean with the mirror image); `images` is `published` or
`unseen` (without those that are also training images). `baseline_accuracy` is what always
answering the most frequent label reaches; null where that is not known. */
export interface ModelResult {
  crops: string;
  images: string;
  n: number;
  accuracy: number;
  accuracy_low: number;
  accuracy_high: number;
  log_loss: number;
  macro_f1: number;
  balanced_accuracy: number;
  expected_calibration_error: number;
  baseline_accuracy: number | null;
  recall: Record<string, number>;
}

/** What changed faces cost on one split under one rule, the costliest condition first. */
export interface ModelRobustness {
  dataset: string;
  split: string;
  label_set: string;
  rule: string;
  n: number;
  accuracy: number;
  command: string;
  conditions: ModelCondition[];
}

/** What this server can read with. */
export interface ModelsReply {
  bundles: Bundle[];
  label_sets: LabelSet[];
  detectors: Detector[];
  default: Choice;
}

/** A moment in which an expression was stronger than for a while around. */
export interface Peak {
  timestamp_s: number;
  frame_index: number;
  track_id: number | null;
  probability: number;
}

/** That a track is the same person as another. */
export interface PeopleMerge {
  track_id: number;
  into: number;
}

/** The tracks of a session, by number. */
export interface PeopleReply {
  people: Person[];
}

/** One track of a session, and what somebody said of it.

`same_as` is the track that this one was merged into; `observations` counts its faces. */
export interface Person {
  track_id: number;
  name: string | null;
  same_as: number | null;
  hidden: boolean;
  observations: number;
  first_s: number;
  last_s: number;
}

/** What to say of a person; a field left out stays. `name` null takes the name away. */
export interface PersonEdit {
  name?: string | null;
  hidden?: boolean | null;
}

/** One person in figures, or everybody (`track_id` null); shares are of the time in view. */
export interface PersonSummary {
  track_id: number | null;
  observations: number;
  first_s: number;
  last_s: number;
  visible_s: number;
  shares: Record<string, number>;
  means: Record<string, number>;
  transitions: Record<string, Record<string, number>>;
  peaks: Record<string, Peak[]>;
}

/** Page to server: go on with a session that a lost connection interrupted. */
export interface ResumeRecording {
  type: "resume";
  session_id: number;
}

/** One recording, without what is in it; times in seconds are on the clock of its frames.

`state` is `interrupted` if its program ended without ending it. `reading` and `settings` say
what decides on the figures, and what else was set. */
export interface Session {
  id: number;
  title: string;
  source: string | null;
  note: string;
  consent_text: string | null;
  consent_at: string | null;
  bundle: string | null;
  detector: string | null;
  label_set: string | null;
  reading: Record<string, unknown>;
  settings: Record<string, unknown>;
  started_at: string;
  ended_at: string | null;
  state: "recording" | "ended" | "interrupted";
  keep_until: string | null;
  first_s: number | null;
  last_s: number | null;
  duration_s: number;
  frames: number;
  observations: number;
}

/** What to change about a session; a field left out stays.

`keep_days` null keeps it until it is deleted. */
export interface SessionEdit {
  title?: string | null;
  note?: string | null;
  keep_days?: number | null;
}

/** A session with its people, markers, kept files, and expressions in their order. */
export interface SessionReply {
  session: Session;
  labels: Label[];
  people: Person[];
  markers: Marker[];
  media: MediaFile[];
}

/** A page of sessions, and how many there are in all. */
export interface SessionsReply {
  sessions: Session[];
  total: number;
  limit: number;
  offset: number;
}

/** Settings that matter to clients; `recording` says whether sessions can be kept here.

`local` says that only this machine can reach the server, `token` that it asks for one,
`https` that it speaks HTTPS itself. Never a path, token or password. */
export interface SettingsReply {
  version: string;
  recording: boolean;
  store: string | null;
  local: boolean;
  token: boolean;
  https: boolean;
  metrics: boolean;
  deepface_api: boolean;
  bundle: string;
  detector: string;
  prior: string;
  prior_strength: number | null;
  uncertain_below: number;
  smoothing_s: number;
  workers: number;
  threads: number;
  limits: Limits;
  picture_types: string[];
  video_types: string[];
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

/** A session in figures; `overall` is null where no face was seen. */
export interface SummaryReply {
  source: string | null;
  frames: number;
  duration_s: number;
  watched_s: number;
  overall: PersonSummary | null;
  people: PersonSummary[];
}

/** How one person looked on average in each bin; bins without a face are left out.

`track_id` is null for faces without an id, and for everybody together. */
export interface TimelineLine {
  track_id: number | null;
  bins: number[];
  faces: number[];
  means: Record<string, number[]>;
}

/** A stretch of a session in bins of equal length; bin `i` begins at `start_s + i * bin_s`. */
export interface TimelineReply {
  start_s: number;
  bin_s: number;
  bins: number;
  lines: TimelineLine[];
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

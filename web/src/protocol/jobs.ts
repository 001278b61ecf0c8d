// Made by web/make_types.py from src/mien/web/schemas: do not edit by hand.

import type { ErrorBody } from "./base";
import type { Frame } from "./pictures";

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

// Made by web/make_types.py from src/mien/web/schemas: do not edit by hand.

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

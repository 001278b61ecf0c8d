// Made by web/make_types.py from src/mien/web/schemas: do not edit by hand.

import type { Label } from "./catalogue";

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

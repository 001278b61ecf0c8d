// Recorded sessions over REST: found, looked into, changed, handed on, deleted.

import { ask, request, send } from "./api";
import type {
  Marker,
  MarkerNew,
  PeopleReply,
  PersonEdit,
  SessionEdit,
  SessionReply,
  SessionsReply,
  SummaryReply,
  TimelineReply,
} from "./protocol";

export const ORDERS = ["started", "title", "duration", "faces"] as const;
export type Order = (typeof ORDERS)[number];

export const EXPORT_FORMATS = ["csv", "parquet", "json", "html", "pdf"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Which sessions to list. */
export interface SessionsQuery {
  search: string;
  order: Order;
  descending: boolean;
  limit: number;
  offset: number;
}

/** A stretch of a session; without an end it goes beyond the last frame. */
export interface Stretch {
  start_s: number;
  end_s?: number;
  bins: number;
  together: boolean;
}

export async function fetchSessions(
  query: SessionsQuery,
  signal?: AbortSignal,
): Promise<SessionsReply> {
  return (await ask(`/v1/sessions?${parameters(query)}`, within(signal))) as SessionsReply;
}

export async function fetchSession(id: number, signal?: AbortSignal): Promise<SessionReply> {
  return (await ask(address(id), within(signal))) as SessionReply;
}

export async function fetchTimeline(
  id: number,
  stretch: Stretch,
  signal?: AbortSignal,
): Promise<TimelineReply> {
  const path = `${address(id)}/timeline?${parameters(stretch)}`;
  return (await ask(path, within(signal))) as TimelineReply;
}

export async function fetchSummary(id: number, signal?: AbortSignal): Promise<SummaryReply> {
  return (await ask(`${address(id)}/summary`, within(signal))) as SummaryReply;
}

export async function editSession(id: number, edit: SessionEdit): Promise<SessionReply> {
  return (await send("PATCH", address(id), edit)) as SessionReply;
}

export async function deleteSession(id: number): Promise<void> {
  await request(address(id), { method: "DELETE" });
}

export async function addMarker(id: number, marker: MarkerNew): Promise<Marker> {
  return (await send("POST", `${address(id)}/markers`, marker)) as Marker;
}

export async function deleteMarker(id: number, marker: number): Promise<void> {
  await request(`${address(id)}/markers/${marker}`, { method: "DELETE" });
}

export async function editPerson(
  id: number,
  track: number,
  edit: PersonEdit,
): Promise<PeopleReply> {
  return (await send("PATCH", `${address(id)}/people/${track}`, edit)) as PeopleReply;
}

export async function mergePeople(id: number, track: number, into: number): Promise<PeopleReply> {
  const merge = { track_id: track, into };
  return (await send("POST", `${address(id)}/people/merge`, merge)) as PeopleReply;
}

export async function separatePerson(id: number, track: number): Promise<PeopleReply> {
  const path = `${address(id)}/people/${track}/separate`;
  return (await ask(path, { method: "POST" })) as PeopleReply;
}

/** Where a session comes as a file, which the browser saves by itself. */
export function exportAddress(id: number, format: ExportFormat): string {
  return `${address(id)}/export?format=${format}`;
}

function address(id: number): string {
  return `/v1/sessions/${id}`;
}

function within(signal: AbortSignal | undefined): RequestInit {
  return signal ? { signal } : {};
}

function parameters(values: object): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
}

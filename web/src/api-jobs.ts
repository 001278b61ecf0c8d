// Uploads that are read in the background: sending them, how they stand, what was read.

import { ask, request, ServerError } from "./api";
import type { ErrorReply, Job, JobResultsReply, JobsReply } from "./protocol";
import { common } from "./words";

export const EXPORT_FORMATS = ["csv", "json", "parquet"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What is to be read, and how; null leaves it to the server. */
export interface NewJob {
  kind: "photos" | "video";
  files: readonly File[];
  title: string;
  consent: string;
  keep_days: number | null;
  keep_video: boolean;
  every_s: number | null;
  bundle: string | null;
  detector: string | null;
  label_set: string | null;
}

/**
 * Send files and return the job that reads them.
 *
 * By XMLHttpRequest, since `fetch` does not say how much of a body has been sent. `onSent` hears
 * the bytes sent and in all.
 */
export function sendJob(
  job: NewJob,
  onSent: (sent: number, total: number) => void,
  signal: AbortSignal,
): Promise<Job> {
  const form = new FormData();
  for (const file of job.files) form.append("file", file, file.name);
  const sending = new XMLHttpRequest();
  sending.open("POST", `/v1/jobs?${queryOf(job)}`);
  return new Promise((resolve, reject) => {
    sending.upload.addEventListener("progress", (event) => onSent(event.loaded, event.total));
    sending.addEventListener("load", () => {
      if (sending.status >= 200 && sending.status < 300) resolve(JSON.parse(sending.responseText));
      else reject(errorOf(sending));
    });
    sending.addEventListener("error", () => reject(new ServerError("", null, "connection_lost")));
    sending.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    signal.addEventListener("abort", () => sending.abort());
    sending.send(form);
  });
}

export async function fetchJobs(): Promise<Job[]> {
  return ((await ask("/v1/jobs")) as JobsReply).jobs;
}

export async function cancelJob(id: string): Promise<Job> {
  return (await ask(`${addressOf(id)}/cancel`, { method: "POST" })) as Job;
}

export async function resumeJob(id: string): Promise<Job> {
  return (await ask(`${addressOf(id)}/resume`, { method: "POST" })) as Job;
}

export async function deleteJob(id: string): Promise<void> {
  await request(addressOf(id), { method: "DELETE" });
}

export async function fetchResults(
  id: string,
  limit: number,
  offset: number,
): Promise<JobResultsReply> {
  return (await ask(
    `${addressOf(id)}/results?limit=${limit}&offset=${offset}`,
  )) as JobResultsReply;
}

/** Where a job's results can be had as a file. */
export function exportAddress(id: string, format: ExportFormat): string {
  return `${addressOf(id)}/export?format=${format}`;
}

function addressOf(id: string): string {
  return `/v1/jobs/${encodeURIComponent(id)}`;
}

function queryOf({ files: _, ...how }: NewJob): URLSearchParams {
  const given = Object.entries(how).filter(([, value]) => value !== null);
  return new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
}

function errorOf(answer: XMLHttpRequest): ServerError {
  const retryAfter = Number(answer.getResponseHeader("Retry-After")) || null;
  if (answer.getResponseHeader("Content-Type")?.includes("json")) {
    const { code, message } = (JSON.parse(answer.responseText) as ErrorReply).error;
    return new ServerError(message, retryAfter, code, answer.status);
  }
  const words = answer.status === 401 ? common.token_asked : answer.statusText;
  return new ServerError(words, retryAfter, "http_error", answer.status);
}

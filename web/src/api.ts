// The REST side: what the server offers, and photos to be read.

import type { AnalyzeReply, Box, ErrorReply, Frame, ModelsReply } from "./protocol";
import { common } from "./words";

/** An error that the server told, in its own words. */
export class ServerError extends Error {
  constructor(
    message: string,
    readonly retryAfterS: number | null,
    readonly code = "",
    readonly status = 0,
  ) {
    super(message);
  }
}

export async function fetchModels(): Promise<ModelsReply> {
  return (await ask("/v1/models")) as ModelsReply;
}

export async function fetchVersion(): Promise<string> {
  return ((await ask("/healthz")) as { version: string }).version;
}

/** Have one picture read; waits and asks again where the server says that it is too busy. */
export async function analyze(
  picture: Blob,
  name: string,
  choice: { detector: string; label_set: string },
): Promise<Frame> {
  const form = new FormData();
  form.append("image", picture, name);
  const query = new URLSearchParams(choice).toString();
  for (let attempt = 1; ; attempt += 1) {
    try {
      const reply = (await ask(`/v1/analyze?${query}`, form)) as AnalyzeReply;
      const result = reply.results[0];
      if (!result) throw new ServerError("the server's answer has no result", null);
      return result;
    } catch (error) {
      const waitS = error instanceof ServerError ? error.retryAfterS : null;
      if (waitS === null || attempt === 5) throw error;
      await new Promise((resolve) => setTimeout(resolve, waitS * 1000));
    }
  }
}

/** What spoke for an expression: a picture, and the same in words. */
export interface Explanation {
  picture: Blob;
  words: string;
}

/** Have the face in a box of a picture explained. */
export async function explain(
  picture: Blob,
  box: Box,
  choice: { detector: string; label_set: string; label: string },
): Promise<Explanation> {
  const form = new FormData();
  form.append("image", picture, "frame.jpg");
  const corners = [box.x1, box.y1, box.x2, box.y2].join();
  const query = new URLSearchParams({ ...choice, box: corners }).toString();
  const response = await request(`/v1/explain?${query}`, form);
  return {
    picture: await response.blob(),
    words: response.headers.get("Mien-Words") ?? "",
  };
}

/** Ask for JSON; what an error says is thrown as a `ServerError`. */
export async function ask(path: string, init?: RequestInit | FormData): Promise<unknown> {
  return (await request(path, init)).json();
}

/** Send a value as JSON and return the JSON that comes back. */
export async function send(method: "POST" | "PATCH", path: string, value: unknown): Promise<unknown> {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method, headers, body: JSON.stringify(value) });
}

/** Ask the server; a form is posted. */
export async function request(path: string, init: RequestInit | FormData = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init instanceof FormData ? { method: "POST", body: init } : init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ServerError(common.server_silent, null);
  }
  if (response.ok) return response;
  const retryAfter = Number(response.headers.get("Retry-After"));
  // The page of a token's refusal is no JSON.
  const isJson = response.headers.get("Content-Type")?.includes("json") ?? false;
  const { code, message } = isJson
    ? ((await response.json()) as ErrorReply).error
    : { code: "http_error", message: response.status === 401 ? common.token_asked : response.statusText };
  throw new ServerError(message, retryAfter || null, code, response.status);
}

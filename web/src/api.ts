// The REST side: what the server offers, and how it is asked.

import type { ErrorReply, ModelsReply } from "./protocol";
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

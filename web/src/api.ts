// The REST side: what the server offers, and photos to be read.

import type { AnalyzeReply, ErrorReply, Frame, ModelsReply } from "./protocol";

/** An error that the server told, in its own words. */
export class ServerError extends Error {
  constructor(
    message: string,
    readonly retryAfterS: number | null,
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

async function ask(path: string, form?: FormData): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(path, form ? { method: "POST", body: form } : {});
  } catch {
    throw new ServerError("The server does not answer. Is `mien serve` still running?", null);
  }
  const reply: unknown = await response.json();
  if (response.ok) return reply;
  const retryAfter = Number(response.headers.get("Retry-After"));
  throw new ServerError((reply as ErrorReply).error.message, retryAfter || null);
}

// The REST side: what the server offers, and photos to be read.

import type { AnalyzeReply, Box, ErrorReply, Frame, ModelsReply } from "./protocol";

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

async function ask(path: string, form?: FormData): Promise<unknown> {
  return (await request(path, form)).json();
}

async function request(path: string, form?: FormData): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, form ? { method: "POST", body: form } : {});
  } catch {
    throw new ServerError("The server does not answer. Is `mien serve` still running?", null);
  }
  if (response.ok) return response;
  const reply: unknown = await response.json();
  const retryAfter = Number(response.headers.get("Retry-After"));
  throw new ServerError((reply as ErrorReply).error.message, retryAfter || null);
}

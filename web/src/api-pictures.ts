// Single pictures, read by the server. For server-engine.ts alone: views ask the engine.

import { ask, request, ServerError } from "./api";
import type { Explanation, PictureChoice } from "./engine";
import type { AnalyzeReply, Box, Frame } from "./protocol";

const ATTEMPTS = 5;

/** Have one picture read; waits and asks again where the server says that it is too busy. */
export async function analyze(picture: Blob, name: string, choice: PictureChoice): Promise<Frame> {
  const form = new FormData();
  form.append("image", picture, name);
  const query = queryOf({ ...choice });
  for (let attempt = 1; ; attempt += 1) {
    try {
      const reply = (await ask(`/v1/analyze?${query}`, form)) as AnalyzeReply;
      const result = reply.results[0];
      if (!result) throw new ServerError("the server's answer has no result", null);
      return result;
    } catch (error) {
      const waitS = error instanceof ServerError ? error.retryAfterS : null;
      if (waitS === null || attempt === ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, waitS * 1000));
    }
  }
}

/** Have the face in a box of a picture explained. */
export async function explain(
  picture: Blob,
  box: Box,
  choice: PictureChoice & { label: string },
): Promise<Explanation> {
  const form = new FormData();
  form.append("image", picture, "frame.jpg");
  const corners = [box.x1, box.y1, box.x2, box.y2].join();
  // What is uncertain is of no matter to what spoke for it.
  const { uncertain_below: _, ...rest } = choice;
  const response = await request(`/v1/explain?${queryOf({ ...rest, box: corners })}`, form);
  return {
    picture: await response.blob(),
    words: response.headers.get("Mien-Words") ?? "",
  };
}

/** Return what is chosen as the query of an address; what is null is the server's to choose. */
function queryOf(choice: Record<string, string | number | null>): string {
  const chosen = Object.entries(choice).filter(([, value]) => value !== null);
  return new URLSearchParams(chosen.map(([name, value]) => [name, String(value)])).toString();
}

// Everything that can go wrong with a camera, in words: what happened, and what to do.

import words from "../words/en/live.json";
import { fill } from "./words";

export interface Problem {
  title: string;
  advice: string;
}

export const NEEDS_HTTPS: Problem = { title: words.https_title, advice: words.https_advice };

export const UNPLUGGED: Problem = {
  title: words.unplugged_title,
  advice: words.unplugged_advice,
};

export const NO_CAMERA: Problem = {
  title: words.no_camera_title,
  advice: words.no_camera_advice,
};

const REFUSED: Problem = { title: words.refused_title, advice: words.refused_advice };

const IN_USE: Problem = { title: words.in_use_title, advice: words.in_use_advice };

/** Say what an error of `getUserMedia` means. */
export function cameraProblem(error: unknown): Problem {
  const name = error instanceof DOMException ? error.name : "";
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return REFUSED;
    case "NotFoundError":
    case "OverconstrainedError":
      return NO_CAMERA;
    case "NotReadableError":
    case "AbortError":
      return IN_USE;
    default:
      return {
        title: words.other_problem_title,
        advice: fill(words.other_problem_advice, {
          words: error instanceof Error ? error.message : String(error),
        }),
      };
  }
}

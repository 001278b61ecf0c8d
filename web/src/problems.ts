// Everything that can go wrong with a camera, in words: what happened, and what to do.

export interface Problem {
  title: string;
  advice: string;
}

export const NEEDS_HTTPS: Problem = {
  title: "This address cannot use a camera",
  advice:
    "Browsers give cameras only to pages served over HTTPS or opened on the machine itself. " +
    "Open http://127.0.0.1 there, or put the server behind HTTPS. Photos work here as well.",
};

export const UNPLUGGED: Problem = {
  title: "The camera went away",
  advice: "It was unplugged, or the system took it back. Plug it in again, then try again.",
};

export const NO_CAMERA: Problem = {
  title: "No camera found",
  advice: "Connect a camera and try again. If it has a lid or a switch, open it. Photos work too.",
};

const REFUSED: Problem = {
  title: "The camera is not allowed",
  advice:
    "The browser was told not to give this page the camera. Click the camera or lock symbol " +
    "beside the address, allow the camera, then try again.",
};

const IN_USE: Problem = {
  title: "The camera is busy",
  advice: "Another program or tab seems to use it. Close that one, then try again.",
};

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
        title: "The camera did not start",
        advice: `The browser says: ${error instanceof Error ? error.message : String(error)}`,
      };
  }
}

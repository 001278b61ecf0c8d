// What a screen reader hears: who is in view and how they look, when it changes, not too often.

import { named, percent } from "./dom";
import type { LiveFace } from "./protocol";

const LEAST_PAUSE_MS = 4000;

export class Announcer {
  private said = "";
  private saidAtMs = -Infinity;

  constructor(private readonly region: HTMLElement) {}

  /** Say at once, whatever was said before. */
  say(words: string): void {
    this.region.textContent = words;
    this.saidAtMs = performance.now();
  }

  /** Say which faces there are, if that has changed and some time has passed. */
  faces(faces: readonly LiveFace[]): void {
    const gist = faces.map((face) => `${face.track_id} ${named(face.smoothed)}`).join(", ");
    if (gist === this.said || performance.now() - this.saidAtMs < LEAST_PAUSE_MS) return;
    this.said = gist;
    const words = faces.map(
      (face) =>
        `Face ${face.track_id}: ${face.smoothed.uncertain ? "perhaps " : ""}` +
        `${face.smoothed.dominant}, ${percent(face.smoothed.confidence)}`,
    );
    this.say(words.join(". ") || "No face in view");
  }
}

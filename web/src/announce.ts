// What a screen reader hears: who is in view and how they look, when it changes, not too often.

import words from "../words/en/live.json";
import { named, percent } from "./dom";
import type { LiveFace } from "./protocol";
import { fill } from "./words";

const LEAST_PAUSE_MS = 4000;

export class Announcer {
  private said = "";
  private saidAtMs = -Infinity;

  constructor(private readonly region: HTMLElement) {}

  /** Say at once, whatever was said before. */
  say(said: string): void {
    this.region.textContent = said;
    this.saidAtMs = performance.now();
  }

  /** Say which faces there are, if that has changed and some time has passed. */
  faces(faces: readonly LiveFace[]): void {
    const gist = faces.map((face) => `${face.track_id} ${named(face.smoothed)}`).join(", ");
    if (gist === this.said || performance.now() - this.saidAtMs < LEAST_PAUSE_MS) return;
    this.said = gist;
    const told = faces.map(({ track_id, smoothed }) =>
      fill(smoothed.uncertain ? words.said_perhaps : words.said_face, {
        number: track_id ?? "",
        name: smoothed.dominant,
        percent: percent(smoothed.confidence),
      }),
    );
    this.say(told.join(". ") || words.said_no_face);
  }
}

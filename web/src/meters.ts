// How quick it goes: frames answered in the last seconds, and the round trip of a frame.

import words from "../words/en/live.json";
import { fill } from "./words";

const WINDOW_MS = 2000;
const SHOWN_EVERY_MS = 500;

export class Meters {
  private answersAtMs: number[] = [];
  private roundTripMs = 0;
  private shownAtMs = 0;

  constructor(
    private readonly framesElement: HTMLElement,
    private readonly roundTripElement: HTMLElement,
  ) {}

  answered(tookMs: number): void {
    const nowMs = performance.now();
    this.answersAtMs.push(nowMs);
    this.answersAtMs = this.answersAtMs.filter((atMs) => atMs > nowMs - WINDOW_MS);
    this.roundTripMs = this.roundTripMs ? this.roundTripMs * 0.8 + tookMs * 0.2 : tookMs;
    if (nowMs - this.shownAtMs < SHOWN_EVERY_MS) return;
    this.shownAtMs = nowMs;
    const first = this.answersAtMs[0] ?? nowMs;
    const perS = nowMs > first ? ((this.answersAtMs.length - 1) * 1000) / (nowMs - first) : 0;
    this.framesElement.textContent = fill(words.frames_per_s, { rate: perS.toFixed(0) });
    this.roundTripElement.textContent = fill(words.milliseconds, {
      ms: this.roundTripMs.toFixed(0),
    });
  }

  clear(): void {
    this.answersAtMs = [];
    this.roundTripMs = 0;
    this.framesElement.textContent = words.none;
    this.roundTripElement.textContent = words.none;
  }
}

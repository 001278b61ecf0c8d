// The last minute: who looked how, and when; forgets by itself what is older.
//
// Its clock is that of `performance.now()`, in seconds, so that a lost connection is a gap in it
// like any other.

import type { LiveFace } from "./protocol";

export const SPAN_S = 60;
/** A face that was not seen for so long was away; the server follows faces as long. */
export const GAP_S = 1.5;
// More often than a pixel's width would show nothing more.
const LEAST_STEP_S = 0.05;

export interface Sample {
  atS: number;
  /** Smoothed probabilities in the order of `labels`. */
  parts: readonly number[];
}

export interface Lane {
  id: number;
  samples: Sample[];
}

export interface Tick {
  atS: number;
  word: string;
}

/** A stretch without a connection; one that still lasts has no end. */
export interface Outage {
  fromS: number;
  toS: number | null;
}

/** Where the clip was at a moment. */
export interface ClipPoint {
  atS: number;
  clipS: number;
}

export class Timeline {
  labels: readonly string[] = [];
  ticks: Tick[] = [];
  outages: Outage[] = [];
  clip: ClipPoint[] = [];
  /** The moment at the right edge. */
  nowS = 0;
  private lanesById = new Map<number, Lane>();

  /** Everybody who was seen in the last minute, by number. */
  get lanes(): Lane[] {
    return [...this.lanesById.values()].sort((a, b) => a.id - b.id);
  }

  get isEmpty(): boolean {
    return this.lanesById.size === 0 && this.ticks.length === 0;
  }

  /** Take what was seen at a moment, and where the clip was, if one plays. */
  add(atS: number, faces: readonly LiveFace[], clipS: number | null): void {
    this.moveTo(atS);
    for (const face of faces) this.addFace(atS, face);
    const before = this.clip.at(-1);
    if (clipS !== null && (!before || atS - before.atS >= LEAST_STEP_S)) {
      this.clip.push({ atS, clipS });
    }
  }

  mark(word: string, atS: number): void {
    this.ticks.push({ atS, word });
  }

  /** Begin or end a stretch without a connection. */
  outage(isOut: boolean, atS: number): void {
    const last = this.outages.at(-1);
    const lasts = last !== undefined && last.toS === null;
    if (isOut && !lasts) this.outages.push({ fromS: atS, toS: null });
    if (!isOut && lasts) last.toS = atS;
    this.moveTo(atS);
  }

  /** Those who come are others from here on, even where their numbers are the same. */
  clear(): void {
    this.lanesById.clear();
    this.ticks = [];
    this.outages = [];
    this.clip = [];
  }

  /** Each person's mean probabilities, in the order of `labels`. */
  means(): { id: number; means: number[] }[] {
    return this.lanes.map(({ id, samples }) => ({
      id,
      means: this.labels.map(
        (_, index) =>
          samples.reduce((sum, { parts }) => sum + (parts[index] ?? 0), 0) / samples.length,
      ),
    }));
  }

  moveTo(nowS: number): void {
    this.nowS = Math.max(this.nowS, nowS);
    // What has just left the edge still draws the line to it.
    const oldestS = this.nowS - SPAN_S - GAP_S;
    for (const [id, lane] of this.lanesById) {
      lane.samples = since(lane.samples, oldestS);
      if ((lane.samples.at(-1)?.atS ?? 0) < this.nowS - SPAN_S) this.lanesById.delete(id);
    }
    this.ticks = since(this.ticks, oldestS);
    this.clip = since(this.clip, oldestS);
    this.outages = this.outages.filter(({ toS }) => toS === null || toS > oldestS);
  }

  private addFace(atS: number, face: LiveFace): void {
    if (face.track_id === null) return;
    const labels = Object.keys(face.smoothed.probabilities);
    if (labels.join() !== this.labels.join()) {
      this.labels = labels;
      this.lanesById.clear();
    }
    const lane = this.lanesById.get(face.track_id) ?? { id: face.track_id, samples: [] };
    this.lanesById.set(face.track_id, lane);
    const before = lane.samples.at(-1);
    if (before && atS - before.atS < LEAST_STEP_S) return;
    lane.samples.push({ atS, parts: Object.values(face.smoothed.probabilities) });
  }
}

function since<T extends { atS: number }>(those: T[], oldestS: number): T[] {
  const first = those.findIndex(({ atS }) => atS >= oldestS);
  return first === 0 ? those : first === -1 ? [] : those.slice(first);
}

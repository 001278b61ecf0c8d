// A session's course for the stretch in view, in about as many bins as pixels, however long it is.
//
// More is asked for than is seen, so that panning finds something; what was asked for stays at
// hand; a question that a newer one overtook is called off.

import type { Stretch } from "../api-sessions";
import { Events } from "../events";
import type { TimelineReply } from "../protocol";

const PAUSE_MS = 140;
const KEPT = 24;
// As much again on either side of what is seen.
const MARGIN = 0.5;
const MOST_BINS = 4000;

export type Ask = (stretch: Stretch, signal: AbortSignal) => Promise<TimelineReply>;

/** A stretch in view, and the session that it lies in. */
export interface View {
  first_s: number;
  last_s: number;
  from_s: number;
  to_s: number;
}

interface Kept {
  from_s: number;
  to_s: number;
  reply: TimelineReply;
}

export class TimelineSource extends Events<{ came: TimelineReply; failed: unknown }> {
  private kept: Kept[] = [];
  private asked: AbortController | null = null;
  private waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly ask: Ask,
    private readonly together: boolean,
  ) {
    super();
  }

  /** Forget what was read: it has changed. */
  clear(): void {
    this.kept = [];
    this.asked?.abort();
    clearTimeout(this.waiting);
  }

  /** Return the finest course at hand of all that is in view, or null. */
  at({ from_s, to_s }: View): TimelineReply | null {
    const fitting = this.kept.filter((one) => one.from_s <= from_s && one.to_s >= to_s);
    return fitting.reduce<Kept | null>(
      (best, one) => (best && best.reply.bin_s <= one.reply.bin_s ? best : one),
      null,
    )?.reply ?? null;
  }

  /** Ask for what is in view in so many bins, unless it is at hand; `came` brings it. */
  want(view: View, bins: number, pauseMs = PAUSE_MS): void {
    clearTimeout(this.waiting);
    this.asked?.abort();
    const at = this.at(view);
    if (at && at.bin_s <= (1.3 * (view.to_s - view.from_s)) / bins) return;
    this.waiting = setTimeout(() => void this.fetch(view, bins), pauseMs);
  }

  private async fetch(view: View, bins: number): Promise<void> {
    const asking = (this.asked = new AbortController());
    const span_s = view.to_s - view.from_s;
    const from_s = Math.max(view.from_s - span_s * MARGIN, view.first_s);
    const to_s = Math.min(view.to_s + span_s * MARGIN, view.last_s);
    const share = span_s > 0 ? (to_s - from_s) / span_s : 1;
    const stretch: Stretch = {
      start_s: from_s,
      bins: Math.min(Math.max(Math.round(bins * share), 1), MOST_BINS),
      together: this.together,
    };
    // The end of a stretch is exclusive, and the last frame of the session is not to be missed.
    if (to_s < view.last_s) stretch.end_s = to_s;
    try {
      const reply = await this.ask(stretch, asking.signal);
      if (asking.signal.aborted) return;
      this.kept = [{ from_s, to_s, reply }, ...this.kept].slice(0, KEPT);
      this.emit("came", reply);
    } catch (error) {
      if (!asking.signal.aborted) this.emit("failed", error);
    }
  }
}

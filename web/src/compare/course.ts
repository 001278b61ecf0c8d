// One of the sessions that are compared: its course, and where it lies on the common axis.

import { fetchTimeline } from "../api-sessions";
import { styleOf } from "../session/plot";
import type { Session, SessionReply, TimelineReply } from "../protocol";
import { type Columns, columnsOf, gapOf } from "../session/columns";
import { TimelineSource } from "../session/timeline-source";
import type { TimeWindow } from "../session/window";

/** As many as can be told apart by colour and dashes. */
export const MOST = 6;
const DASHES: readonly number[][] = [[], [8, 4], [2, 3], [12, 3, 2, 3], [5, 2], [1, 5]];
const NOTHING: Columns = { times_s: [], faces: [], means: new Map(), gap_s: 0 };

export class Course {
  readonly source: TimelineSource;
  /** When the first of its course is there, or it is known that there is none. */
  readonly ready: Promise<void>;
  columns = NOTHING;
  /** Where the session is lined up, on its own clock. */
  zero_s: number;
  /** What it is moved by besides, to the right. */
  moved_s = 0;
  private shown: { reply: TimelineReply; shift_s: number } | null = null;

  constructor(
    readonly reply: SessionReply,
    private readonly order: number,
  ) {
    this.zero_s = this.first_s;
    const { id } = reply.session;
    this.source = new TimelineSource((stretch, signal) => fetchTimeline(id, stretch, signal), true);
    this.ready = new Promise((resolve) => {
      if (!reply.session.frames) resolve();
      this.source.on("came", () => resolve());
      this.source.on("failed", () => resolve());
    });
  }

  get session(): Session {
    return this.reply.session;
  }

  get first_s(): number {
    return this.session.first_s ?? 0;
  }

  get last_s(): number {
    return this.session.last_s ?? this.first_s;
  }

  /** What is added to the session's own time to get that of the axis. */
  get shift_s(): number {
    return this.moved_s - this.zero_s;
  }

  get dash(): number[] {
    return DASHES[this.order] ?? [];
  }

  colour(element: HTMLElement): string {
    return styleOf(element, `--session-${this.order + 1}`);
  }

  /** A bit of its line, which says in words and pictures alike which one it is. */
  sign(): SVGSVGElement {
    const sign = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    sign.setAttribute("viewBox", "0 0 32 8");
    sign.setAttribute("aria-hidden", "true");
    sign.classList.add("line-sign");
    sign.style.color = `var(--session-${this.order + 1})`;
    for (const [name, value] of Object.entries({ x1: 1, x2: 31, y1: 4, y2: 4 })) {
      line.setAttribute(name, String(value));
    }
    line.setAttribute("stroke-dasharray", this.dash.join(" "));
    sign.append(line);
    return sign;
  }

  want(window: TimeWindow, bins: number, pauseMs?: number): void {
    const view = this.view(window);
    if (!view || !this.session.frames) return;
    const share = (view.to_s - view.from_s) / window.span_s;
    this.source.want(view, Math.max(Math.round(bins * share), 1), pauseMs);
  }

  /** Take the course that is at hand for a window, on the common axis; say if it is another one. */
  take(window: TimeWindow): boolean {
    const view = this.view(window);
    const reply = (view && this.source.at(view)) ?? this.shown?.reply;
    if (!reply) return false;
    if (this.shown?.reply === reply && this.shown.shift_s === this.shift_s) return false;
    this.shown = { reply, shift_s: this.shift_s };
    const line = reply.lines[0] ?? { track_id: null, bins: [], faces: [], means: {} };
    const own = columnsOf(line, reply, gapOf(this.session, reply.bin_s));
    this.columns = { ...own, times_s: own.times_s.map((time_s) => time_s + this.shift_s) };
    return true;
  }

  private view(window: TimeWindow) {
    const from_s = Math.max(window.from_s - this.shift_s, this.first_s);
    const to_s = Math.min(window.to_s - this.shift_s, this.last_s);
    if (to_s <= from_s) return null;
    return { first_s: this.first_s, last_s: this.last_s, from_s, to_s };
  }
}

// The panel of the last minute: drawn with every result, and told in words every few seconds.

import words from "../words/en/live.json";
import { byId, context2d, percent } from "./dom";
import type { Colours } from "./overlay";
import type { LiveFace } from "./protocol";
import { Timeline } from "./timeline";
import { drawTimeline, MOST_LANES, type Look } from "./timeline-drawing";
import { fill } from "./words";

const TOLD_EVERY_MS = 5000;
const TOLD_SHARES = 3;

export interface TimelineContext {
  colours: () => Colours;
  /** What the session's clock shows at a moment of `performance.now()`. */
  sessionTimeS: (atMs: number) => number | null;
  /** Where the clip is, in seconds, if it plays. */
  clipS: () => number | null;
}

export class TimelinePanel {
  private readonly timeline = new Timeline();
  private readonly canvas = byId("timeline", HTMLCanvasElement);
  private readonly before = byId("timeline-before", HTMLElement);
  private readonly told = byId("timeline-told", HTMLElement);
  private readonly more = byId("timeline-more", HTMLElement);
  private toldAtMs = -Infinity;

  constructor(private readonly context: TimelineContext) {
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      window.matchMedia(query).addEventListener("change", () => this.draw());
    }
  }

  show(faces: readonly LiveFace[], takenAtMs: number): void {
    this.timeline.add(takenAtMs / 1000, faces, this.context.clipS());
    this.draw();
    if (takenAtMs - this.toldAtMs < TOLD_EVERY_MS) return;
    this.toldAtMs = takenAtMs;
    this.told.textContent = this.inWords();
  }

  mark(word: string, atMs: number): void {
    this.timeline.mark(word, atMs / 1000);
    this.draw();
  }

  /** Show that there is no connection, or again one. */
  outage(isOut: boolean): void {
    if (this.timeline.isEmpty) return;
    this.timeline.outage(isOut, performance.now() / 1000);
    this.draw();
  }

  clear(): void {
    this.timeline.clear();
    this.toldAtMs = -Infinity;
    this.told.textContent = "";
    this.draw();
  }

  private draw(): void {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const density = window.devicePixelRatio || 1;
    const size = [Math.round(width * density), Math.round(height * density)] as const;
    if (this.canvas.width !== size[0] || this.canvas.height !== size[1]) {
      [this.canvas.width, this.canvas.height] = size;
    }
    const ctx = context2d(this.canvas);
    ctx.setTransform(density, 0, 0, density, 0, 0);
    ctx.clearRect(0, 0, width, height);
    const { timeline } = this;
    const hidden = timeline.lanes.length - MOST_LANES;
    this.more.textContent = hidden > 0 ? fill(words.timeline_more, { count: hidden }) : "";
    this.before.hidden = !timeline.isEmpty;
    if (timeline.isEmpty) return;
    const sessionS = this.context.sessionTimeS(timeline.nowS * 1000);
    const scene = { timeline, colours: this.context.colours(), look: this.look(), sessionS };
    drawTimeline(ctx, scene, width, height);
  }

  /** The colours of the page, light or dark; see styles/last-minute.css. */
  private look(): Look {
    const style = getComputedStyle(this.canvas);
    return {
      ink: style.color,
      soft: style.caretColor,
      line: style.columnRuleColor,
      ground: style.backgroundColor,
    };
  }

  private inWords(): string {
    const people = this.timeline.means().map(({ id, means }) => {
      const shares = this.timeline.labels
        .map((name, index) => ({ name, share: means[index] ?? 0 }))
        .sort((a, b) => b.share - a.share)
        .slice(0, TOLD_SHARES)
        .map(({ name, share }) => fill(words.timeline_share, { name, percent: percent(share) }));
      return fill(words.timeline_told, { number: id, shares: shares.join(", ") });
    });
    return people.join(" ") || words.timeline_told_none;
  }
}

// Draws the last minute: a lane a person, with a band an expression that is as high as it is
// probable. Bands are parted by lines of the ground and named at their ends, so that nobody has to
// tell their colours apart.

import words from "../words/en/live.json";
import { capital } from "./dom";
import { clock } from "./format";
import type { Rect } from "./geometry";
import type { Colours } from "./overlay";
import { GAP_S, SPAN_S, type Lane, type Sample, type Timeline } from "./timeline";
import { fill } from "./words";

export const MOST_LANES = 4;
const FONT = '"Instrument Sans Variable", system-ui, sans-serif';
const TEXT_PX = 11.5;
const ROW_PX = 16;
const LANE_GAP_PX = 5;
const GRID_EVERY_S = 15;
const NARROW_PX = 480;
const CLIP_BAR_PX = 4;
const ONCE_S = 0.15;

/** The page's colours; those of expressions come from the server. */
export interface Look {
  ink: string;
  soft: string;
  line: string;
  ground: string;
}

export interface Scene {
  timeline: Timeline;
  colours: Colours;
  look: Look;
  /** What the session's clock shows at the right edge; null where nothing is recorded. */
  sessionS: number | null;
}

/** Draw it into an area of so many pixels. */
export function drawTimeline(
  ctx: CanvasRenderingContext2D,
  scene: Scene,
  width: number,
  height: number,
): void {
  new Drawing(ctx, scene, width, height).draw();
}

class Drawing {
  private readonly plot: Rect;
  private readonly gridEveryS: number;

  constructor(
    private readonly ctx: CanvasRenderingContext2D,
    private readonly scene: Scene,
    private readonly width: number,
    height: number,
  ) {
    const isNarrow = width < NARROW_PX;
    const [left, right] = isNarrow ? [46, 78] : [58, 92];
    this.gridEveryS = isNarrow ? 2 * GRID_EVERY_S : GRID_EVERY_S;
    const clipRow = scene.timeline.clip.length ? ROW_PX : 0;
    this.plot = {
      x: left,
      y: ROW_PX,
      width: width - left - right,
      height: height - 2 * ROW_PX - clipRow,
    };
  }

  draw(): void {
    const { timeline } = this.scene;
    this.drawGrid();
    this.drawOutages();
    const lanes = timeline.lanes.slice(-MOST_LANES);
    const room = this.plot.height - LANE_GAP_PX * (lanes.length - 1);
    lanes.forEach((lane, index) => {
      const height = room / lanes.length;
      const y = this.plot.y + index * (height + LANE_GAP_PX);
      this.drawLane(lane, { ...this.plot, y, height });
    });
    this.drawClip();
    this.drawTicks();
  }

  private x(atS: number): number {
    const { x, width } = this.plot;
    return x + width * (1 + (atS - this.scene.timeline.nowS) / SPAN_S);
  }

  /** Time runs with the session's clock where there is one, else it is told from now. */
  private drawGrid(): void {
    const { timeline, sessionS, look } = this.scene;
    const { x, y, height, width } = this.plot;
    const offsetS = sessionS === null ? 0 : sessionS % this.gridEveryS;
    for (let agoS = offsetS; agoS <= SPAN_S; agoS += this.gridEveryS) {
      if (sessionS !== null && agoS > sessionS) break;
      const at = this.x(timeline.nowS - agoS);
      this.rule(at, y, y + height, look.line);
      const said = sessionS === null ? ago(agoS) : clock(Math.round(sessionS - agoS));
      if (at > x + width - 24 && sessionS !== null) continue;
      this.text(said, at, this.axisY, look.soft, at < x + 24 ? "left" : "center");
    }
  }

  private get axisY(): number {
    const clipRow = this.scene.timeline.clip.length ? ROW_PX : 0;
    return this.plot.y + this.plot.height + clipRow + ROW_PX / 2 + 1;
  }

  private drawOutages(): void {
    const { timeline, look } = this.scene;
    const { x, y, height } = this.plot;
    for (const { fromS, toS } of timeline.outages) {
      const left = Math.max(x, this.x(fromS));
      const right = this.x(toS ?? timeline.nowS);
      if (right <= x) continue;
      this.ctx.save();
      this.ctx.beginPath();
      this.ctx.rect(left, y, right - left, height);
      this.ctx.clip();
      this.ctx.strokeStyle = look.line;
      this.ctx.lineWidth = 2;
      this.ctx.beginPath();
      for (let at = left - height; at < right; at += 9) {
        this.ctx.moveTo(at, y + height);
        this.ctx.lineTo(at + height, y);
      }
      this.ctx.stroke();
      this.ctx.restore();
      if (right - left > 90) {
        this.text(words.timeline_lost, (left + right) / 2, y + height / 2, look.soft, "center");
      }
    }
  }

  private drawLane(lane: Lane, area: Rect): void {
    const { look, timeline, colours } = this.scene;
    const middle = area.y + area.height / 2;
    this.text(fill(words.face, { number: lane.id }), 0, middle, look.ink, "left", 600);
    this.ctx.save();
    this.ctx.beginPath();
    this.ctx.rect(area.x, area.y, area.width, area.height);
    this.ctx.clip();
    for (const run of runsOf(lane.samples).map(widened)) {
      let floor: readonly number[] = run.map(() => 0);
      timeline.labels.forEach((label, index) => {
        const top = run.map(({ parts }, at) => (floor[at] ?? 0) + (parts[index] ?? 0));
        this.drawBand(run, floor, top, area, colours.get(label) ?? look.soft);
        floor = top;
      });
    }
    this.ctx.restore();
    const last = lane.samples.at(-1);
    if (last && timeline.nowS - last.atS < GAP_S) this.drawNames(last, area);
  }

  /** Draw one expression's band, and the line that parts it from the next. */
  private drawBand(
    run: readonly Sample[],
    floor: readonly number[],
    top: readonly number[],
    area: Rect,
    colour: string,
  ): void {
    const { ctx } = this;
    const y = (part: number): number => area.y + area.height * (1 - part);
    const xs = run.map(({ atS }) => this.x(atS));
    const edge = new Path2D();
    xs.forEach((x, at) => edge.lineTo(x, y(top[at] ?? 0)));
    const band = new Path2D(edge);
    for (let at = xs.length - 1; at >= 0; at -= 1) band.lineTo(xs[at] ?? 0, y(floor[at] ?? 0));
    band.closePath();
    ctx.fillStyle = colour;
    ctx.fill(band);
    ctx.strokeStyle = this.scene.look.ground;
    ctx.lineWidth = 1;
    ctx.stroke(edge);
  }

  /** Name the bands at their ends, those that are high enough; else the highest. */
  private drawNames(last: Sample, area: Rect): void {
    const { look, timeline, colours } = this.scene;
    let below = 0;
    const bands = timeline.labels.map((label, index) => {
      const part = last.parts[index] ?? 0;
      const middle = area.y + area.height * (1 - below - part / 2);
      below += part;
      return { label, part, middle };
    });
    const named = bands.filter(({ part }) => part * area.height >= TEXT_PX);
    const highest = bands.reduce((a, b) => (b.part > a.part ? b : a));
    for (const { label, middle } of named.length ? named : [highest]) {
      const x = area.x + area.width + 8;
      this.ctx.fillStyle = colours.get(label) ?? look.soft;
      this.ctx.fillRect(x, middle - 4, 8, 8);
      this.text(capital(label), x + 13, middle, look.ink, "left", 550);
    }
  }

  /** A bar where the clip played, and where it is. */
  private drawClip(): void {
    const { timeline, look } = this.scene;
    const { x, y, width, height } = this.plot;
    const middle = y + height + ROW_PX / 2 + 1;
    for (const run of runsOf(timeline.clip)) {
      const left = Math.max(x, this.x(run[0]?.atS ?? 0));
      const right = this.x(run.at(-1)?.atS ?? 0);
      this.ctx.fillStyle = look.soft;
      this.ctx.fillRect(left, middle - CLIP_BAR_PX / 2, Math.max(1, right - left), CLIP_BAR_PX);
    }
    const last = timeline.clip.at(-1);
    if (!last || last.atS < timeline.nowS - SPAN_S) return;
    const said = fill(words.timeline_clip, { time: clock(last.clipS) });
    this.text(said, x + width + 8, middle, look.soft, "left");
  }

  /** Markers, each with its word; words that would run into the next one are cut short. */
  private drawTicks(): void {
    const { timeline, look } = this.scene;
    const { x, y, width, height } = this.plot;
    let room = this.width;
    for (const { atS, word } of [...timeline.ticks].sort((a, b) => b.atS - a.atS)) {
      const at = this.x(atS);
      if (at < x || at > x + width + 1) continue;
      this.rule(at, y - 3, y + height, look.ink, 1.5);
      this.text(word, at, ROW_PX / 2 - 1, look.ink, "left", 550, room - at - 6);
      room = at;
    }
  }

  private rule(x: number, top: number, bottom: number, style: string, width = 1): void {
    const { ctx } = this;
    ctx.strokeStyle = style;
    ctx.lineWidth = width;
    ctx.beginPath();
    ctx.moveTo(Math.round(x) + 0.5, top);
    ctx.lineTo(Math.round(x) + 0.5, bottom);
    ctx.stroke();
  }

  private text(
    said: string,
    x: number,
    y: number,
    style: string,
    align: CanvasTextAlign,
    weight = 450,
    room = Infinity,
  ): void {
    const { ctx } = this;
    ctx.font = `${weight} ${TEXT_PX}px ${FONT}`;
    ctx.textAlign = align;
    ctx.textBaseline = "middle";
    ctx.fillStyle = style;
    let shown = said;
    while (shown && ctx.measureText(shown).width > room) {
      shown = shown.length > 2 ? `${shown.slice(0, -2).trimEnd()}…` : "";
    }
    ctx.fillText(shown, x, y);
  }
}

function ago(seconds: number): string {
  return seconds === 0 ? words.timeline_now : fill(words.timeline_ago, { seconds });
}

/** A face that was seen once is shown for a moment; a point has no width. */
function widened(run: readonly Sample[]): readonly Sample[] {
  const [only] = run;
  return only && run.length === 1 ? [only, { ...only, atS: only.atS + ONCE_S }] : run;
}

/** Split where somebody was away for longer than a blink. */
function runsOf<T extends { atS: number }>(samples: readonly T[]): T[][] {
  const runs: T[][] = [];
  let beforeS = -Infinity;
  for (const sample of samples) {
    if (sample.atS - beforeS > GAP_S) runs.push([]);
    runs.at(-1)?.push(sample);
    beforeS = sample.atS;
  }
  return runs;
}

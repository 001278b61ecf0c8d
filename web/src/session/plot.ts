// One plot over time: lines between 0 and 100 %, drawn by uPlot, whose window others share.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { percent } from "../dom";
import { at, decimalsFor } from "./times";
import type { TimeWindow } from "./window";

/** Room left and right of what is drawn, in CSS pixels; other parts align with it. */
export const LEFT_PX = 44;
export const RIGHT_PX = 14;
const AXIS_PX = 30;
const FONT = '12px "Instrument Sans Variable", system-ui, sans-serif';
export const DRAWN = "mien:drawn";

export interface Line {
  name: string;
  /** A function where light and dark have each their own. */
  colour: string | (() => string);
  shown: boolean;
  /** Lengths of dashes and gaps in CSS pixels, so that a line is not known by colour alone. */
  dash?: number[];
}

export type Values = (number | null | undefined)[];

export interface PlotEvents {
  /** The pointer is at a moment, or has left (null). */
  hovered: (moment_s: number | null) => void;
  picked: (moment_s: number) => void;
}

export class Plot {
  private readonly plot: uPlot;
  private startedMs = 0;

  constructor(
    private readonly host: HTMLElement,
    private readonly window: TimeWindow,
    private lines: readonly Line[],
    private readonly events: PlotEvents,
    /** The place of the value that a line has at a moment, or null. */
    private readonly place: (moment_s: number, line: number) => number | null,
    hasAxis: boolean,
  ) {
    const data: uPlot.AlignedData = [[], ...lines.map(() => [])];
    this.plot = new uPlot(this.options(hasAxis), data, host);
    this.plot.over.addEventListener("click", (event) => {
      events.picked(this.plot.posToVal(event.offsetX, "x"));
    });
    new ResizeObserver(() => this.fit()).observe(host);
  }

  /** Where gestures begin. */
  get over(): HTMLElement {
    return this.plot.over;
  }

  get widthPx(): number {
    return this.plot.over.clientWidth || this.host.clientWidth - LEFT_PX - RIGHT_PX;
  }

  show(times_s: readonly number[], columns: readonly Values[]): void {
    this.host.dataset["points"] = String(times_s.length);
    this.plot.setData([times_s as number[], ...columns.map((column) => [...column])], false);
    this.move();
  }

  move(): void {
    this.plot.setScale("x", { min: this.window.from_s, max: this.window.to_s });
  }

  toggle(lines: readonly Line[]): void {
    this.lines = lines;
    this.plot.batch(() => {
      lines.forEach(({ shown: show }, line) => {
        if (this.plot.series[line + 1]?.show !== show) this.plot.setSeries(line + 1, { show });
      });
    });
  }

  /** Show the values of a moment, as if the pointer were there. */
  point(moment_s: number | null): void {
    const left = moment_s === null ? -10 : this.plot.valToPos(moment_s, "x");
    this.plot.setCursor({ left, top: left < 0 ? -10 : 0 }, false);
  }

  /** Draw again in the colours that hold now. */
  redraw(): void {
    this.plot.redraw(false, true);
  }

  destroy(): void {
    this.plot.destroy();
  }

  private fit(): void {
    const { clientWidth: width, clientHeight: height } = this.host;
    if (width && height) this.plot.setSize({ width, height });
  }

  private options(hasAxis: boolean): uPlot.Options {
    const soft = () => styleOf(this.host, "--ink-soft");
    const grid = { stroke: () => styleOf(this.host, "--line"), width: 1 };
    return {
      width: this.host.clientWidth || 300,
      height: this.host.clientHeight || 160,
      padding: [8, RIGHT_PX, hasAxis ? 0 : 4, 0],
      legend: { show: false },
      scales: {
        x: { time: false, auto: false, min: this.window.from_s, max: this.window.to_s },
        y: { auto: false, range: [0, 1] },
      },
      axes: [
        {
          stroke: soft,
          font: FONT,
          grid,
          ticks: { show: false },
          size: hasAxis ? AXIS_PX : 0,
          gap: 6,
          space: 76,
          incrs: STEPS_S,
          values: (_, splits) => ticks(splits, hasAxis),
        },
        {
          stroke: soft,
          font: FONT,
          grid,
          ticks: { show: false },
          size: LEFT_PX,
          gap: 6,
          splits: [0, 0.5, 1],
          values: (_, splits) => splits.map(percent),
        },
      ],
      cursor: {
        y: false,
        dataIdx: (plot, series, closest) => this.placeAt(plot, series, closest),
        points: { size: 8, width: 2, fill: () => styleOf(this.host, "--surface") },
        drag: { x: true, y: false, setScale: false, dist: 5 },
        bind: {
          dblclick: () => () => {
            this.window.showAll();
            return null;
          },
        },
      },
      series: [{}, ...this.lines.map(seriesOf)],
      hooks: {
        setSelect: [(plot) => this.selected(plot)],
        setCursor: [(plot) => this.hovered(plot)],
        drawClear: [() => (this.startedMs = performance.now())],
        draw: [() => this.drawn()],
      },
    };
  }

  private placeAt(plot: uPlot, series: number, closest: number): number | null {
    const left = plot.cursor.left ?? -1;
    if (left < 0 || series === 0) return closest;
    return this.place(plot.posToVal(left, "x"), series - 1);
  }

  private selected(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width <= 0) return;
    const [from_s, to_s] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.window.show(from_s, to_s);
  }

  private hovered(plot: uPlot): void {
    const left = plot.cursor.left ?? -1;
    this.events.hovered(left < 0 ? null : plot.posToVal(left, "x"));
  }

  /** Tell whoever measures how long drawing took; nothing is kept. */
  private drawn(): void {
    performance.measure(DRAWN, { start: this.startedMs, end: performance.now() });
    performance.clearMeasures(DRAWN);
  }
}

const MINUTE = 60;
const HOUR = 3600;
const STEPS_S = [
  ...[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 4, 6, 12, 24].map((hours) => hours * HOUR),
];

function ticks(splits: readonly number[], hasAxis: boolean): string[] {
  if (!hasAxis) return splits.map(() => "");
  const step_s = (splits[1] ?? 0) - (splits[0] ?? 0);
  return splits.map((split) => at(split, decimalsFor(step_s)));
}

function seriesOf({ name, colour, dash, shown }: Line): uPlot.Series {
  return {
    label: name,
    stroke: colour,
    width: 2,
    ...(dash ? { dash } : {}),
    show: shown,
    spanGaps: false,
    points: { show: true, size: 5, fill: colour, filter: lonely },
  };
}

/** Only points that no line joins to another one are drawn as points. */
function lonely(plot: uPlot, series: number, show: boolean): number[] | null {
  const values = plot.data[series] as Values | undefined;
  if (!show || !values) return null;
  // Where another line has a point and this one has not, it goes on; a null is where it ends.
  const own = values.flatMap((value, place) => (value === undefined ? [] : [place]));
  const isEnd = (place: number | undefined) => place === undefined || values[place] === null;
  return own.filter(
    (place, order) => !isEnd(place) && isEnd(own[order - 1]) && isEnd(own[order + 1]),
  );
}

/** A colour of the style sheets as a canvas takes it: `light-dark()` and the like resolved. */
export function styleOf(element: HTMLElement, name: string): string {
  const probe = (probes.get(element) ?? document.createElement("i")) as HTMLElement;
  if (!probes.has(element)) {
    probe.hidden = true;
    probes.set(element, probe);
    element.append(probe);
  }
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

const probes = new WeakMap<HTMLElement, HTMLElement>();

/** Do something whenever light becomes dark or dark light. */
export function onScheme(changed: () => void): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  const options = { attributes: true, attributeFilter: ["data-theme"] };
  new MutationObserver(changed).observe(document.documentElement, options);
}

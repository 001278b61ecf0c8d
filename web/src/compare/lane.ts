// One expression in all sessions that are compared.

import uPlot from "uplot";
import { capital, make, percent } from "../dom";
import type { Label } from "../protocol";
import { nearest } from "../session/columns";
import { Plot, type PlotEvents, type Values } from "../session/plot";
import type { TimeWindow } from "../session/window";
import type { Course } from "./course";

// What uPlot calls `JoinNullMode.Expand`.
const EXPAND_NULLS = 2;

export class CompareLane {
  readonly element: HTMLElement;
  readonly plot: Plot;
  private readonly values: HTMLElement[] = [];
  private places: Map<number, number> = new Map();

  constructor(
    readonly label: Label,
    private readonly courses: readonly Course[],
    window: TimeWindow,
    events: PlotEvents,
    parent: HTMLElement,
  ) {
    const host = make("div", "lane-plot");
    this.element = make("article", "lane with-axis", this.head(), host);
    this.element.setAttribute("aria-label", capital(label.name));
    parent.append(this.element);
    const lines = courses.map((course) => ({
      name: course.session.title,
      colour: () => course.colour(host),
      dash: course.dash,
      shown: true,
    }));
    const place = (moment_s: number, line: number) => this.placeOf(moment_s, line);
    this.plot = new Plot(host, window, lines, events, place, true);
  }

  show(): void {
    const tables = this.courses.map(({ columns }): uPlot.AlignedData => {
      const values = columns.means.get(this.label.name) ?? columns.times_s.map(() => null);
      return [columns.times_s, values];
    });
    // Else a line would go on over its gaps wherever another one has a point in them.
    const modes = tables.map(() => [EXPAND_NULLS, EXPAND_NULLS]);
    const [times_s = [], ...lines] = uPlot.join(tables, modes) as [number[], ...Values[]];
    this.places = new Map(times_s.map((time_s, place) => [time_s, place]));
    this.plot.show(times_s, lines);
  }

  /** Say what each session has at a moment of the axis. */
  read(moment_s: number | null): void {
    this.courses.forEach((course, order) => {
      const mean = moment_s === null ? null : meanAt(course, this.label.name, moment_s);
      const value = this.values[order];
      if (value) value.textContent = mean === null ? "–" : percent(mean);
    });
    this.plot.point(moment_s);
  }

  destroy(): void {
    this.plot.destroy();
    this.element.remove();
  }

  private head(): HTMLElement {
    const swatch = make("i", "swatch");
    swatch.style.background = this.label.colour;
    const list = make("dl", "lane-values");
    for (const course of this.courses) {
      const name = make("dt", "", make("span", "unseen", course.session.title));
      name.prepend(course.sign());
      const value = make("dd", "", "–");
      this.values.push(value);
      list.append(make("div", "", name, value));
    }
    const title = make("h3", "", swatch, capital(this.label.name));
    return make("header", "lane-head", title, list);
  }

  private placeOf(moment_s: number, line: number): number | null {
    const columns = this.courses[line]?.columns;
    const place = columns ? nearest(columns, moment_s) : null;
    const time_s = place === null ? undefined : columns?.times_s[place];
    return time_s === undefined ? null : (this.places.get(time_s) ?? null);
  }
}

function meanAt({ columns }: Course, label: string, moment_s: number): number | null {
  const place = nearest(columns, moment_s);
  return place === null ? null : (columns.means.get(label)?.[place] ?? null);
}

// One person over time: who it is, what is read where the pointer is, and the lines.

import { capital, make, percent } from "../dom";
import type { Label, MediaFile, TimelineReply } from "../protocol";
import words from "../../words/en/session.json";
import { type Columns, columnsOf, nearest } from "./columns";
import { type Line, Plot, type PlotEvents } from "./plot";
import type { TimeWindow } from "./window";

const PICTURE_PAUSE_MS = 80;
// A picture shows a moment; it stands for those around it.
const PICTURE_NEAR_S = 5;

export interface Subject {
  /** The root track; null for faces without a number, or for everybody together. */
  track: number | null;
  name: string;
  pictures: readonly MediaFile[];
  /** Whether there is room for a picture, which there is for all where one has some. */
  hasRoom: boolean;
}

export class Lane {
  readonly element: HTMLElement;
  readonly plot: Plot;
  columns: Columns = { times_s: [], faces: [], means: new Map(), gap_s: 0 };
  private readonly values = new Map<string, { item: HTMLElement; value: HTMLElement }>();
  private readonly picture = make("img");
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private shown: TimelineReply | null = null;

  constructor(
    readonly subject: Subject,
    private readonly labels: readonly Label[],
    selected: ReadonlySet<string>,
    window: TimeWindow,
    events: PlotEvents,
    hasAxis: boolean,
    parent: HTMLElement,
  ) {
    const host = make("div", "lane-plot");
    this.element = make("article", "lane", this.head(), host);
    this.element.classList.toggle("with-axis", hasAxis);
    this.element.setAttribute("aria-label", subject.name);
    parent.append(this.element);
    this.plot = new Plot(
      host,
      window,
      linesOf(labels, selected),
      events,
      (moment_s) => nearest(this.columns, moment_s),
      hasAxis,
    );
    this.select(selected);
  }

  show(reply: TimelineReply, gap_s: number): void {
    if (this.shown === reply) return;
    this.shown = reply;
    const line = reply.lines.find(({ track_id }) => track_id === this.subject.track);
    const none = { track_id: null, bins: [], faces: [], means: {} };
    this.columns = columnsOf(line ?? none, reply, gap_s);
    const { times_s, means } = this.columns;
    this.plot.show(
      times_s,
      this.labels.map(({ name }) => means.get(name) ?? times_s.map(() => null)),
    );
  }

  select(selected: ReadonlySet<string>): void {
    this.plot.toggle(linesOf(this.labels, selected));
    for (const [label, { item }] of this.values) item.hidden = !selected.has(label);
  }

  /** Say what is read at a moment. */
  read(moment_s: number): void {
    const place = nearest(this.columns, moment_s);
    for (const [label, { value }] of this.values) {
      const mean = place === null ? null : this.columns.means.get(label)?.[place];
      value.textContent = mean === null || mean === undefined ? "–" : percent(mean);
    }
    this.element.dataset["seen"] = String(place !== null);
    if (this.subject.pictures.length) this.picturize(place === null ? null : moment_s);
  }

  /** The same for a screen reader: "Ada: happiness 82 %". */
  said(moment_s: number): string {
    const place = nearest(this.columns, moment_s);
    const means = [...this.columns.means]
      .map(([label, column]) => ({ label, mean: place === null ? 0 : (column[place] ?? 0) }))
      .sort((a, b) => b.mean - a.mean);
    const [most] = means;
    if (place === null || !most) return `${this.subject.name}: ${words.not_seen}`;
    return `${this.subject.name}: ${most.label} ${percent(most.mean)}`;
  }

  destroy(): void {
    clearTimeout(this.waiting);
    this.plot.destroy();
    this.element.remove();
  }

  private head(): HTMLElement {
    const list = make("dl", "lane-values");
    for (const { name, colour } of this.labels) {
      const [swatch, value] = [make("i", "swatch"), make("dd", "", "–")];
      swatch.style.background = colour;
      const item = make("div", "", make("dt", "", swatch, capital(name)), value);
      this.values.set(name, { item, value });
      list.append(item);
    }
    const head = make("header", "lane-head", make("h3", "", this.subject.name), list);
    if (this.subject.hasRoom) {
      this.picture.alt = "";
      this.picture.className = "lane-picture";
      head.prepend(this.picture);
      head.classList.add("with-picture");
    }
    return head;
  }

  /** Show the picture that was kept nearest to a moment, once the pointer rests. */
  private picturize(moment_s: number | null): void {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      const { pictures } = this.subject;
      const near = moment_s === null ? null : pictureNear(pictures, moment_s, PICTURE_NEAR_S);
      if (near && this.picture.getAttribute("src") !== near.url) this.picture.src = near.url;
      this.picture.dataset["shown"] = String(near !== null);
    }, PICTURE_PAUSE_MS);
  }
}

/** Return the picture nearest to a moment, if one is near enough. */
export function pictureNear(
  pictures: readonly MediaFile[],
  moment_s: number,
  most_s: number,
): MediaFile | null {
  const away = (file: MediaFile) => Math.abs((file.timestamp_s ?? Infinity) - moment_s);
  const best = pictures.reduce<MediaFile | null>(
    (near, file) => (near && away(near) <= away(file) ? near : file),
    null,
  );
  return best && away(best) <= most_s ? best : null;
}

function linesOf(labels: readonly Label[], selected: ReadonlySet<string>): Line[] {
  return labels.map(({ name, colour }) => ({ name, colour, shown: selected.has(name) }));
}

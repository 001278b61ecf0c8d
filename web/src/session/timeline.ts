// The course of a session: a lane a person, one window and one position for all of them.

import { fetchTimeline } from "../api-sessions";
import { byId, capital, make } from "../dom";
import type { Label, TimelineReply } from "../protocol";
import { fill } from "../words";
import words from "../../words/en/session.json";
import { Alternative } from "./alternative";
import type { SessionBook } from "./book";
import { gapOf, meansBetween } from "./columns";
import { addGestures } from "./gestures";
import { Lane, type Subject } from "./lane";
import { MarkerFlags } from "./marker-flags";
import { Overview } from "./overview";
import { onScheme } from "./plot";
import type { Position } from "./position";
import { type Ask, TimelineSource } from "./timeline-source";
import { at, length } from "./times";
import type { Who, WhoChoice } from "./who";
import type { TimeWindow } from "./window";

const OVERVIEW_BINS = 600;
// What is hardly ever seen is not shown at first.
const SHOWN_FROM_MEAN = 0.07;
const SHOWN_FROM_PEAK = 0.4;
// More than these side by side are no picture any more; each of the others can be chosen.
const MOST_LANES = 8;

export class Timeline {
  private readonly lanesHost = byId("lanes", HTMLElement);
  private readonly line = byId("position", HTMLElement);
  private readonly nothing = byId("timeline-nothing", HTMLElement);
  private readonly readout = byId("readout", HTMLElement);
  private readonly chips = byId("expressions", HTMLElement);
  private readonly overview: Overview;
  private readonly alternative: Alternative;
  private readonly flags: MarkerFlags;
  private readonly sources: Record<"each" | "together" | "whole", TimelineSource>;
  private lanes: Lane[] = [];
  private selected: Set<string> | null = null;
  private hovered_s: number | null = null;
  private isDone: () => void = () => undefined;
  /** When the first lines are there, or it is known that there are none. */
  readonly ready = new Promise<void>((resolve) => (this.isDone = resolve));

  constructor(
    private readonly book: SessionBook,
    private readonly window: TimeWindow,
    private readonly position: Position,
    private readonly choice: WhoChoice,
  ) {
    const { id } = book.session;
    const source = (together: boolean, came: (reply: TimelineReply) => void) => {
      const ask: Ask = (stretch, signal) => fetchTimeline(id, stretch, signal);
      const made = new TimelineSource(ask, together);
      made.on("came", came);
      made.on("failed", (error) => this.fail(error));
      return made;
    };
    this.sources = {
      each: source(false, () => this.showData()),
      together: source(true, () => this.showData()),
      whole: source(true, (reply) => this.overview.show(reply, this.book.labels)),
    };
    this.overview = new Overview(window, book.labels);
    byId("overview", HTMLElement).append(this.overview.element);
    const details = byId("alternative", HTMLDetailsElement);
    this.alternative = new Alternative(details, () => this.lanes, window);
    this.flags = new MarkerFlags(byId("flags", HTMLElement), book, window, position);
    this.listen();
    this.addLanes();
    this.ask();
  }

  private get source(): TimelineSource {
    return this.choice.who === "together" ? this.sources.together : this.sources.each;
  }

  private listen(): void {
    this.window.on("moved", () => this.showWindow());
    this.position.on("moved", () => this.showPosition());
    this.choice.on("chosen", () => this.rebuild());
    this.book.on("names", () => this.rebuild());
    for (const change of ["people", "frames"] as const) {
      this.book.on(change, () => {
        for (const source of Object.values(this.sources)) source.clear();
        if (change === "people" || !this.lanes.length || this.isBehind()) this.rebuild();
        else this.ask();
      });
    }
    onScheme(() => this.lanes.forEach(({ plot }) => plot.redraw()));
    const isFocused = () => document.activeElement === this.line;
    addGestures(byId("plots", HTMLElement), this.window, isFocused);
    new ResizeObserver(() => this.showWindow()).observe(this.lanesHost);
  }

  /** Whether expressions are known by now that were not when the lanes were made. */
  private isBehind(): boolean {
    return this.chips.childElementCount !== this.book.labels.length;
  }

  private rebuild(): void {
    this.addLanes();
    this.ask();
  }

  private addLanes(): void {
    for (const lane of this.lanes) lane.destroy();
    byId("left-out", HTMLElement).hidden = true;
    const subjects = this.subjects(this.choice.who);
    this.lanesHost.dataset["lanes"] = String(Math.min(subjects.length, 4));
    const events = {
      hovered: (moment_s: number | null) => this.hover(moment_s),
      picked: (moment_s: number) => {
        this.position.go(moment_s);
        this.line.focus({ preventScroll: true });
      },
    };
    this.lanes = subjects.map(
      (subject, place) =>
        new Lane(
          subject,
          this.book.labels,
          this.selected ?? new Set(),
          this.window,
          events,
          place === subjects.length - 1,
          this.lanesHost,
        ),
    );
    this.addChips();
    this.showData();
  }

  private subjects(who: Who): Subject[] {
    if (who === "together") {
      return [{ track: null, name: words.together, pictures: [], hasRoom: false }];
    }
    const tracks: (number | null)[] = who === "everyone" ? this.mostSeen() : [who];
    const isAlone = who === "everyone" && this.hasFacesWithoutNumber();
    return [...(isAlone ? [null] : []), ...tracks].map((track) => ({
      track,
      name: this.book.nameOf(track),
      pictures: this.book.picturesOf(track),
      hasRoom: this.book.pictures.length > 0,
    }));
  }

  /** Those who were in view most, in their own order. */
  private mostSeen(): number[] {
    const seen = this.book.shown.map(({ track_id }) => track_id);
    const most = [...seen].sort((a, b) => this.book.facesOf(b) - this.book.facesOf(a));
    const isLeftOut = new Set(most.slice(MOST_LANES));
    const note = byId("left-out", HTMLElement);
    note.hidden = isLeftOut.size === 0;
    note.textContent = fill(words.left_out, { most: MOST_LANES, number: isLeftOut.size });
    return seen.filter((track) => !isLeftOut.has(track));
  }

  private hasFacesWithoutNumber(): boolean {
    const followed = this.book.people.reduce((sum, person) => sum + person.observations, 0);
    return this.book.session.observations > followed;
  }

  /** Ask for the whole in the overview's width once, and for what is in view in the plot's. */
  private ask(): void {
    if (!this.lanes.length) this.showNothing();
    if (!this.book.session.frames) return;
    const { first_s, last_s } = this.window;
    this.sources.whole.want({ first_s, last_s, from_s: first_s, to_s: last_s }, OVERVIEW_BINS, 0);
    this.askForView(0);
  }

  private askForView(pauseMs?: number): void {
    const width = this.lanes[0]?.plot.widthPx ?? 0;
    if (width > 0 && this.book.session.frames) this.source.want(this.window, width, pauseMs);
  }

  private showWindow(): void {
    for (const { plot } of this.lanes) plot.move();
    this.showData();
    this.askForView();
    byId("zoom-out", HTMLButtonElement).disabled = this.window.isWhole;
    byId("zoom-all", HTMLButtonElement).disabled = this.window.isWhole;
  }

  private showData(): void {
    const reply = this.source.at(this.window);
    if (reply) {
      const gap_s = gapOf(this.book.session, reply.bin_s);
      if (!this.selected && reply.lines.length) this.selectAtFirst(reply, gap_s);
      for (const lane of this.lanes) lane.show(reply, gap_s);
      this.showNothing();
    }
    this.alternative.refresh();
    this.showPosition();
  }

  private selectAtFirst(reply: TimelineReply, gap_s: number): void {
    for (const lane of this.lanes) lane.show(reply, gap_s);
    const means = this.lanes.map(({ columns }) => meansBetween(columns, -Infinity, Infinity));
    const isSeen = ({ name }: Label) =>
      this.lanes.some(
        ({ columns }, place) =>
          (means[place]?.get(name) ?? 0) >= SHOWN_FROM_MEAN ||
          (columns.means.get(name) ?? []).some((mean) => (mean ?? 0) >= SHOWN_FROM_PEAK),
      );
    this.selected = new Set(this.book.labels.filter(isSeen).map(({ name }) => name));
    this.addChips();
    for (const lane of this.lanes) lane.select(this.selected);
  }

  private addChips(): void {
    if (!this.isBehind() && this.chips.dataset["ready"]) return;
    if (this.selected) this.chips.dataset["ready"] = "true";
    this.chips.replaceChildren(
      ...this.book.labels.map(({ name, colour }) => {
        const swatch = make("i", "swatch");
        swatch.style.background = colour;
        const chip = make("button", "expression-chip", swatch, capital(name));
        chip.type = "button";
        chip.setAttribute("aria-pressed", String(this.selected?.has(name) ?? false));
        chip.addEventListener("click", () => this.toggle(name, chip));
        return chip;
      }),
    );
  }

  private toggle(name: string, chip: HTMLElement): void {
    this.selected ??= new Set();
    if (!this.selected.delete(name)) this.selected.add(name);
    chip.setAttribute("aria-pressed", String(this.selected.has(name)));
    for (const lane of this.lanes) lane.select(this.selected);
    this.alternative.refresh();
  }

  private hover(moment_s: number | null): void {
    this.hovered_s = moment_s;
    this.read();
  }

  private showPosition(): void {
    const { moment_s } = this.position;
    const { from_s, to_s, first_s, last_s, span_s } = this.window;
    const isSeen = moment_s >= from_s && moment_s <= to_s;
    this.line.style.setProperty("--at", String((moment_s - from_s) / (span_s || 1)));
    this.line.dataset["seen"] = String(isSeen);
    this.line.setAttribute("aria-valuemin", first_s.toFixed(2));
    this.line.setAttribute("aria-valuemax", last_s.toFixed(2));
    this.line.setAttribute("aria-valuenow", moment_s.toFixed(2));
    const said = this.lanes.map((lane) => lane.said(moment_s));
    this.line.setAttribute("aria-valuetext", [at(moment_s), ...said].join(". "));
    this.flags.showNear(moment_s);
    this.read();
  }

  private read(): void {
    const moment_s = this.hovered_s ?? this.position.moment_s;
    this.readout.textContent = at(moment_s, 2);
    byId("in-view", HTMLElement).textContent = fill(words.in_view, {
      from: at(this.window.from_s),
      to: at(this.window.to_s),
      length: length(this.window.span_s),
    });
    for (const lane of this.lanes) {
      lane.read(moment_s);
      lane.plot.point(moment_s);
    }
  }

  private showNothing(): void {
    this.isDone();
    this.nothing.hidden = this.book.session.observations > 0 && this.lanes.length > 0;
    this.nothing.textContent = this.book.session.observations ? words.all_hidden : words.no_faces;
  }

  private fail(error: unknown): void {
    this.isDone();
    this.nothing.hidden = false;
    this.nothing.textContent = error instanceof Error ? error.message : String(error);
  }
}

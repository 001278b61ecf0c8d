// The sessions that are compared: lined up on one axis, a plot for each expression that is shown.

import { ServerError } from "../api";
import { fetchSummary } from "../api-sessions";
import { byId, capital, make } from "../dom";
import type { Label, SummaryReply } from "../protocol";
import { addGestures } from "../session/gestures";
import { onScheme } from "../session/plot";
import { at } from "../session/times";
import { TimeWindow } from "../session/window";
import { notice, skeleton } from "../states";
import { fill } from "../words";
import words from "../../words/en/compare.json";
import { addressOf, type Choices } from "./choices";
import type { Course } from "./course";
import { CompareLane } from "./lane";
import { listItem } from "./list";
import { courseTable, factsTable, sharesOf } from "./tables";

const ALL = "all";
const ZOOM = 1.6;
const TABLE_PAUSE_MS = 250;

const expression = byId("expression", HTMLSelectElement);
const align = byId("align", HTMLSelectElement);
const list = byId("list", HTMLElement);
const lanesHost = byId("lanes", HTMLElement);
const alternative = byId("alternative", HTMLDetailsElement);

export class Comparison {
  /** When all lines are there that there are. */
  readonly ready: Promise<void>;
  private readonly window = new TimeWindow(0, 1);
  private readonly labels: readonly Label[];
  private lanes: CompareLane[] = [];
  private writing: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly courses: readonly Course[],
    private choices: Choices,
  ) {
    this.labels = labelsOf(courses);
    courses.forEach((course, order) => (course.moved_s = choices.moved[order] ?? 0));
    this.addChoices();
    this.line(true);
    this.listen();
    this.addLanes();
    byId("facts", HTMLElement).replaceChildren(factsTable(courses));
    byId("shares", HTMLElement).replaceChildren(skeleton(5, 1.75));
    this.ready = Promise.all(courses.map((course) => course.ready)).then(() => undefined);
    // To sum up takes longer than to draw; whoever waits sees the lines first.
    void this.ready.then(() => this.addShares());
  }

  private listen(): void {
    this.window.on("moved", () => this.showWindow());
    for (const { source } of this.courses) source.on("came", () => this.showData());
    addGestures(lanesHost, this.window, () => lanesHost.contains(document.activeElement));
    lanesHost.addEventListener("keydown", (event) => this.key(event));
    byId("zoom-in", HTMLElement).addEventListener("click", () => this.zoom(1 / ZOOM));
    byId("zoom-out", HTMLElement).addEventListener("click", () => this.zoom(ZOOM));
    byId("zoom-all", HTMLElement).addEventListener("click", () => this.window.showAll());
    expression.addEventListener("change", () => {
      this.choices.expression = expression.value;
      this.addLanes();
      this.keep();
    });
    align.addEventListener("change", () => {
      this.choices.marker = align.value ? align.value.slice(1) : null;
      for (const course of this.courses) course.moved_s = 0;
      this.line(true);
      this.showList();
      this.keep();
    });
    alternative.addEventListener("toggle", () => this.write());
    onScheme(() => this.lanes.forEach(({ plot }) => plot.redraw()));
    new ResizeObserver(() => this.showWindow()).observe(lanesHost);
  }

  private addChoices(): void {
    const names = this.labels.map(({ name }) => option(name, capital(name)));
    expression.replaceChildren(...names, option(ALL, words.all));
    const given = this.choices.expression;
    const isKnown = given === ALL || this.labels.some(({ name }) => name === given);
    this.choices.expression = isKnown ? given : ALL;
    expression.value = this.choices.expression;
    // An empty value lines up the beginnings; that of a marker is its word after a colon.
    const marked = commonWords(this.courses);
    align.replaceChildren(
      option("", words.align_start),
      ...marked.map((word) => option(`:${word}`, fill(words.align_marker, { word }))),
    );
    if (!marked.includes(this.choices.marker ?? "")) this.choices.marker = null;
    align.value = this.choices.marker === null ? "" : `:${this.choices.marker}`;
    this.showList();
  }

  private showList(): void {
    const most_s = Math.max(...this.courses.map(({ session }) => session.duration_s), 1);
    const events = {
      moved: (course: Course, by_s: number) => {
        course.moved_s = by_s;
        this.line(false);
        this.keep();
      },
      leftOut: (course: Course) => {
        const ids = this.choices.ids.filter((id) => id !== course.session.id);
        location.assign(addressOf({ ...this.choices, ids, moved: [] }));
      },
    };
    const canLeave = this.courses.length > 2;
    list.replaceChildren(
      ...this.courses.map((course) => listItem(course, most_s, canLeave, events)),
    );
  }

  /** Put each session where it belongs on the axis, and bound the window by all of them. */
  private line(isNew: boolean): void {
    for (const course of this.courses) {
      const marker = course.reply.markers.find(({ word }) => word === this.choices.marker);
      course.zero_s = marker?.timestamp_s ?? course.first_s;
    }
    const first_s = Math.min(...this.courses.map((course) => course.first_s + course.shift_s));
    const last_s = Math.max(...this.courses.map((course) => course.last_s + course.shift_s));
    this.window.bound(first_s, last_s);
    if (isNew) this.window.showAll();
    this.showWindow();
  }

  private addLanes(): void {
    for (const lane of this.lanes) lane.destroy();
    const { expression: wanted } = this.choices;
    const shown = this.labels.filter(({ name }) => wanted === ALL || name === wanted);
    lanesHost.dataset["many"] = String(shown.length > 1);
    const events = {
      hovered: (moment_s: number | null) => this.read(moment_s),
      picked: () => lanesHost.focus({ preventScroll: true }),
    };
    this.lanes = shown.map(
      (label) => new CompareLane(label, this.courses, this.window, events, lanesHost),
    );
    for (const lane of this.lanes) lane.show();
    this.showWindow();
  }

  private showWindow(): void {
    const [lane] = this.lanes;
    for (const { plot } of this.lanes) plot.move();
    const width = lane?.plot.widthPx ?? 0;
    if (width > 0) for (const course of this.courses) course.want(this.window, width);
    byId("zoom-out", HTMLButtonElement).disabled = this.window.isWhole;
    byId("zoom-all", HTMLButtonElement).disabled = this.window.isWhole;
    this.showData();
  }

  private showData(): void {
    const isNew = this.courses.filter((course) => course.take(this.window)).length > 0;
    if (isNew) for (const lane of this.lanes) lane.show();
    this.write();
  }

  private read(moment_s: number | null): void {
    byId("readout", HTMLElement).textContent = moment_s === null ? "–" : at(moment_s, 2);
    for (const lane of this.lanes) lane.read(moment_s);
  }

  private zoom(factor: number): void {
    this.window.zoom(factor, (this.window.from_s + this.window.to_s) / 2);
  }

  private key(event: KeyboardEvent): void {
    const by_s = this.window.span_s / (event.shiftKey ? 2 : 10);
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.window.pan(-by_s),
      ArrowRight: () => this.window.pan(by_s),
      "+": () => this.zoom(1 / ZOOM),
      "=": () => this.zoom(1 / ZOOM),
      "-": () => this.zoom(ZOOM),
      "0": () => this.window.showAll(),
    };
    const run = keys[event.key];
    if (!run || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    run();
  }

  /** Write the tables of what is seen, if somebody opened them. */
  private write(): void {
    clearTimeout(this.writing);
    if (!alternative.open) return;
    this.writing = setTimeout(() => {
      for (const old of alternative.querySelectorAll(".table-frame")) old.remove();
      const { courses, window, lanes } = this;
      alternative.append(...lanes.map(({ label }) => courseTable(label, courses, window)));
    }, TABLE_PAUSE_MS);
  }

  private async addShares(): Promise<void> {
    const summaries: (SummaryReply | null)[] = [];
    for (const { session } of this.courses) summaries.push(await summaryOf(session.id));
    byId("shares", HTMLElement).replaceChildren(sharesOf(this.courses, summaries, this.labels));
  }

  private keep(): void {
    this.choices.moved = this.courses.map(({ moved_s }) => moved_s);
    history.replaceState(null, "", addressOf(this.choices));
  }
}

async function summaryOf(id: number): Promise<SummaryReply | null> {
  try {
    return await fetchSummary(id);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    byId("problem", HTMLElement).append(notice("bad", error.message));
    return null;
  }
}

/** All expressions of the sessions, in the order of the first that has them. */
function labelsOf(courses: readonly Course[]): Label[] {
  const labels = new Map<string, Label>();
  for (const { reply } of courses) {
    for (const label of reply.labels) if (!labels.has(label.name)) labels.set(label.name, label);
  }
  return [...labels.values()];
}

/** Words that are marked in two sessions or more. */
function commonWords(courses: readonly Course[]): string[] {
  const times = new Map<string, number>();
  for (const { reply } of courses) {
    for (const word of new Set(reply.markers.map((marker) => marker.word))) {
      times.set(word, (times.get(word) ?? 0) + 1);
    }
  }
  return [...times].filter(([, number]) => number > 1).map(([word]) => word);
}

function option(value: string, text: string): HTMLOptionElement {
  const element = make("option", "", text);
  element.value = value;
  return element;
}

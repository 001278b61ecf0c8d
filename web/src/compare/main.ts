// Two or more recorded sessions on one axis.

import { ServerError } from "../api";
import { fetchSession, fetchSummary } from "../api-sessions";
import { byId, capital, make } from "../dom";
import type { Label, SummaryReply } from "../protocol";
import { addGestures } from "../session/gestures";
import { onScheme } from "../session/plot";
import { at } from "../session/times";
import { TimeWindow } from "../session/window";
import { actionLink, emptyState, notice, skeleton } from "../states";
import { fill } from "../words";
import words from "../../words/en/compare.json";
import { addressOf, type Choices, choicesOf } from "./choices";
import { Course, MOST } from "./course";
import { CompareLane } from "./lane";
import { listItem } from "./list";
import { courseTable, differences, factsTable, sharesOf } from "./tables";

const ALL = "all";
const ZOOM = 1.6;
const TABLE_PAUSE_MS = 250;

const problem = byId("problem", HTMLElement);
const expression = byId("expression", HTMLSelectElement);
const align = byId("align", HTMLSelectElement);
const list = byId("list", HTMLElement);
const lanesHost = byId("lanes", HTMLElement);
const alternative = byId("alternative", HTMLDetailsElement);

class Comparison {
  private readonly window = new TimeWindow(0, 1);
  private readonly labels: readonly Label[];
  private lanes: CompareLane[] = [];
  private hasShares = false;
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
    // To sum up takes longer than to draw; whoever waits sees the lines first.
    for (const { source } of courses) {
      for (const event of ["came", "failed"] as const) source.on(event, () => void this.addShares());
    }
    byId("shares", HTMLElement).replaceChildren(skeleton(5, 1.75));
    if (courses.every(({ session }) => session.frames === 0)) void this.addShares();
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
    // An empty value lines up the beginnings; a word comes with a sign before it, as it may be empty.
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
    const events = { hovered: (at_s: number | null) => this.read(at_s), picked: () => lanesHost.focus() };
    this.lanes = shown.map(
      (label) => new CompareLane(label, this.courses, this.window, events, lanesHost),
    );
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
    for (const course of this.courses) course.take(this.window);
    for (const lane of this.lanes) lane.show();
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
      alternative.append(...this.lanes.map(({ label }) => courseTable(label, this.courses, this.window)));
    }, TABLE_PAUSE_MS);
  }

  private async addShares(): Promise<void> {
    if (this.hasShares) return;
    this.hasShares = true;
    const summaries: (SummaryReply | null)[] = [];
    for (const { session } of this.courses) summaries.push(await summaryOf(session.id));
    byId("shares", HTMLElement).replaceChildren(sharesOf(this.courses, summaries, this.labels));
  }

  private keep(): void {
    this.choices.moved = this.courses.map(({ moved_s }) => moved_s);
    history.replaceState(null, "", addressOf(this.choices));
  }
}

async function open(): Promise<void> {
  const choices = choicesOf(location.search);
  const found = await Promise.all(choices.ids.slice(0, MOST).map(courseOf));
  const courses = found.filter((one): one is Course => one instanceof Course);
  const problems = found.filter((one): one is HTMLElement => one instanceof HTMLElement);
  if (choices.ids.length > MOST) problems.push(notice("warn", fill(words.too_many, { most: MOST })));
  problem.replaceChildren(...problems);
  if (courses.length < 2) {
    const choose = actionLink(words.choose, "/sessions", "primary");
    problem.append(emptyState(words.few_title, words.few_words, choose));
    return;
  }
  const differing = differences(courses);
  if (differing.length) {
    problem.append(notice("warn", fill(words.differ, { what: differing.join(", ") })));
  }
  const compared = byId("compared", HTMLElement);
  compared.hidden = false;
  compared.removeAttribute("aria-busy");
  const ids = courses.map(({ session }) => session.id);
  new Comparison(courses, { ...choices, ids });
}

/** Return a session to be compared, or what to say where there is none. */
async function courseOf(id: number, order: number): Promise<Course | HTMLElement> {
  try {
    return new Course(await fetchSession(id), order);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return notice("bad", error.status === 404 ? fill(words.missing, { id }) : error.message);
  }
}

async function summaryOf(id: number): Promise<SummaryReply | null> {
  try {
    return await fetchSummary(id);
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    problem.append(notice("bad", error.message));
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

void open();

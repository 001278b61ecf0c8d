// Sessions side by side in figures, and what is known of each.

import { capital, make, percent } from "../dom";
import { moment, wholeNumber } from "../format";
import type { Label, Session, SummaryReply } from "../protocol";
import { type Column, headCell, sharesTable } from "../session/shares";
import { at, decimalsFor, length } from "../session/times";
import { meansBetween } from "../session/columns";
import type { TimeWindow } from "../session/window";
import { fill } from "../words";
import words from "../../words/en/compare.json";
import type { Course } from "./course";

const ROWS = 20;

export function sharesOf(
  courses: readonly Course[],
  summaries: readonly (SummaryReply | null)[],
  labels: readonly Label[],
): HTMLElement {
  const columns = courses.map((course, order): Column => {
    const overall = summaries[order]?.overall ?? null;
    const visible = overall && fill(words.visible, { length: length(overall.visible_s) });
    const about = visible ?? words.no_faces;
    return { ...titled(course), about, shares: overall?.shares ?? {} };
  });
  return sharesTable(words.shares_caption, labels, columns);
}

function titled(course: Course): { name: string; href: string; sign: SVGSVGElement } {
  const { title, id } = course.session;
  return { name: title, href: `/sessions/${id}`, sign: course.sign() };
}

const FACTS: readonly [string, (course: Course) => string | null][] = [
  [words.begun, ({ session }) => moment(session.started_at)],
  [words.length, ({ session }) => length(session.duration_s)],
  [words.faces, ({ session }) => wholeNumber(session.observations)],
  [words.people, ({ reply }) => wholeNumber(reply.people.filter(isShown).length)],
  [words.model, ({ session }) => session.bundle],
  [words.detector, ({ session }) => session.detector],
  [words.label_set, ({ session }) => session.label_set],
  [words.prior, ({ session }) => priorOf(session)],
];

function isShown(person: { same_as: number | null; hidden: boolean }): boolean {
  return person.same_as === null && !person.hidden;
}

function priorOf({ reading }: Session): string | null {
  const { prior, prior_strength: strength } = reading;
  if (typeof prior !== "string") return null;
  return typeof strength === "number" && strength > 0 ? `${prior} ${strength}` : prior;
}

/** What decides on figures and is not the same in all of these sessions. */
export function differences(courses: readonly Course[]): string[] {
  const deciding = [words.model, words.detector, words.label_set, words.prior];
  return FACTS.filter(
    ([name, value]) => deciding.includes(name) && new Set(courses.map(value)).size > 1,
  ).map(([name]) => name.toLowerCase());
}

export function factsTable(courses: readonly Course[]): HTMLElement {
  const titles = courses.map((course) => {
    const { name, href, sign } = titled(course);
    const link = make("a", "share-name", name);
    link.href = href;
    const cell = headCell("col", link);
    cell.prepend(sign);
    return cell;
  });
  const rows = FACTS.map(([name, value]) => {
    const cells = courses.map((course) => make("td", "", value(course) ?? words.nothing));
    return make("tr", "", headCell("row", name), ...cells);
  });
  return framed(words.facts_caption, make("tr", "", headCell("col", words.fact), ...titles), rows);
}

/** What the lines of an expression show, as figures. */
export function courseTable(
  label: Label,
  courses: readonly Course[],
  window: TimeWindow,
): HTMLElement {
  const step_s = window.span_s / ROWS;
  const decimals = decimalsFor(step_s);
  const titles = courses.map(({ session }) => headCell("col", session.title));
  const rows = Array.from({ length: ROWS }, (_, row) => {
    const from_s = window.from_s + row * step_s;
    const cells = courses.map(({ columns }) => {
      const mean = meansBetween(columns, from_s, from_s + step_s)?.get(label.name);
      return make("td", "", mean === undefined ? words.not_seen : percent(mean));
    });
    const times = `${at(from_s, decimals)} to ${at(from_s + step_s, decimals)}`;
    return make("tr", "", headCell("row", times), ...cells);
  });
  const caption = fill(words.alternative_caption, { label: capital(label.name) });
  return framed(caption, make("tr", "", headCell("col", words.time), ...titles), rows);
}

function framed(caption: string, head: HTMLElement, rows: readonly HTMLElement[]): HTMLElement {
  const table = make(
    "table",
    "table",
    make("caption", "", caption),
    make("thead", "", head),
    make("tbody", "", ...rows),
  );
  const frame = make("div", "table-frame", table);
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", caption);
  return frame;
}

// What the lines show, as a table: for those who hear the page, and who want figures.

import { capital, make, percent } from "../dom";
import words from "../../words/en/session.json";
import { meansBetween } from "./columns";
import type { Lane } from "./lane";
import { at, decimalsFor } from "./times";
import type { TimeWindow } from "./window";

const ROWS = 20;
const PAUSE_MS = 250;
// So many expressions of each stretch are named, the strongest.
const NAMED = 2;

export class Alternative {
  private waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly details: HTMLDetailsElement,
    private readonly lanes: () => readonly Lane[],
    private readonly window: TimeWindow,
  ) {
    details.addEventListener("toggle", () => this.refresh());
  }

  /** Write the table anew, if it is open; soon, since much may change at once. */
  refresh(): void {
    clearTimeout(this.waiting);
    if (this.details.open) this.waiting = setTimeout(() => this.write(), PAUSE_MS);
  }

  private write(): void {
    const lanes = this.lanes();
    const step_s = this.window.span_s / ROWS;
    const head = make("tr", "", headCell("col", words.time));
    for (const { subject } of lanes) head.append(headCell("col", subject.name));
    const rows = Array.from({ length: ROWS }, (_, row) => {
      const from_s = this.window.from_s + row * step_s;
      const decimals = decimalsFor(step_s);
      const times = `${at(from_s, decimals)} – ${at(from_s + step_s, decimals)}`;
      const cells = lanes.map((lane) => make("td", "", strongest(lane, from_s, from_s + step_s)));
      return make("tr", "", headCell("row", times), ...cells);
    });
    const caption = make("caption", "", words.alternative_caption);
    const body = make("tbody", "", ...rows);
    const table = make("table", "table", caption, make("thead", "", head), body);
    const frame = make("div", "table-frame", table);
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", words.alternative);
    this.details.querySelector(".table-frame")?.remove();
    this.details.append(frame);
  }
}

function headCell(scope: "col" | "row", text: string): HTMLElement {
  const cell = make("th", "", text);
  cell.scope = scope;
  return cell;
}

function strongest(lane: Lane, from_s: number, to_s: number): string {
  const means = meansBetween(lane.columns, from_s, to_s);
  if (!means) return words.not_seen;
  return [...means]
    .sort(([, a], [, b]) => b - a)
    .slice(0, NAMED)
    .map(([label, mean]) => `${capital(label)} ${percent(mean)}`)
    .join(", ");
}

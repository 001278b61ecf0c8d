// How often one expression gave way to which other one: a small matrix of figures.

import { capital, make } from "../dom";
import { wholeNumber } from "../format";
import type { Label, PersonSummary } from "../protocol";
import { fill } from "../words";
import words from "../../words/en/session.json";
import { headCell } from "./shares";

export function changesTable(
  { transitions }: PersonSummary,
  labels: readonly Label[],
  whose: string,
): HTMLElement {
  const times = (from: string, to: string) => transitions[from]?.[to] ?? 0;
  const names = labels
    .map(({ name }) => name)
    .filter((name) => labels.some((other) => times(name, other.name) || times(other.name, name)));
  if (!names.length) return make("p", "soft", words.no_changes);
  const most = Math.max(...names.flatMap((from) => names.map((to) => times(from, to))));
  const colours = new Map(labels.map(({ name, colour }) => [name, colour]));
  const head = make("tr", "", make("td", "corner", words.from_to));
  for (const name of names) {
    head.append(headCell("col", sign(colours.get(name)), abbreviated(name)));
  }
  const rows = names.map((from) => {
    const cells = names.map((to) => changeCell(times(from, to), most, from === to));
    return make("tr", "", headCell("row", sign(colours.get(from)), capital(from)), ...cells);
  });
  const caption = fill(words.changes_caption, { name: whose });
  const table = make(
    "table",
    "changes-table",
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

function changeCell(times: number, most: number, isSame: boolean): HTMLElement {
  const cell = make("td", isSame ? "same" : "", isSame ? "" : wholeNumber(times));
  cell.style.setProperty("--weight", (times / most).toFixed(3));
  if (!times) cell.classList.add("never");
  return cell;
}

function sign(colour: string | undefined): HTMLElement {
  const swatch = make("i", "swatch");
  swatch.style.background = colour ?? "";
  return swatch;
}

/** Columns are narrow: "hap.", read out as the whole word. */
function abbreviated(name: string): HTMLElement {
  const short = make("abbr", "", capital(name).slice(0, 3));
  short.title = capital(name);
  short.setAttribute("aria-label", capital(name));
  return short;
}

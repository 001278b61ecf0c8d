// Shares of time as a table of figures with bars: people side by side, or sessions.

import { capital, make, percent } from "../dom";
import type { Label } from "../protocol";
import words from "../../words/en/session.json";

export interface Column {
  name: string;
  /** What the share is of, below the name. */
  about: string;
  shares: Record<string, number>;
  /** Where the name leads, if anywhere. */
  href?: string;
  /** What else tells the column from the others, before its name. */
  sign?: Element;
}

/** Expressions that nobody showed are left out. */
export function sharesTable(
  caption: string,
  labels: readonly Label[],
  columns: readonly Column[],
): HTMLElement {
  const head = make("tr", "", headCell("col", words.expression));
  for (const column of columns) head.append(headCell("col", ...titleOf(column)));
  const rows = labels
    .filter(({ name }) => columns.some(({ shares }) => (shares[name] ?? 0) >= 0.0005))
    .map(({ name, colour }) => {
      const swatch = make("i", "swatch");
      swatch.style.background = colour;
      const cells = columns.map(({ shares }) => shareCell(shares[name] ?? 0, colour));
      return make("tr", "", headCell("row", swatch, capital(name)), ...cells);
    });
  const table = make(
    "table",
    "table shares-table",
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

function titleOf({ name, about, href, sign }: Column): (Node | string)[] {
  const link = make(href ? "a" : "span", "share-name", name);
  if (link instanceof HTMLAnchorElement && href) link.href = href;
  return [...(sign ? [sign] : []), link, make("small", "", about)];
}

function shareCell(share: number, colour: string): HTMLElement {
  const bar = make("i", "share-bar");
  bar.style.background = colour;
  bar.style.width = `${(100 * share).toFixed(1)}%`;
  const room = make("span", "share-room", bar);
  room.setAttribute("aria-hidden", "true");
  // Below one in a hundred is not nothing.
  const figure = share > 0 && share < 0.01 ? `${(100 * share).toFixed(1)}\u00a0%` : percent(share);
  return make("td", "share", make("span", "share-figure", figure), room);
}

export function headCell(scope: "col" | "row", ...children: (Node | string)[]): HTMLElement {
  const cell = make("th", "", ...children);
  cell.scope = scope;
  return cell;
}

// The list: a table on wide screens; the same rows are cards on a phone, with what each cell is.

import type { Order } from "../api-sessions";
import { make } from "../dom";
import { moment, wholeNumber } from "../format";
import type { Session } from "../protocol";
import { at, deletion, length } from "../session/times";
import { fill } from "../words";
import words from "../../words/en/sessions.json";
import type { Picked } from "./picked";
import type { View } from "./query";

const SORTED: readonly { order: Order; word: string }[] = [
  { order: "title", word: words.column_title },
  { order: "started", word: words.column_started },
  { order: "duration", word: words.column_duration },
  { order: "faces", word: words.column_faces },
];

export class SessionsTable {
  readonly element = cell("table", "table", "table sessions-table");
  private readonly body = cell("tbody", "rowgroup");
  private readonly pickAll = tick(words.pick_all);
  private readonly heads = new Map<Order, HTMLElement>();
  private sessions: readonly Session[] = [];

  constructor(
    private readonly picked: Picked,
    sort: (order: Order) => void,
  ) {
    this.element.append(make("caption", "unseen", words.list), this.head(sort), this.body);
    this.body.addEventListener("keydown", (event) => this.step(event));
    this.pickAll.addEventListener("change", () => {
      picked.setAll(this.sessions, this.pickAll.checked);
    });
  }

  /** Show these; a row that stays keeps the focus that is in it. */
  show(sessions: readonly Session[], view: View): void {
    this.sessions = sessions;
    for (const [order, head] of this.heads) {
      const rank = view.descending ? "descending" : "ascending";
      head.setAttribute("aria-sort", order === view.order ? rank : "none");
    }
    const focused = focusIn(this.body);
    this.body.replaceChildren(...sessions.map((session) => this.row(session)));
    this.showPicked();
    if (focused) find(this.body, focused)?.focus();
  }

  showPicked(): void {
    const ticks = [...this.body.querySelectorAll<HTMLInputElement>("input")];
    this.sessions.forEach((session, at) => {
      const box = ticks[at];
      if (box) box.checked = this.picked.has(session);
    });
    const number = this.sessions.filter((session) => this.picked.has(session)).length;
    this.pickAll.checked = number > 0 && number === this.sessions.length;
    this.pickAll.indeterminate = number > 0 && number < this.sessions.length;
  }

  private head(sort: (order: Order) => void): HTMLElement {
    const row = cell("tr", "row", "", cell("th", "columnheader", "pick-cell", this.pickAll));
    for (const { order, word } of SORTED) {
      const button = make("button", "sort", word);
      button.type = "button";
      button.addEventListener("click", () => sort(order));
      const right = order === "duration" || order === "faces" ? "number" : "";
      const head = cell("th", "columnheader", right, button);
      this.heads.set(order, head);
      row.append(head);
    }
    row.append(
      cell("th", "columnheader", "", words.column_state),
      cell("th", "columnheader", "", words.column_keep),
    );
    return cell("thead", "rowgroup", "", row);
  }

  private row(session: Session): HTMLElement {
    const box = tick(fill(words.pick_session, { title: session.title }));
    // A click tells whether shift is held, a change does not.
    box.addEventListener("click", (event) => {
      this.picked.set(session, box.checked, event.shiftKey ? this.sessions : []);
    });
    const link = make("a", "session-link", session.title);
    link.href = `/sessions/${session.id}`;
    const about = [session.source, session.note].filter(Boolean).join(" · ");
    const chip = make("span", "chip", words[session.state]);
    chip.dataset["state"] = session.state;
    const row = cell(
      "tr",
      "row",
      "",
      cell("td", "cell", "pick-cell", box),
      cell("th", "rowheader", "title-cell", link, make("span", "session-about", about)),
      named(words.column_started, "", moment(session.started_at)),
      named(words.column_duration, "number", spanOf(session)),
      named(words.column_faces, "number", wholeNumber(session.observations)),
      cell("td", "cell", "state-cell", chip),
      named(words.column_keep, "keep-cell", deletion(session.keep_until)),
    );
    row.dataset["session"] = String(session.id);
    return row;
  }

  /** Go from row to row, in the column where the focus is. */
  private step(event: KeyboardEvent): void {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const here = event.target instanceof HTMLElement ? event.target : null;
    if (by === undefined || !here) return;
    const those = [...this.body.querySelectorAll<HTMLElement>(here.tagName)];
    those[those.indexOf(here) + by]?.focus();
    event.preventDefault();
  }
}

function spanOf(session: Session): HTMLElement {
  const span = make("span", "", length(session.duration_s));
  span.title = at(session.duration_s);
  return span;
}

/** A part of a table that stays one where styles make cards of it. */
function cell<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  role: string,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = make(tag, className, ...children);
  element.setAttribute("role", role);
  return element;
}

function named(name: string, className: string, value: Node | string): HTMLElement {
  const element = cell("td", "cell", className, value);
  element.dataset["name"] = name;
  return element;
}

function tick(name: string): HTMLInputElement {
  const box = make("input", "tick");
  box.type = "checkbox";
  box.setAttribute("aria-label", name);
  return box;
}

interface Focused {
  session: string;
  tag: string;
}

function focusIn(body: HTMLElement): Focused | null {
  const element = document.activeElement;
  const session = element?.closest<HTMLElement>("tr")?.dataset["session"];
  return element && session && body.contains(element) ? { session, tag: element.tagName } : null;
}

function find(body: HTMLElement, { session, tag }: Focused): HTMLElement | null {
  return body.querySelector<HTMLElement>(`tr[data-session="${session}"] ${tag}`);
}

// Who is in the session: names, who is the same person, who is left out.

import { make } from "../dom";
import { wholeNumber } from "../format";
import type { Person } from "../protocol";
import { actionButton, notice } from "../states";
import { fill } from "../words";
import words from "../../words/en/session.json";
import type { SessionBook } from "./book";
import { makeEditable } from "./editable";
import { pictureNear } from "./lane";
import { at } from "./times";

const NAME_MOST = 200;

export class PeoplePanel {
  private readonly list = make("ul", "people-list");
  private readonly problem = make("div", "people-problem");

  constructor(
    host: HTMLElement,
    private readonly book: SessionBook,
  ) {
    host.append(this.problem, this.list);
    for (const change of ["people", "names", "frames"] as const) book.on(change, () => this.show());
    this.show();
  }

  private show(): void {
    // What is being written or chosen is not taken away; the next change brings all.
    if (this.list.querySelector("form, details[open]")) return;
    const roots = this.book.people.filter(({ same_as }) => same_as === null);
    const inside = document.activeElement?.closest<HTMLElement>("[data-person]");
    const focused = inside?.dataset["person"];
    this.list.replaceChildren(...roots.map((person) => this.item(person)));
    if (focused) {
      const item = this.list.querySelector(`[data-person="${focused}"]`) ?? this.list;
      item.querySelector<HTMLElement>("button")?.focus();
    }
    if (!roots.length) this.list.replaceChildren(make("li", "soft", words.no_people));
  }

  private item(person: Person): HTMLElement {
    const merged = this.book.people.filter(({ same_as }) => same_as === person.track_id);
    const tracks = [person, ...merged];
    const name = this.book.nameOf(person.track_id);
    const seen = fill(words.seen, {
      from: at(Math.min(...tracks.map(({ first_s }) => first_s))),
      to: at(Math.max(...tracks.map(({ last_s }) => last_s))),
      faces: wholeNumber(this.book.facesOf(person.track_id)),
    });
    const about = make("div", "person-words", this.nameLine(person, name));
    about.append(make("p", "small-print", seen));
    if (merged.length) about.append(this.mergedLine(merged));
    const item = make("li", "person", this.picture(person), about, this.actions(person, name));
    item.dataset["person"] = String(person.track_id);
    item.dataset["hidden"] = String(person.hidden);
    return item;
  }

  private nameLine(person: Person, name: string): HTMLElement {
    const shown = make("b", "person-name", name);
    const rename = make("button", "edit-button", words.rename);
    rename.type = "button";
    rename.setAttribute("aria-label", fill(words.rename_person, { name }));
    makeEditable({
      shown,
      button: rename,
      name: fill(words.rename_person, { name }),
      isLong: false,
      most: NAME_MOST,
      text: () => person.name ?? "",
      save: async (text) => {
        await this.book.name(person.track_id, text || null);
        // Its form is still there, so the list waits for this turn to end.
        queueMicrotask(() => setTimeout(() => this.show()));
      },
    });
    return make("div", "name-line", shown, rename);
  }

  private mergedLine(merged: readonly Person[]): HTMLElement {
    const line = make("ul", "merged-list");
    for (const { track_id } of merged) {
      const number = make("span", "tag", fill(words.also, { number: track_id }));
      const separate = actionButton(words.separate, () => {
        void this.run(this.book.separate(track_id));
      }, "small quiet");
      separate.setAttribute("aria-label", fill(words.separate_person, { number: track_id }));
      line.append(make("li", "", number, separate));
    }
    return line;
  }

  private picture(person: Person): HTMLElement {
    const pictures = this.book.picturesOf(person.track_id);
    const theirs = pictures.filter(({ track_id }) => track_id !== null);
    const near = pictureNear(theirs, (person.first_s + person.last_s) / 2, Infinity);
    if (!near) {
      const initial = make("span", "person-picture", this.book.nameOf(person.track_id).slice(0, 1));
      initial.setAttribute("aria-hidden", "true");
      if (!person.name) initial.textContent = String(person.track_id);
      return initial;
    }
    const image = make("img", "person-picture");
    image.src = near.url;
    image.alt = "";
    return image;
  }

  private actions(person: Person, name: string): HTMLElement {
    const row = make("div", "row");
    const others = this.book.people.filter(
      ({ same_as, track_id }) => same_as === null && track_id !== person.track_id,
    );
    if (others.length) row.append(this.mergeMenu(person, name, others));
    const verb = person.hidden ? words.show : words.hide;
    const hide = actionButton(verb, () => {
      void this.run(this.book.hide(person.track_id, !person.hidden));
    }, "small");
    hide.setAttribute("aria-label", `${verb}: ${name}`);
    row.append(hide);
    return row;
  }

  private mergeMenu(person: Person, name: string, others: readonly Person[]): HTMLElement {
    const summary = make("summary", "button small", words.same_as);
    summary.setAttribute("aria-label", fill(words.same_as_person, { name }));
    const list = make("div", "menu-list");
    for (const { track_id } of others) {
      const button = make("button", "", this.book.nameOf(track_id));
      button.type = "button";
      button.addEventListener("click", () => {
        // The one that was seen first stays, whatever the order in which they were said.
        const [into, track] = [person.track_id, track_id].sort((a, b) => a - b);
        if (into !== undefined && track !== undefined) void this.run(this.book.merge(track, into));
      });
      list.append(button);
    }
    return make("details", "menu", summary, list);
  }

  private async run(change: Promise<void>): Promise<void> {
    this.problem.replaceChildren();
    try {
      await change;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const close = actionButton(words.understood, () => this.problem.replaceChildren(), "small");
      this.problem.replaceChildren(notice("bad", reason, close));
    }
  }
}

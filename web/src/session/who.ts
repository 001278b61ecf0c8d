// Who is shown: everyone side by side, everyone as one, or one person.

import { make } from "../dom";
import { Events } from "../events";
import words from "../../words/en/session.json";
import type { SessionBook } from "./book";

export type Who = "everyone" | "together" | number;

export class WhoChoice extends Events<{ chosen: Who }> {
  who: Who;

  constructor(
    private readonly host: HTMLElement,
    private readonly book: SessionBook,
    wanted: string | null,
  ) {
    super();
    this.who = this.parsed(wanted);
    const show = () => {
      const before = this.who;
      this.who = this.parsed(String(this.who));
      this.show();
      if (before !== this.who) this.emit("chosen", this.who);
    };
    book.on("people", show);
    book.on("names", show);
    this.show();
  }

  private parsed(wanted: string | null): Who {
    if (wanted === "together") return wanted;
    const track = Number(wanted);
    const isShown = wanted !== null && this.book.shown.some((one) => one.track_id === track);
    return isShown && wanted !== "" ? track : "everyone";
  }

  private show(): void {
    const { shown } = this.book;
    const choices: [Who, string][] = [
      ["everyone", words.everyone],
      ["together", words.together],
      ...shown.map(({ track_id }): [Who, string] => [track_id, this.book.nameOf(track_id)]),
    ];
    // With one person, all of them would show the same.
    this.host.hidden = shown.length < 2;
    const focused = this.host.contains(document.activeElement);
    this.host.replaceChildren(
      ...choices.map(([who, name]) => {
        const button = make("button", "button small", name);
        button.type = "button";
        button.setAttribute("aria-pressed", String(who === this.who));
        button.addEventListener("click", () => {
          this.who = who;
          this.show();
          this.emit("chosen", who);
        });
        return button;
      }),
    );
    if (focused) this.host.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
  }
}

// The markers of a session as a list: to go there, to take away; and the question for a new one.

import { make } from "../dom";
import type { Marker } from "../protocol";
import { actionButton } from "../states";
import { toast } from "../toast";
import { common, fill } from "../words";
import words from "../../words/en/session.json";
import type { SessionBook } from "./book";
import type { Position } from "./position";
import { at, parseClock } from "./times";
import type { TimeWindow } from "./window";

export class MarkerList {
  private readonly list = make("ul", "marker-list");
  private readonly empty = make("p", "soft", words.no_markers);

  constructor(
    host: HTMLElement,
    private readonly book: SessionBook,
    private readonly window: TimeWindow,
    private readonly position: Position,
  ) {
    host.append(this.list, this.empty);
    book.on("markers", () => this.show());
    this.show();
  }

  /** Ask for a word to the moment where one is, and mark it. */
  async ask(): Promise<void> {
    const word = make("input", "input");
    const time = make("input", "input");
    word.maxLength = 200;
    word.required = true;
    time.value = at(this.position.moment_s, 2);
    const wrong = make("p", "field-error");
    wrong.setAttribute("role", "alert");
    const add = make("button", "button primary", words.add);
    const form = make(
      "form",
      "stack",
      make("h2", "", words.mark_title),
      field(words.marker_word, word),
      field(words.marker_time, time),
      wrong,
    );
    const dialog = make("dialog", "dialog", form);
    const cancel = actionButton(common.cancel, () => dialog.close());
    form.append(make("div", "dialog-actions", cancel, add));
    dialog.setAttribute("aria-label", words.mark_title);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit(word.value, time.value, dialog, wrong);
    });
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    word.focus();
  }

  /** Take away the marker where one is, if there is one. */
  async removeHere(): Promise<void> {
    const near_s = this.window.span_s / 200;
    const here = this.nearest(near_s);
    if (here) await this.remove(here);
  }

  /** Go to the next marker, or the one before. */
  step(by: 1 | -1): void {
    const { moment_s } = this.position;
    const ahead = this.book.markers.filter((marker) => by * (marker.timestamp_s - moment_s) > 1e-6);
    const next = by > 0 ? ahead[0] : ahead.at(-1);
    if (next) this.position.go(next.timestamp_s);
  }

  private nearest(most_s: number): Marker | null {
    const away = (marker: Marker) => Math.abs(marker.timestamp_s - this.position.moment_s);
    const [best] = [...this.book.markers].sort((a, b) => away(a) - away(b));
    return best && away(best) <= most_s ? best : null;
  }

  private async submit(
    word: string,
    time: string,
    dialog: HTMLDialogElement,
    wrong: HTMLElement,
  ): Promise<void> {
    const moment_s = parseClock(time);
    if (moment_s === null) {
      wrong.textContent = words.time_wrong;
      return;
    }
    try {
      await this.book.mark(moment_s, word.trim());
      dialog.close();
      this.position.go(moment_s);
    } catch (error) {
      wrong.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  private async remove(marker: Marker): Promise<void> {
    try {
      await this.book.unmark(marker);
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error));
      return;
    }
    const undo = () => void this.book.mark(marker.timestamp_s, marker.word);
    toast(fill(words.marker_removed, { word: marker.word }), { words: common.undo, run: undo });
  }

  private show(): void {
    const { markers } = this.book;
    this.empty.hidden = markers.length > 0;
    this.list.replaceChildren(...markers.map((marker) => this.item(marker)));
  }

  private item(marker: Marker): HTMLElement {
    const time = at(marker.timestamp_s);
    const go = make("button", "marker-go", make("time", "", time), make("span", "", marker.word));
    go.type = "button";
    go.addEventListener("click", () => this.position.go(marker.timestamp_s));
    const remove = actionButton(words.remove, () => void this.remove(marker), "small quiet");
    remove.setAttribute("aria-label", fill(words.remove_marker, { word: marker.word, time }));
    return make("li", "", go, remove);
  }
}

function field(name: string, input: HTMLInputElement): HTMLElement {
  const label = make("label", "", name);
  input.id = `field-${name.toLowerCase().replace(/\W+/g, "-")}`;
  label.htmlFor = input.id;
  return make("div", "field", label, input);
}

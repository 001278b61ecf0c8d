// The markers over the lanes: a flag each, to be clicked, with a line down through the lanes.

import { byId, make } from "../dom";
import type { Marker } from "../protocol";
import { fill } from "../words";
import words from "../../words/en/session.json";
import type { SessionBook } from "./book";
import type { Position } from "./position";
import { at } from "./times";
import type { TimeWindow } from "./window";

// Where a flag has less room than this to the next one, its word is not shown.
const WORD_PX = 84;

export class MarkerFlags {
  private readonly flags = new Map<number, HTMLButtonElement>();
  private readonly lines = byId("marker-lines", HTMLElement);

  constructor(
    private readonly host: HTMLElement,
    private readonly book: SessionBook,
    private readonly window: TimeWindow,
    private readonly position: Position,
  ) {
    book.on("markers", () => this.add());
    window.on("moved", () => this.place());
    new ResizeObserver(() => this.place()).observe(host);
    this.add();
  }

  /** Tell the flag at a moment from the others. */
  showNear(moment_s: number): void {
    for (const marker of this.book.markers) {
      const isHere = Math.abs(marker.timestamp_s - moment_s) < 1e-6;
      this.flags.get(marker.id)?.setAttribute("aria-current", String(isHere));
    }
  }

  private add(): void {
    this.flags.clear();
    for (const marker of this.book.markers) this.flags.set(marker.id, this.flag(marker));
    this.host.replaceChildren(...this.flags.values());
    this.lines.replaceChildren(...this.book.markers.map(() => make("i")));
    this.place();
  }

  private flag(marker: Marker): HTMLButtonElement {
    const flag = make("button", "flag", make("span", "", marker.word));
    flag.type = "button";
    flag.title = `${marker.word} · ${at(marker.timestamp_s)}`;
    const time = at(marker.timestamp_s);
    flag.setAttribute("aria-label", fill(words.go_to_marker, { word: marker.word, time }));
    flag.addEventListener("click", () => this.position.go(marker.timestamp_s));
    return flag;
  }

  private place(): void {
    const { from_s, span_s } = this.window;
    const width = this.host.clientWidth;
    const shares = this.book.markers.map(({ timestamp_s }) => (timestamp_s - from_s) / (span_s || 1));
    this.book.markers.forEach(({ id }, order) => {
      const share = shares[order] ?? 0;
      const isSeen = share >= 0 && share <= 1;
      const flag = this.flags.get(id);
      const line = this.lines.children[order];
      if (!flag || !(line instanceof HTMLElement)) return;
      flag.hidden = line.hidden = !isSeen;
      flag.style.left = line.style.left = `${100 * share}%`;
      const next = Math.min(shares[order + 1] ?? 1, 1);
      flag.dataset["tight"] = String((next - share) * width < WORD_PX);
    });
  }
}

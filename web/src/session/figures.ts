// A session in figures: shares, changes and strongest moments, of whoever is shown.

import { fetchSummary } from "../api-sessions";
import { byId, capital, make, percent } from "../dom";
import type { Peak, PersonSummary, SummaryReply } from "../protocol";
import { notice, skeleton } from "../states";
import { fill } from "../words";
import words from "../../words/en/session.json";
import type { SessionBook } from "./book";
import { pictureNear } from "./lane";
import type { Position } from "./position";
import { type Column, sharesTable } from "./shares";
import { at, length } from "./times";
import { changesTable } from "./changes";
import type { WhoChoice } from "./who";

// A picture of a peak shows that very moment.
const PEAK_PICTURE_S = 1;
// While a session is recorded, its figures are worked out anew so often at most.
const LEAST_PAUSE_MS = 8000;

export class Figures {
  private readonly shares = byId("shares", HTMLElement);
  private readonly changes = byId("changes", HTMLElement);
  private readonly peaks = byId("peaks", HTMLElement);
  private summary: SummaryReply | null = null;
  private asked: AbortController | null = null;
  private askedAtMs = 0;
  private waiting: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly book: SessionBook,
    private readonly position: Position,
    private readonly choice: WhoChoice,
    /** To sum up takes longer than to draw; whoever waits sees the lines first. */
    first: Promise<void>,
  ) {
    for (const room of [this.shares, this.changes, this.peaks]) {
      room.replaceChildren(skeleton(5, 1.75));
    }
    choice.on("chosen", () => this.show());
    book.on("names", () => this.show());
    book.on("people", () => void this.load());
    book.on("frames", () => this.loadSoon());
    void first.then(() => this.load());
  }

  private loadSoon(): void {
    clearTimeout(this.waiting);
    const pauseMs = Math.max(0, this.askedAtMs + LEAST_PAUSE_MS - performance.now());
    this.waiting = setTimeout(() => void this.load(), pauseMs);
  }

  private async load(): Promise<void> {
    clearTimeout(this.waiting);
    this.asked?.abort();
    const asking = (this.asked = new AbortController());
    this.askedAtMs = performance.now();
    try {
      this.summary = await fetchSummary(this.book.session.id, asking.signal);
      if (!asking.signal.aborted) this.show();
    } catch (error) {
      if (asking.signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      this.shares.replaceChildren(notice("bad", reason));
    }
  }

  private show(): void {
    if (!this.summary) return;
    const { overall, people } = this.summary;
    byId("figures", HTMLElement).hidden = overall === null;
    if (!overall) return;
    const { who } = this.choice;
    const one = people.find(({ track_id }) => track_id === who);
    const shown = one ?? overall;
    const whose = one ? this.book.nameOf(one.track_id) : words.together;
    this.shares.replaceChildren(
      sharesTable(words.shares_caption, this.book.labels, this.columns(overall, people)),
    );
    this.changes.replaceChildren(changesTable(shown, this.book.labels, whose));
    this.showPeaks(shown);
  }

  private columns(overall: PersonSummary, people: readonly PersonSummary[]): Column[] {
    const { who } = this.choice;
    const all = fill(words.anybody_visible, { length: length(overall.visible_s) });
    const together: Column = { name: words.together, about: all, shares: overall.shares };
    const each = people.map((person) => ({
      name: this.book.nameOf(person.track_id),
      about: fill(words.visible, { length: length(person.visible_s) }),
      shares: person.shares,
      track: person.track_id,
    }));
    if (who === "together" || !each.length) return [together];
    if (typeof who === "number") return each.filter(({ track }) => track === who);
    return each.length > 1 ? [...each, together] : each;
  }

  private showPeaks({ peaks }: PersonSummary): void {
    const groups = this.book.labels
      .filter(({ name }) => peaks[name]?.length)
      .map(({ name, colour }) => {
        const swatch = make("i", "swatch");
        swatch.style.background = colour;
        const list = make("ul", "peak-list");
        list.append(...(peaks[name] ?? []).map((peak) => make("li", "", this.peak(peak, name))));
        return make("section", "peak-group", make("h3", "", swatch, capital(name)), list);
      });
    this.peaks.replaceChildren(...groups);
  }

  private peak(peak: Peak, label: string): HTMLElement {
    const time = make("time", "", at(peak.timestamp_s));
    const name = this.book.nameOf(peak.track_id);
    const theirs = this.book.picturesOf(this.book.rootOf(peak.track_id));
    const picture = pictureNear(theirs, peak.timestamp_s, PEAK_PICTURE_S);
    const part = make("b", "", percent(peak.probability));
    const ahead = make("span", "unseen", fill(words.go_to_peak, { label }));
    const lines = make("span", "peak-words", ahead, part, " ", time, " ");
    if (this.book.shown.length > 1) lines.append(make("span", "peak-who", name));
    const button = make("button", "peak", lines);
    button.type = "button";
    if (picture) {
      const image = make("img");
      image.src = picture.url;
      image.alt = "";
      image.loading = "lazy";
      button.prepend(image);
    }
    button.addEventListener("click", () => {
      this.position.go(peak.timestamp_s);
      byId("timeline", HTMLElement).scrollIntoView({ block: "nearest" });
      byId("position", HTMLElement).focus({ preventScroll: true });
    });
    return button;
  }
}

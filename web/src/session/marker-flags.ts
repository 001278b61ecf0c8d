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
// Flags nearer to each other than this cannot be hit one by one (WCAG 2.2, 2.5.8).
const HIT_PX = 28;

export class MarkerFlags {
  private readonly flags = new Map<number, HTMLButtonElement>();
  /** Markers that share a flag, by the one whose flag it is. */
  private readonly clusters = new Map<number, Marker[]>();
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
    const flag = make("button", "flag", make("span"));
    flag.type = "button";
    flag.addEventListener("click", () => {
      const those = this.clusters.get(marker.id) ?? [marker];
      if (those.length === 1) this.position.go(marker.timestamp_s);
      else this.zoomTo(those);
    });
    return flag;
  }

  /** Put each flag where it belongs; those too near to each other to be hit are one flag. */
  private place(): void {
    const { from_s, span_s } = this.window;
    const width = this.host.clientWidth;
    const { markers } = this.book;
    const perS_px = width / (span_s || 1);
    const places = markers.map(({ timestamp_s }) => (timestamp_s - from_s) * perS_px);
    this.cluster(markers, places);
    markers.forEach((marker, order) => {
      const place = places[order] ?? 0;
      const flag = this.flags.get(marker.id);
      const line = this.lines.children[order];
      if (!flag || !(line instanceof HTMLElement)) return;
      const isSeen = place >= 0 && place <= width;
      const those = this.clusters.get(marker.id);
      line.hidden = !isSeen;
      flag.hidden = !isSeen || !those;
      flag.style.left = line.style.left = `${place}px`;
      if (!those) return;
      const next = markers.findIndex((_, later) => later >= order + those.length);
      const end = next < 0 ? width : Math.min(places[next] ?? width, width);
      flag.dataset["tight"] = String(end - place < WORD_PX && those.length === 1);
      label(flag, those);
    });
  }

  /** Gather markers from left to right; each cluster is kept by its first one that is in view. */
  private cluster(markers: readonly Marker[], places: readonly number[]): void {
    this.clusters.clear();
    let [gathered, begin]: [Marker[], number] = [[], -Infinity];
    markers.forEach((marker, order) => {
      const place = places[order] ?? 0;
      if (place < 0 || place > this.host.clientWidth) return;
      if (place - begin < HIT_PX) {
        gathered.push(marker);
        return;
      }
      [gathered, begin] = [[marker], place];
      this.clusters.set(marker.id, gathered);
    });
  }

  private zoomTo(markers: readonly Marker[]): void {
    const [first, last] = [markers[0]?.timestamp_s ?? 0, markers.at(-1)?.timestamp_s ?? 0];
    const around_s = Math.max(last - first, this.window.span_s / 50);
    this.window.show(first - around_s, last + around_s);
    this.position.go(first);
  }
}

function label(flag: HTMLButtonElement, markers: readonly Marker[]): void {
  const [{ word, timestamp_s } = { word: "", timestamp_s: 0 }] = markers;
  const time = at(timestamp_s);
  const said = markers.map((marker) => marker.word).join(", ");
  const isOne = markers.length === 1;
  const values = { number: markers.length, time, words: said };
  flag.firstElementChild?.replaceChildren(isOne ? word : String(markers.length));
  flag.title = isOne ? `${word} · ${time}` : said;
  const one = fill(words.go_to_marker, { word, time });
  flag.setAttribute("aria-label", isOne ? one : fill(words.marker_cluster, values));
}

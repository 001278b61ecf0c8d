// The whole session in a strip: what was how strong when, and which stretch is in view.

import { make } from "../dom";
import type { Label, TimelineReply } from "../protocol";
import { fill } from "../words";
import words from "../../words/en/session.json";
import { onScheme } from "./plot";
import { at } from "./times";
import type { TimeWindow } from "./window";

const STEP = 0.02;
type Part = "move" | "from" | "to" | "brush";

export class Overview {
  readonly element = make("div", "overview");
  private readonly canvas = make("canvas");
  private readonly brush = make("div", "overview-brush");
  private readonly from = handle("from", words.window_from);
  private readonly to = handle("to", words.window_to);
  private reply: TimelineReply | null = null;

  constructor(
    private readonly window: TimeWindow,
    private labels: readonly Label[],
  ) {
    this.canvas.setAttribute("aria-hidden", "true");
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", words.overview);
    this.brush.append(this.from, this.to);
    this.element.append(this.canvas, this.brush);
    this.element.addEventListener("pointerdown", (event) => this.press(event));
    for (const [end, element] of [["from", this.from], ["to", this.to]] as const) {
      element.addEventListener("keydown", (event) => this.nudge(event, end));
    }
    window.on("moved", () => this.showWindow());
    new ResizeObserver(() => this.draw()).observe(this.element);
    onScheme(() => this.draw());
    this.showWindow();
  }

  show(reply: TimelineReply, labels: readonly Label[]): void {
    this.reply = reply;
    this.labels = labels;
    this.draw();
    this.showWindow();
  }

  private get length_s(): number {
    return this.window.last_s - this.window.first_s || 1;
  }

  private showWindow(): void {
    const { first_s, last_s, from_s, to_s, isWhole } = this.window;
    this.brush.style.left = `${(100 * (from_s - first_s)) / this.length_s}%`;
    this.brush.style.width = `${(100 * (to_s - from_s)) / this.length_s}%`;
    this.brush.dataset["whole"] = String(isWhole);
    for (const [element, now] of [[this.from, from_s], [this.to, to_s]] as const) {
      element.setAttribute("aria-valuemin", first_s.toFixed(1));
      element.setAttribute("aria-valuemax", last_s.toFixed(1));
      element.setAttribute("aria-valuenow", now.toFixed(1));
      element.setAttribute("aria-valuetext", at(now));
    }
  }

  /** Stack the expressions of each bin on each other: they come to 100 %. */
  private draw(): void {
    const { clientWidth: width, clientHeight: height } = this.element;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const context = this.canvas.getContext("2d");
    const [line] = this.reply?.lines ?? [];
    if (!context || !line || !this.reply) return;
    const { start_s, bin_s } = this.reply;
    const perS = this.canvas.width / this.length_s;
    const wide = Math.max(bin_s * perS, 1);
    line.bins.forEach((bin, place) => {
      const left = (start_s + bin * bin_s - this.window.first_s) * perS;
      let top = this.canvas.height;
      for (const { name, colour } of this.labels) {
        const high = (line.means[name]?.[place] ?? 0) * this.canvas.height;
        context.fillStyle = colour;
        // A little wider, so that no seam of the ground shines through between two bins.
        context.fillRect(left, top - high, wide + 0.5, high + 0.5);
        top -= high;
      }
    });
  }

  private press(event: PointerEvent): void {
    if (event.button !== 0) return;
    const target = event.target instanceof HTMLElement ? event.target : this.element;
    const part = this.partOf(target);
    const startedAt_s = this.momentAt(event);
    const { from_s, to_s } = this.window;
    this.element.setPointerCapture(event.pointerId);
    const moved = (move: PointerEvent) => {
      const now_s = this.momentAt(move);
      if (part === "from") this.window.show(Math.min(now_s, to_s - 0.5), to_s);
      else if (part === "to") this.window.show(from_s, Math.max(now_s, from_s + 0.5));
      else if (part === "move") {
        this.window.show(from_s + now_s - startedAt_s, to_s + now_s - startedAt_s);
      } else this.window.show(Math.min(startedAt_s, now_s), Math.max(startedAt_s, now_s));
    };
    this.element.addEventListener("pointermove", moved);
    const ended = (end: PointerEvent) => {
      this.element.removeEventListener("pointermove", moved);
      // A click beside the window brings it there.
      const isClick = Math.abs(end.clientX - event.clientX) < 4;
      if (isClick && part === "brush") {
        this.window.show(startedAt_s - (to_s - from_s) / 2, startedAt_s + (to_s - from_s) / 2);
      }
    };
    this.element.addEventListener("pointerup", ended, { once: true });
    event.preventDefault();
    target.closest<HTMLElement>("[role=slider]")?.focus();
  }

  private partOf(target: HTMLElement): Part {
    if (target === this.from) return "from";
    if (target === this.to) return "to";
    return target === this.brush && !this.window.isWhole ? "move" : "brush";
  }

  private momentAt(event: PointerEvent): number {
    const { left, width } = this.element.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - left) / width, 0), 1);
    return this.window.first_s + share * this.length_s;
  }

  private nudge(event: KeyboardEvent, end: "from" | "to"): void {
    const { from_s, to_s, first_s, last_s, span_s } = this.window;
    const by_s = Math.max(span_s * STEP, 0.1) * (event.shiftKey ? 5 : 1);
    const now_s = end === "from" ? from_s : to_s;
    const places: Record<string, number> = {
      ArrowLeft: now_s - by_s,
      ArrowDown: now_s - by_s,
      ArrowRight: now_s + by_s,
      ArrowUp: now_s + by_s,
      Home: first_s,
      End: last_s,
    };
    const wanted_s = places[event.key];
    if (wanted_s === undefined) return;
    if (end === "from") this.window.show(Math.min(wanted_s, to_s - 0.5), to_s);
    else this.window.show(from_s, Math.max(wanted_s, from_s + 0.5));
    event.preventDefault();
    event.stopPropagation();
  }
}

function handle(end: "from" | "to", name: string): HTMLElement {
  const element = make("div", `overview-handle ${end}`);
  element.tabIndex = 0;
  element.setAttribute("role", "slider");
  element.setAttribute("aria-label", fill(name, {}));
  return element;
}

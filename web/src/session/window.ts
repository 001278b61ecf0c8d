// The stretch of a session that is in view: zoomed, panned, and kept within the session.

import { Events } from "../events";

// The least that can be in view: a few frames of a camera.
const LEAST_S = 0.5;

export class TimeWindow extends Events<{ moved: TimeWindow }> {
  from_s: number;
  to_s: number;

  constructor(
    public first_s: number,
    public last_s: number,
  ) {
    super();
    this.from_s = first_s;
    this.to_s = last_s;
  }

  get span_s(): number {
    return this.to_s - this.from_s;
  }

  get isWhole(): boolean {
    return this.from_s <= this.first_s && this.to_s >= this.last_s;
  }

  /** Say where the session begins and ends; a view of its end goes along with it. */
  bound(first_s: number, last_s: number): void {
    const [wasWhole, follows] = [this.isWhole, this.to_s >= this.last_s];
    const by_s = last_s - this.last_s;
    this.first_s = first_s;
    this.last_s = Math.max(last_s, first_s + LEAST_S);
    if (wasWhole) this.show(this.first_s, this.last_s);
    else if (follows) this.show(this.from_s + by_s, this.to_s + by_s);
  }

  /** Bring a stretch into view, moved and cut so that it lies within the session. */
  show(from_s: number, to_s: number): void {
    const most_s = this.last_s - this.first_s;
    const span_s = Math.min(Math.max(to_s - from_s, Math.min(LEAST_S, most_s)), most_s);
    const middle_s = (from_s + to_s) / 2;
    const from = Math.min(Math.max(middle_s - span_s / 2, this.first_s), this.last_s - span_s);
    if (from === this.from_s && from + span_s === this.to_s) return;
    this.from_s = from;
    this.to_s = from + span_s;
    this.emit("moved", this);
  }

  showAll(): void {
    this.show(this.first_s, this.last_s);
  }

  /** Zoom by a factor (below 1: closer) around a moment, which stays where it is seen. */
  zoom(factor: number, around_s: number): void {
    const most = (this.last_s - this.first_s) / this.span_s;
    const by = Math.min(Math.max(factor, LEAST_S / this.span_s), most);
    const from_s = around_s - (around_s - this.from_s) * by;
    this.show(from_s, from_s + this.span_s * by);
  }

  pan(by_s: number): void {
    this.show(this.from_s + by_s, this.to_s + by_s);
  }

  /** Bring a moment into view, without moving where it already is. */
  reveal(moment_s: number): void {
    if (moment_s >= this.from_s && moment_s <= this.to_s) return;
    this.show(moment_s - this.span_s / 2, moment_s + this.span_s / 2);
  }

  clamp(moment_s: number): number {
    return Math.min(Math.max(moment_s, this.first_s), this.last_s);
  }
}

// Where in the session one is: set by a click, a key, a marker, a peak, or a video that plays.

import { Events } from "../events";
import type { TimeWindow } from "./window";

export class Position extends Events<{ moved: number; seeking: number }> {
  moment_s: number;

  constructor(private readonly window: TimeWindow) {
    super();
    this.moment_s = window.first_s;
  }

  /** Go somewhere, and bring it into view; a video goes along. */
  go(moment_s: number): void {
    this.follow(moment_s);
    this.emit("seeking", this.moment_s);
  }

  /** Be where the video is. */
  follow(moment_s: number): void {
    this.moment_s = this.window.clamp(moment_s);
    this.window.reveal(this.moment_s);
    this.emit("moved", this.moment_s);
  }
}

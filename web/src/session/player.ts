// The video of a session, if it was kept, in step with the position on the timeline.

import { byId } from "../dom";
import type { MediaFile } from "../protocol";
import type { Position } from "./position";

// A jump that is smaller than this is not worth searching the video for.
const LEAST_JUMP_S = 0.02;

export class Player {
  private readonly video = byId("video", HTMLVideoElement);
  private isAsked = false;

  constructor(
    media: readonly MediaFile[],
    private readonly position: Position,
  ) {
    const file = media.find(({ kind }) => kind === "video");
    byId("player", HTMLElement).hidden = file === undefined;
    if (!file) return;
    this.video.src = file.url;
    position.on("seeking", (moment_s) => this.seek(moment_s));
    this.video.addEventListener("play", () => this.follow());
    this.video.addEventListener("pause", () => this.position.follow(this.video.currentTime));
    this.video.addEventListener("seeked", () => {
      // What the timeline asked for is where the position is already.
      if (!this.isAsked) this.position.follow(this.video.currentTime);
      this.isAsked = false;
    });
  }

  get isThere(): boolean {
    return this.video.src !== "";
  }

  /** Play, or pause. */
  toggle(): void {
    if (!this.isThere) return;
    // A play that a pause overtakes is refused, which is what was wanted.
    if (this.video.paused) this.video.play().catch(() => undefined);
    else this.video.pause();
  }

  private seek(moment_s: number): void {
    if (Math.abs(this.video.currentTime - moment_s) < LEAST_JUMP_S) return;
    this.isAsked = true;
    this.video.currentTime = moment_s;
  }

  private follow(): void {
    if (this.video.paused || this.video.ended) return;
    if (!this.video.seeking) this.position.follow(this.video.currentTime);
    requestAnimationFrame(() => this.follow());
  }
}

// A film beside the camera. It is played from the visitor's own device and never leaves it; what
// it does becomes markers, so that reactions line up with it.

import words from "../words/en/live.json";
import { byId } from "./dom";
import { Events } from "./events";
import { clock } from "./format";
import type { Clip } from "./protocol";
import { fill } from "./words";

const LONGEST_NAME = 200;
// While somebody drags through the film it seeks many times; where they let go is what counts.
const SEEK_ENDS_MS = 400;

export interface ClipEvents {
  /** Another clip, or none. */
  changed: Clip | null;
  /** It began, stopped, ended or went elsewhere, at a moment of `performance.now()`. */
  moved: { word: string; atMs: number };
  trouble: string | null;
}

export class ClipPanel {
  readonly events = new Events<ClipEvents>();
  clip: Clip | null = null;
  private readonly panel = byId("clip", HTMLElement);
  private readonly video = byId("clip-video", HTMLVideoElement);
  private readonly file = byId("clip-file", HTMLInputElement);
  private readonly opener = byId("choose-clip", HTMLButtonElement);
  private readonly remover = byId("clip-remove", HTMLButtonElement);
  private name = "";
  private isPlaying = false;
  private seekTimer = 0;
  private isRewinding = false;

  constructor() {
    this.opener.addEventListener("click", () => this.choose());
    this.remover.addEventListener("click", () => {
      this.take(null);
      this.opener.focus();
    });
    this.file.addEventListener("change", () => {
      const file = this.file.files?.[0];
      if (file) this.take(file);
      // The same film can then be chosen again.
      this.file.value = "";
    });
    this.video.addEventListener("loadedmetadata", () => this.loaded());
    this.video.addEventListener("error", () => this.fail());
    // `playing` comes with the first picture, `play` with the wish.
    this.video.addEventListener("playing", () => this.played());
    this.video.addEventListener("pause", () => this.halted(words.clip_pause));
    this.video.addEventListener("ended", () => this.halted(words.clip_end));
    this.video.addEventListener("seeked", () => this.sought());
  }

  /** Have a film chosen. */
  choose(): void {
    this.file.click();
  }

  /** Where it is, in seconds, while it plays; else null. */
  get playsAtS(): number | null {
    return this.isPlaying ? this.video.currentTime : null;
  }

  /** It stays as it is, and says why; or no longer. */
  lock(locked: boolean): void {
    this.opener.disabled = locked;
    this.remover.disabled = locked;
    byId("clip-words", HTMLElement).textContent = locked ? words.clip_locked : words.clip_local;
  }

  /** Play it from its beginning, if there is one. */
  async begin(): Promise<void> {
    if (!this.clip) return;
    if (this.video.currentTime > 0) {
      this.isRewinding = true;
      this.video.currentTime = 0;
    }
    try {
      await this.video.play();
    } catch (error) {
      // Browsers may want a press of the button for each sound.
      if (!(error instanceof DOMException)) throw error;
      this.events.emit("trouble", words.clip_blocked);
    }
  }

  halt(): void {
    this.video.pause();
  }

  private take(file: File | null): void {
    URL.revokeObjectURL(this.video.src);
    this.name = file?.name.slice(0, LONGEST_NAME) ?? "";
    this.events.emit("trouble", null);
    this.isPlaying = false;
    if (file) this.video.src = URL.createObjectURL(file);
    else this.video.removeAttribute("src");
    this.video.load();
    if (!file) this.change(null);
  }

  private loaded(): void {
    const { duration } = this.video;
    // A film that is being recorded elsewhere has no length yet.
    this.change({ name: this.name, duration_s: Number.isFinite(duration) ? duration : null });
  }

  private fail(): void {
    if (!this.video.hasAttribute("src")) return;
    this.events.emit("trouble", fill(words.clip_bad, { name: this.name }));
    this.video.removeAttribute("src");
    this.change(null);
  }

  private change(clip: Clip | null): void {
    this.clip = clip;
    this.panel.hidden = clip === null;
    byId("stages", HTMLElement).toggleAttribute("data-clip", clip !== null);
    byId("clip-name", HTMLElement).textContent = clip?.name ?? "";
    this.events.emit("changed", clip);
  }

  private played(): void {
    // It plays again after every seek too.
    if (this.isPlaying) return;
    this.isPlaying = true;
    this.move(words.clip_play);
  }

  private halted(word: string): void {
    // A film that ends is paused first.
    if (word === words.clip_pause && this.video.ended) return;
    const wasPlaying = this.isPlaying;
    this.isPlaying = false;
    if (wasPlaying) this.move(word);
  }

  private sought(): void {
    const { currentTime } = this.video;
    const atMs = performance.now();
    window.clearTimeout(this.seekTimer);
    // To its beginning by `begin`: that is told as the beginning.
    const isOwn = this.isRewinding;
    this.isRewinding = false;
    if (isOwn) return;
    this.seekTimer = window.setTimeout(
      () => this.move(words.clip_seek, currentTime, atMs),
      SEEK_ENDS_MS,
    );
  }

  private move(word: string, clipS = this.video.currentTime, atMs = performance.now()): void {
    this.events.emit("moved", { word: fill(word, { time: tenths(clipS) }), atMs });
  }
}

/** 12.34 s to "0:12.3". */
export function tenths(seconds: number): string {
  const rounded = Math.round(seconds * 10);
  return `${clock(Math.floor(rounded / 10))}.${rounded % 10}`;
}

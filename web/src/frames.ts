// Frames from the video to the socket: scaled down, as JPEG, and never two in flight.

import { context2d, toBlob } from "./dom";
import type { LiveSocket } from "./live";

const LONGEST_SIDE_PX = 640;
const JPEG_QUALITY = 0.8;
// An answer that takes longer than this will not come any more.
const GIVE_UP_MS = 5000;

/** Return what a video shows as a JPEG of the size that is read live, so that boxes fit it. */
export function grabFrame(
  video: HTMLVideoElement,
  canvas = document.createElement("canvas"),
): Promise<Blob> {
  const { videoWidth, videoHeight } = video;
  const scale = Math.min(1, LONGEST_SIDE_PX / Math.max(videoWidth, videoHeight));
  canvas.width = Math.round(videoWidth * scale);
  canvas.height = Math.round(videoHeight * scale);
  context2d(canvas).drawImage(video, 0, 0, canvas.width, canvas.height);
  return toBlob(canvas, "image/jpeg", JPEG_QUALITY);
}

export class FrameSender {
  /** No frame is sent while this is set. */
  isHeld = false;
  private readonly canvas = document.createElement("canvas");
  private running = false;
  // Tells the callbacks of a loop that was stopped from those of the one that runs now.
  private loop = 0;
  private sentAtMs: number | null = null;
  // Frames sent in this connection; the server counts them as well.
  private sent = 0;
  private encoding = false;

  constructor(private readonly socket: LiveSocket) {}

  start(video: HTMLVideoElement): void {
    if (this.running) return;
    this.running = true;
    this.loop += 1;
    this.next(video, this.loop);
  }

  stop(): void {
    this.running = false;
  }

  /** The frame in flight was lost with its connection, and the next one counts from 0. */
  forget(): void {
    this.sentAtMs = null;
    this.sent = 0;
  }

  /**
   * Take note of the answer to a frame; returns how long it took in milliseconds.
   *
   * Null for the late answer to a frame that was given up: another is in flight by then.
   */
  answered(index: number): number | null {
    if (this.sentAtMs === null || index !== this.sent - 1) return null;
    const tookMs = performance.now() - this.sentAtMs;
    this.sentAtMs = null;
    return tookMs;
  }

  private next(video: HTMLVideoElement, loop: number): void {
    if (!this.running || loop !== this.loop) return;
    const step = (): void => {
      void this.sendOne(video).finally(() => this.next(video, loop));
    };
    // Hidden tabs and stalled cameras call neither: then nothing is sent.
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(step);
    else requestAnimationFrame(step);
  }

  private async sendOne(video: HTMLVideoElement): Promise<void> {
    const waitedMs = this.sentAtMs === null ? Infinity : performance.now() - this.sentAtMs;
    if (waitedMs < GIVE_UP_MS || this.encoding || this.isHeld || !this.socket.isOpen) return;
    if (!video.videoWidth) return;
    this.encoding = true;
    try {
      const jpeg = await grabFrame(video, this.canvas);
      if (this.running && this.socket.send(jpeg)) {
        this.sentAtMs = performance.now();
        this.sent += 1;
      }
    } finally {
      this.encoding = false;
    }
  }
}

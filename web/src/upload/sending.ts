// Sending what was chosen: all photos as one job, each video as one of its own.

import words from "../../words/en/upload.json";
import { ServerError } from "../api";
import { sendJob, type NewJob } from "../api-jobs";
import { byId, percent } from "../dom";
import { duration } from "../format";
import type { Job } from "../protocol";
import { notice } from "../states";
import { fill } from "../words";

// Sooner, how long it takes cannot be told from how it begins.
const TELL_LEFT_AFTER_MS = 3000;

/** Return the jobs that chosen files make; `title` is what was typed, if anything. */
export function jobsOf(
  photos: readonly File[],
  videos: readonly File[],
  title: string,
  how: Omit<NewJob, "kind" | "files" | "title">,
): NewJob[] {
  const jobs: NewJob[] = [];
  if (photos.length) {
    const plain = { ...how, keep_days: null, keep_video: false, every_s: null };
    jobs.push({ ...plain, kind: "photos", files: photos, title: title || photosTitle(photos) });
  }
  for (const video of videos) {
    const own = videos.length > 1 && title ? `${title}: ${stem(video.name)}` : title;
    jobs.push({ ...how, kind: "video", files: [video], title: own || stem(video.name) });
  }
  return jobs;
}

/** What a title is where none is typed in. */
export function photosTitle(photos: readonly File[]): string {
  const [first] = photos;
  if (photos.length === 1 && first) return stem(first.name);
  return fill(words.photos_many, { n: photos.length });
}

/** Sends one job after the other and shows how far it is. */
export class Sending {
  private stopper: AbortController | null = null;
  private readonly frame = byId("sending", HTMLElement);
  private readonly words = byId("sending-words", HTMLElement);
  private readonly progress = byId("sending-progress", HTMLProgressElement);
  private readonly problem = byId("sending-problem", HTMLElement);

  constructor(private readonly onSent: (job: Job, sent: NewJob) => void) {
    byId("stop", HTMLButtonElement).addEventListener("click", () => this.stopper?.abort());
    window.addEventListener("beforeunload", (event) => {
      if (this.stopper) event.preventDefault();
    });
  }

  /** Send the jobs; returns those that were not sent. */
  async send(jobs: readonly NewJob[]): Promise<NewJob[]> {
    const left = [...jobs];
    this.stopper = new AbortController();
    this.problem.replaceChildren();
    this.frame.hidden = false;
    byId("stop", HTMLButtonElement).focus();
    try {
      for (let job = left[0]; job; job = left[0]) {
        this.onSent(await this.sendOne(job, this.stopper.signal), job);
        left.shift();
      }
    } catch (error) {
      this.problem.replaceChildren(problemNotice(error));
    } finally {
      this.stopper = null;
      this.frame.hidden = true;
    }
    return left;
  }

  private async sendOne(job: NewJob, signal: AbortSignal): Promise<Job> {
    const began = performance.now();
    this.show(job.title, 0, null);
    return sendJob(
      job,
      (sent, total) => {
        const tookMs = performance.now() - began;
        const leftS = (tookMs / 1000) * (total / sent - 1);
        this.show(job.title, sent / total, tookMs > TELL_LEFT_AFTER_MS ? leftS : null);
      },
      signal,
    );
  }

  private show(what: string, share: number, leftS: number | null): void {
    if (share >= 1) {
      // All is sent; the server may still take a while to look at it.
      this.progress.removeAttribute("value");
      this.words.textContent = words.sent;
      return;
    }
    this.progress.value = share;
    this.words.textContent =
      leftS === null
        ? fill(words.sending, { what, share: percent(share) })
        : fill(words.sending_left, { what, share: percent(share), left: duration(leftS) });
  }
}

function problemNotice(error: unknown): HTMLElement {
  if (error instanceof DOMException && error.name === "AbortError") {
    return notice("", words.sending_stopped);
  }
  if (error instanceof ServerError) {
    if (error.code === "connection_lost") return notice("bad", words.sending_lost);
    return notice("bad", `${words.sending_failed}: ${error.message}`);
  }
  throw error;
}

function stem(name: string): string {
  return name.replace(/\.[^.]+$/, "") || name;
}

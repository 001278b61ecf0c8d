// All uploads, kept up to date while somebody looks.

import words from "../../words/en/upload.json";
import { cancelJob, deleteJob, fetchJobs, resumeJob } from "../api-jobs";
import { confirmed } from "../confirm";
import { byId } from "../dom";
import type { Colours } from "../overlay";
import type { Job } from "../protocol";
import { actionButton, emptyState, notice, skeleton } from "../states";
import { toast } from "../toast";
import { common, fill } from "../words";
import { isActive, JobCard, stateWords, type Doing } from "./job-card";

// While something is read, and to see what others send.
const BUSY_PAUSE_MS = 1000;
const CALM_PAUSE_MS = 15_000;

export class JobList {
  private readonly list = byId("jobs", HTMLElement);
  private readonly state = byId("jobs-state", HTMLElement);
  private readonly cards = new Map<string, JobCard>();
  private readonly pictures = new Map<string, readonly File[]>();
  private jobs: Job[] = [];
  private timer = 0;

  constructor(
    private readonly colours: () => Colours,
    private readonly say: (words: string) => void,
  ) {
    this.state.append(skeleton(2, 5.5));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.refresh();
    });
  }

  /** Take a job that was just sent; its photos are shown with its results. */
  add(job: Job, pictures: readonly File[]): void {
    this.pictures.set(job.id, pictures);
    this.show([job, ...this.jobs.filter(({ id }) => id !== job.id)]);
    this.cards.get(job.id)?.open();
    void this.refresh();
  }

  /** Ask how all stand, now and then again after a while. */
  async refresh(): Promise<void> {
    clearTimeout(this.timer);
    try {
      this.show(await fetchJobs());
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      const again = actionButton(common.try_again, () => void this.refresh(), "small");
      this.state.replaceChildren(notice("bad", `${words.jobs_failed}: ${said}`, again));
    }
    clearTimeout(this.timer);
    if (document.hidden) return;
    const pauseMs = this.jobs.some(isActive) ? BUSY_PAUSE_MS : CALM_PAUSE_MS;
    this.timer = window.setTimeout(() => void this.refresh(), pauseMs);
  }

  private show(jobs: Job[]): void {
    const before = new Map(this.jobs.map((job) => [job.id, job.state]));
    this.jobs = jobs;
    for (const [id, card] of this.cards) {
      if (jobs.some((job) => job.id === id)) continue;
      card.element.remove();
      this.cards.delete(id);
    }
    jobs.forEach((job, index) => {
      const card = this.cardOf(job);
      if (this.list.children[index] !== card.element) {
        this.list.insertBefore(card.element, this.list.children[index] ?? null);
      }
      const was = before.get(job.id);
      if (was !== undefined && was !== job.state) {
        this.say(fill(words.state_said, { title: job.title, state: stateWords(job) }));
      }
    });
    const empty = emptyState(words.jobs_empty_title, words.jobs_empty);
    this.state.replaceChildren(...(jobs.length ? [] : [empty]));
  }

  private cardOf(job: Job): JobCard {
    const known = this.cards.get(job.id);
    if (known) {
      known.update(job);
      return known;
    }
    const pictures = this.pictures.get(job.id) ?? [];
    const card = new JobCard(job, pictures, this.colours, (doing, one) => void this.do(doing, one));
    this.cards.set(job.id, card);
    return card;
  }

  private async do(doing: Doing, job: Job): Promise<void> {
    if (doing === "delete" && !(await confirmed(deleteQuestion(job)))) return;
    try {
      if (doing === "cancel") await cancelJob(job.id);
      else if (doing === "resume") await resumeJob(job.id);
      else {
        await deleteJob(job.id);
        toast(fill(words.deleted, { title: job.title }));
        byId("jobs-title", HTMLElement).focus();
      }
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error));
    }
    await this.refresh();
  }
}

function deleteQuestion(job: Job): Parameters<typeof confirmed>[0] {
  const { title } = job;
  const sentence = isActive(job)
    ? words.delete_running_words
    : job.kind === "video"
      ? words.delete_video_words
      : words.delete_photos_words;
  const said = fill(sentence, { title });
  return { title: words.delete_title, words: said, action: common.delete, danger: true };
}

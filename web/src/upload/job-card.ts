// One upload: how it stands, what can be done with it, what came of it.

import words from "../../words/en/upload.json";
import { EXPORT_FORMATS, exportAddress } from "../api-jobs";
import { capital, make } from "../dom";
import { clock, counted, duration, moment, nearness } from "../format";
import type { Colours } from "../overlay";
import type { Job } from "../protocol";
import { actionButton, actionLink, notice } from "../states";
import { common, fill } from "../words";
import { Results } from "./results";

export type Doing = "cancel" | "resume" | "delete";

const STATE_WORDS: Record<Job["state"], string> = {
  waiting: words.state_waiting,
  running: words.state_running,
  done: words.state_done,
  cancelled: words.state_cancelled,
  interrupted: words.state_interrupted,
  failed: words.state_failed,
};

export function stateWords(job: Job): string {
  return STATE_WORDS[job.state];
}

export function isActive({ state }: Job): boolean {
  return state === "waiting" || state === "running";
}

/** A card that is changed in place, so that neither focus nor place is lost. */
export class JobCard {
  readonly element = make("li", "panel job");
  private readonly chip = make("span", "chip");
  private readonly progress = make("progress", "progress");
  private readonly said = make("p", "soft");
  private readonly actions = make("div", "row");
  private readonly notes = make("div", "job-notes");
  private results: Results | null = null;
  // What the buttons were made for: they are only replaced where others are needed.
  private offered = "";

  constructor(
    private job: Job,
    private readonly pictures: readonly File[],
    private readonly colours: () => Colours,
    private readonly run: (doing: Doing, job: Job) => void,
  ) {
    const title = make("h3", "", job.title);
    title.id = `job-${job.id}`;
    const kind = make("span", "tag", job.kind === "video" ? words.kind_video : words.kind_photos);
    const when = make("time", "small-print", moment(job.created_at));
    when.dateTime = job.created_at;
    this.progress.max = 1;
    this.progress.setAttribute("aria-label", fill(words.progress_of, { title: job.title }));
    this.element.setAttribute("aria-labelledby", title.id);
    this.element.append(
      make("div", "job-head", title, kind, when, this.chip),
      this.progress,
      make("div", "job-line", this.said, this.actions),
      this.notes,
    );
    this.update(job);
  }

  update(job: Job): void {
    this.job = job;
    this.chip.dataset["state"] = job.state;
    this.chip.textContent = stateWords(job);
    this.progress.hidden = !isActive(job);
    const { share } = job.progress;
    if (share === null || job.state === "waiting") this.progress.removeAttribute("value");
    else this.progress.value = share;
    this.said.textContent = progressWords(job);
    this.offer();
    this.note();
    this.results?.follow(job.progress.done);
  }

  /** Show the results, which is what somebody who stayed on the page waits for. */
  open(): void {
    if (this.results || this.job.kind !== "photos") return;
    this.results = new Results(this.job.id, this.job.title, this.pictures, this.colours());
    this.element.append(this.results.element);
    this.results.follow(this.job.progress.done);
    this.offered = "";
    this.offer();
  }

  private close(): void {
    this.results?.element.remove();
    this.results = null;
    this.offered = "";
    this.offer();
  }

  private offer(): void {
    const { job } = this;
    const offered = `${job.state} ${job.session_id} ${canResume(job)} ${hasResults(job)}`;
    if (offered === this.offered) return;
    const held = this.actions.contains(document.activeElement);
    this.offered = offered;
    this.actions.replaceChildren(...this.buttons());
    // The keyboard stays here where the button that was pressed is gone.
    if (held) this.actions.querySelector<HTMLElement>("button, a, summary")?.focus();
  }

  private buttons(): HTMLElement[] {
    const { job } = this;
    const of = (sentence: string, button: HTMLElement): HTMLElement => {
      button.setAttribute("aria-label", fill(sentence, { title: job.title }));
      return button;
    };
    const act = (doing: Doing, look: string): HTMLElement =>
      of(
        { cancel: words.cancel_of, resume: words.resume_of, delete: words.delete_of }[doing],
        actionButton(words[doing], () => this.run(doing, this.job), look),
      );
    const made: HTMLElement[] = [];
    if (job.session_id !== null) {
      const address = `/sessions/${job.session_id}`;
      const look = isActive(job) ? "small" : "small primary";
      made.push(of(words.open_of, actionLink(words.open_session, address, look)));
    }
    if (hasResults(job)) made.push(this.resultsButton(), exportMenu(job));
    if (isActive(job)) made.push(act("cancel", "small"));
    if (canResume(job)) made.push(act("resume", "small"));
    made.push(act("delete", "small quiet"));
    return made;
  }

  private resultsButton(): HTMLElement {
    const open = this.results !== null;
    const button = actionButton(
      open ? words.hide_results : words.show_results,
      () => (open ? this.close() : this.open()),
      "small",
    );
    button.setAttribute("aria-expanded", String(open));
    return button;
  }

  private note(): void {
    const { job } = this;
    const lines = [...notesOf(job)].map((line) => make("p", "", line));
    const error = job.error ? [notice("bad", capital(job.error.message))] : [];
    const said = [...error, ...lines].map((line) => line.textContent).join("\n");
    // Written anew only where it changed: an alert would be read out every second.
    if (this.notes.dataset["said"] === said) return;
    this.notes.dataset["said"] = said;
    this.notes.replaceChildren(...error, ...lines);
    this.notes.hidden = !said;
  }
}

function* notesOf(job: Job): Generator<string> {
  yield* job.notes.map(capital);
  if (job.state === "interrupted") yield words.interrupted_words;
  if (job.state === "cancelled") yield words.cancelled_words;
  if (job.expires_at === null || isActive(job)) return;
  const near = nearness(job.expires_at);
  const ended = job.kind === "video" ? words.video_until : words.photos_until;
  const stopped = canResume(job) ? words.resumable : words.expired;
  yield fill(job.state === "done" ? ended : stopped, { when: near });
}

function progressWords(job: Job): string {
  const { done, total, faces, left_s } = job.progress;
  if (job.state === "waiting") return words.waiting_words;
  const none = isActive(job) ? words.faces_none : words.faces_none_found;
  const parts = [countWords(job.kind, done, total)];
  parts.push(faces ? counted(faces, words.faces_one, words.faces_many) : none);
  if (left_s !== null && isActive(job)) parts.push(fill(words.left, { left: duration(left_s) }));
  return parts.join(" · ");
}

function countWords(kind: Job["kind"], done: number, total: number | null): string {
  if (kind === "photos") return fill(words.of_photos, { done, total: total ?? done });
  if (total === null) return fill(words.of_video_open, { done: clock(done) });
  return fill(words.of_video, { done: clock(done), total: clock(total) });
}

function canResume({ state, expires_at }: Job): boolean {
  if (state !== "interrupted" && state !== "cancelled" && state !== "failed") return false;
  return expires_at !== null && Date.parse(expires_at) > Date.now();
}

function hasResults({ kind, progress }: Job): boolean {
  return kind === "photos" && progress.done > 0;
}

function exportMenu(job: Job): HTMLElement {
  const summary = make("summary", "button small", words.export);
  const links = EXPORT_FORMATS.map((format) => {
    const link = make("a", "", fill(words.export_as, { format: common[`format_${format}`] }));
    link.href = exportAddress(job.id, format);
    link.download = "";
    return link;
  });
  const menu = make("details", "menu", summary, make("div", "menu-list", ...links));
  return menu;
}

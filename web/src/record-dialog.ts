// What is asked before a recording: its title, what is kept and for how long, and consent.

import words from "../words/en/live.json";
import type { ClipPanel } from "./clip";
import { consentText, type Keeping } from "./consent";
import { byId, make } from "./dom";
import type { RecordingWish } from "./engine";
import { clock } from "./format";
import { preferences } from "./preferences";
import { fill } from "./words";

export class RecordDialog {
  private readonly dialog = byId("record-dialog", HTMLDialogElement);
  private readonly form = byId("record-form", HTMLFormElement);
  private readonly title = byId("record-title", HTMLInputElement);
  private readonly keep = byId("record-keep", HTMLSelectElement);
  private readonly pictures = byId("record-pictures", HTMLInputElement);
  private readonly consent = byId("record-consent", HTMLElement);
  private readonly agree = byId("record-agree", HTMLInputElement);
  private readonly error = byId("record-error", HTMLElement);
  private readonly chooseClip = byId("record-clip", HTMLButtonElement);

  constructor(private readonly clip: ClipPanel) {
    for (const field of [this.keep, this.pictures]) {
      field.addEventListener("change", () => this.showConsent());
    }
    this.agree.addEventListener("change", () => this.complain(false));
    this.chooseClip.addEventListener("click", () => clip.choose());
    clip.events.on("changed", () => this.showClip());
    byId("record-cancel", HTMLButtonElement).addEventListener("click", () => this.dialog.close());
    this.form.addEventListener("submit", (event) => {
      // Without it nothing is recorded; with it the dialog closes by itself.
      if (!this.agree.checked) event.preventDefault();
      this.complain(!this.agree.checked);
    });
  }

  /** Ask, and return what to record; null if it is called off. */
  async ask(): Promise<RecordingWish | null> {
    this.title.value = defaultTitle(new Date());
    this.offerDays(preferences().keep_days);
    this.pictures.checked = false;
    this.showConsent();
    this.showClip();
    this.dialog.returnValue = "";
    this.dialog.showModal();
    this.title.select();
    await new Promise((resolve) => this.dialog.addEventListener("close", resolve, { once: true }));
    if (this.dialog.returnValue !== "record") return null;
    const { days, pictures } = this.keeping;
    return {
      title: this.title.value.trim() || defaultTitle(new Date()),
      consent: this.consent.textContent ?? "",
      keep_days: days,
      pictures,
      clip: this.clip.clip,
    };
  }

  private get keeping(): Keeping {
    const days = this.keep.value ? Number(this.keep.value) : null;
    return { days, pictures: this.pictures.checked };
  }

  private offerDays(days: number | null): void {
    const value = days === null ? "" : String(days);
    if (![...this.keep.options].some((option) => option.value === value)) {
      const option = make("option", "", fill(words.keep_days, { days: value }));
      option.value = value;
      this.keep.prepend(option);
    }
    this.keep.value = value;
  }

  /** Show what is to be agreed to; nobody has agreed to a text that has just changed. */
  private showConsent(): void {
    this.consent.textContent = consentText(this.keeping);
    this.agree.checked = false;
    this.complain(false);
  }

  private showClip(): void {
    const { clip } = this.clip;
    byId("record-clip-words", HTMLElement).textContent = clip
      ? fill(words.clip_starts, { name: clip.name, length: clock(clip.duration_s ?? 0) })
      : words.clip_none;
    this.chooseClip.textContent = clip ? words.clip_change : words.clip_choose;
  }

  private complain(isMissing: boolean): void {
    this.error.textContent = isMissing ? words.consent_needed : "";
    this.agree.setAttribute("aria-invalid", String(isMissing));
    if (isMissing) this.agree.focus();
  }
}

/** "Session, 21 November, 14:05". */
function defaultTitle(now: Date): string {
  const date = now.toLocaleDateString("en-GB", { day: "numeric", month: "long" });
  const time = now.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  return fill(words.session_title_default, { date, time });
}

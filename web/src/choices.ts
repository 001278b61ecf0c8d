// What the user chooses: label set and detector, out of what the server offers.

import { capital, make } from "./dom";
import type { Colours } from "./overlay";
import type { Label, ModelsReply } from "./protocol";

const DETECTOR_WORDS: Record<string, string> = {
  auto: "Automatic",
  blazeface: "BlazeFace · quick",
  yunet: "YuNet · finds most faces",
  haar: "Haar cascade · classic",
  full: "None · the picture is a face",
};

// Shown instead of the server's longer words where a detector that is worth having is missing.
const HOW_TO_GET: Record<string, string> = {
  yunet: "YuNet finds more and smaller faces. To get it: mien models fetch yunet",
};

export interface Selection {
  detector: string;
  label_set: string;
}

export class Choices {
  private readonly colourOf = new Map<string, string>();
  // What reads now, and what the server was asked for and has not answered yet, oldest first.
  private settled: Selection | null = null;
  private asked: Selection[] = [];
  private greeted = false;

  constructor(
    private readonly labelSets: HTMLSelectElement,
    private readonly detectors: HTMLSelectElement,
    private readonly hint: HTMLElement,
    onChange: () => void,
  ) {
    labelSets.addEventListener("change", onChange);
    detectors.addEventListener("change", onChange);
  }

  get colours(): Colours {
    return this.colourOf;
  }

  get chosen(): Selection {
    return { detector: this.detectors.value, label_set: this.labelSets.value };
  }

  /** Begin a connection: it greets first, and answers nothing that was asked before it. */
  begin(): void {
    this.asked = [];
    this.greeted = false;
  }

  /** Return what to ask the server for; `answered` is to hear what comes back. */
  ask(): Selection {
    this.asked.push(this.chosen);
    return this.chosen;
  }

  /** Hear that the oldest question was granted or refused: then show what still reads. */
  answered(granted: boolean): void {
    if (!this.greeted) {
      this.greeted = true;
      return;
    }
    const answered = this.asked.shift();
    if (granted && answered) this.settled = answered;
    else if (this.settled && !this.asked.length) this.take(this.settled);
  }

  /** Offer what the server has; what was chosen before stays chosen where it can. */
  offer(models: ModelsReply): void {
    const before = this.chosen;
    for (const set of models.label_sets) this.learn(set.labels);
    this.labelSets.replaceChildren(
      ...models.label_sets.map((set) =>
        option(set.name, `${set.labels.length} · ${set.name === "ferplus" ? "FER+" : "FER2013"}`),
      ),
    );
    this.detectors.replaceChildren(
      ...models.detectors.map((detector) => {
        const words = DETECTOR_WORDS[detector.name] ?? detector.name;
        const made = option(detector.name, detector.available ? words : `${words} (not here)`);
        made.disabled = !detector.available;
        return made;
      }),
    );
    const reasons = models.detectors.filter((detector) => detector.reason !== null);
    this.hint.textContent = reasons
      .map((detector) => HOW_TO_GET[detector.name] ?? capital(detector.reason ?? ""))
      .join(" ");
    this.take(models.default);
    if (before.detector) this.take(before);
  }

  private take(choice: Selection): void {
    for (const [select, value] of [
      [this.labelSets, choice.label_set],
      [this.detectors, choice.detector],
    ] as const) {
      const offered = [...select.options].some((one) => one.value === value && !one.disabled);
      if (offered) select.value = value;
    }
  }

  learn(labels: readonly Label[]): void {
    for (const label of labels) this.colourOf.set(label.name, label.colour);
  }
}

function option(value: string, words: string): HTMLOptionElement {
  const made = make("option", "", words);
  made.value = value;
  return made;
}

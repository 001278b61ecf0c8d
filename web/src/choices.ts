// What the user chooses: label set and detector, out of what the server offers.

import { capital, make } from "./dom";
import type { Colours } from "./overlay";
import type { Choice, Label, ModelsReply } from "./protocol";

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

export class Choices {
  private readonly colourOf = new Map<string, string>();

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

  get chosen(): { detector: string; label_set: string } {
    return { detector: this.detectors.value, label_set: this.labelSets.value };
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

  /** Show what the server took. */
  take(choice: Pick<Choice, "label_set" | "detector">): void {
    this.labelSets.value = choice.label_set;
    const offered = [...this.detectors.options].some((one) => one.value === choice.detector);
    if (offered) this.detectors.value = choice.detector;
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

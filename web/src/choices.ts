// What the user chooses: model, label set and detector, out of what there is.

import words from "../words/en/live.json";
import { capital, make } from "./dom";
import { LOST, Refused, type Engine, type PictureChoice } from "./engine";
import type { Colours } from "./overlay";
import { preferences } from "./preferences";
import type { Label, ModelsReply } from "./protocol";
import { fill } from "./words";

const DETECTOR_WORDS: Record<string, string> = {
  auto: words.detector_auto,
  blazeface: words.detector_blazeface,
  yunet: words.detector_yunet,
  haar: words.detector_haar,
  full: words.detector_full,
};

// Shown instead of the server's longer words where a detector that is worth having is missing.
const HOW_TO_GET: Record<string, string> = { yunet: words.get_yunet };

type Selection = Pick<PictureChoice, "bundle" | "detector" | "label_set">;

export interface ChoiceSelects {
  bundle: HTMLSelectElement;
  label_set: HTMLSelectElement;
  detector: HTMLSelectElement;
}

export class Choices {
  private readonly colourOf = new Map<string, string>();
  private settled: Selection | null = null;
  // How many choices the engine has not answered yet.
  private asking = 0;

  constructor(
    private readonly engine: Engine,
    private readonly selects: ChoiceSelects,
    private readonly hint: HTMLElement,
    private readonly readsWords: HTMLElement,
    private readonly tell: (why: string | null) => void,
  ) {
    for (const select of this.all()) select.addEventListener("change", () => void this.apply());
    engine.on("reading", ({ labels }) => this.learn(labels));
  }

  get colours(): Colours {
    return this.colourOf;
  }

  /** What photos and explanations are read with. */
  get chosen(): PictureChoice {
    const { prior, uncertain_below } = preferences();
    return { ...this.selection, prior, uncertain_below };
  }

  /** Ask for what is chosen; where it is refused, say why and show what still reads. */
  async apply(): Promise<void> {
    const wanted = this.selection;
    const { smoothing_s, prior, uncertain_below } = preferences();
    this.asking += 1;
    try {
      await this.engine.choose({ ...wanted, smoothing_s, prior, uncertain_below });
      this.settled = wanted;
      this.tell(null);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // The next connection asks again.
      if (error.code === LOST) return;
      if (this.settled && this.asking === 1) this.take(this.settled);
      this.tell(capital(error.message));
    } finally {
      this.asking -= 1;
    }
  }

  /** Offer what there is; what was chosen before stays chosen where it can. */
  offer(models: ModelsReply): void {
    const before = this.selection;
    for (const set of models.label_sets) this.learn(set.labels);
    this.selects.bundle.replaceChildren(...models.bundles.map(({ name }) => option(name, name)));
    this.selects.label_set.replaceChildren(
      ...models.label_sets.map(({ name, labels }) => {
        const shown = name === "ferplus" ? "FER+" : name.toUpperCase();
        return option(name, fill(words.label_set_option, { count: labels.length, name: shown }));
      }),
    );
    this.selects.detector.replaceChildren(
      ...models.detectors.map(({ name, available }) => {
        const shown = DETECTOR_WORDS[name] ?? name;
        const made = option(name, available ? shown : fill(words.not_here, { name: shown }));
        made.disabled = !available;
        return made;
      }),
    );
    const missing = models.detectors.filter(({ reason }) => reason !== null);
    this.hint.textContent = missing
      .map(({ name, reason }) => HOW_TO_GET[name] ?? capital(reason ?? ""))
      .join(" ");
    this.take(models.default);
    this.take(preferences());
    if (before.detector) this.take(before);
  }

  /** What decides on the figures stays as it is, and says why; or no longer. */
  lock(locked: boolean): void {
    for (const select of this.all()) select.disabled = locked;
    this.readsWords.textContent = locked ? words.locked : words.reads_with;
  }

  private get selection(): Selection {
    const { bundle, label_set, detector } = this.selects;
    return { bundle: bundle.value, label_set: label_set.value, detector: detector.value };
  }

  private all(): HTMLSelectElement[] {
    return [this.selects.bundle, this.selects.label_set, this.selects.detector];
  }

  private take(choice: { [Name in keyof Selection]: string | null }): void {
    for (const name of ["bundle", "label_set", "detector"] as const) {
      const wanted = choice[name];
      const select = this.selects[name];
      const offered = [...select.options].some((one) => one.value === wanted && !one.disabled);
      if (wanted !== null && offered) select.value = wanted;
    }
  }

  private learn(labels: readonly Label[]): void {
    for (const label of labels) this.colourOf.set(label.name, label.colour);
  }
}

function option(value: string, shown: string): HTMLOptionElement {
  const made = make("option", "", shown);
  made.value = value;
  return made;
}

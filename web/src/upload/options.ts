// How what was chosen is to be read: title, how often, how long it is kept, model and detector.

import words from "../../words/en/upload.json";
import type { NewJob } from "../api-jobs";
import { byId, make } from "../dom";
import { detectorName, labelSetName } from "../names";
import { preferences } from "../preferences";
import type { ModelsReply } from "../protocol";
import { fill } from "../words";

const KEEP_DAYS = [1, 7, 30, 90, 365];
const EVERY_S = [0.1, 0.2, 0.5, 1, 2, 5];
const DEFAULT_EVERY_S = 0.2;
// The shortest time that the server takes: less than a frame of any camera, so every picture is read.
const EVERY_FRAME = "0.001";

const select = (id: string): HTMLSelectElement => byId(id, HTMLSelectElement);

/** Offer what can be chosen without the server. */
export function offerOptions(): void {
  const { keep_days, consent_text } = preferences();
  const days = [...new Set([...KEEP_DAYS, ...(keep_days ? [keep_days] : [])])].sort((a, b) => a - b);
  select("keep").replaceChildren(
    ...days.map((n) => option(String(n), keepWords(n))),
    option("", words.keep_always),
  );
  select("keep").value = keep_days === null ? "" : String(keep_days);
  select("every").replaceChildren(
    option(EVERY_FRAME, words.every_frame),
    ...EVERY_S.map((s) =>
      option(String(s), s === 1 ? words.every_second : fill(words.every_seconds, { seconds: s })),
    ),
  );
  select("every").value = String(DEFAULT_EVERY_S);
  byId("consent-words", HTMLElement).textContent = consent_text ?? words.consent;
}

/** Offer what the server can read with; this browser's preferences are chosen where they can. */
export function offerModels(models: ModelsReply): void {
  const wanted = preferences();
  const offer = (id: string, options: HTMLOptionElement[], ...values: (string | null)[]): void => {
    select(id).replaceChildren(...options);
    const usable = options.filter((one) => !one.disabled).map((one) => one.value);
    const value = values.find((one) => one !== null && usable.includes(one));
    if (value) select(id).value = value;
  };
  offer(
    "bundle",
    models.bundles.map(({ name }) => option(name, name)),
    wanted.bundle,
    models.default.bundle,
  );
  offer(
    "detector",
    models.detectors.map(({ name, available }) => {
      const shown = detectorName(name);
      const made = option(name, available ? shown : fill(words.detector_away, { name: shown }));
      made.disabled = !available;
      return made;
    }),
    wanted.detector,
    models.default.detector,
  );
  const offerLabelSets = (): void => {
    const bundle = models.bundles.find(({ name }) => name === select("bundle").value);
    const sets = models.label_sets.filter(({ name }) => bundle?.label_sets.includes(name) ?? true);
    offer(
      "label-set",
      sets.map((set) => option(set.name, labelSetName(set))),
      select("label-set").value,
      wanted.label_set,
      models.default.label_set,
    );
  };
  offerLabelSets();
  select("bundle").addEventListener("change", offerLabelSets);
}

/** Show what only concerns videos where there is one. */
export function concernVideos(concerned: boolean): void {
  byId("video-options", HTMLElement).hidden = !concerned;
}

/** Return what the form says, but for kind and files. */
export function chosenOptions(): Omit<NewJob, "kind" | "files" | "title"> {
  const keep = select("keep").value;
  return {
    consent: byId("consent-words", HTMLElement).textContent?.trim() ?? "",
    keep_days: keep ? Number(keep) : null,
    keep_video: byId("keep-video", HTMLInputElement).checked,
    every_s: Number(select("every").value),
    bundle: select("bundle").value || null,
    detector: select("detector").value || null,
    label_set: select("label-set").value || null,
  };
}

function keepWords(days: number): string {
  if (days === 1) return words.keep_day;
  return days === 365 ? words.keep_year : fill(words.keep_days, { days });
}

function option(value: string, shown: string): HTMLOptionElement {
  const made = make("option", "", shown);
  made.value = value;
  return made;
}

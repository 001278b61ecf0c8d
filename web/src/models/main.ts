// The models page: what can read here, how well, and what this browser asks for.

import words from "../../words/en/models.json";
import { fetchModels } from "../api";
import { fetchModel } from "../api-server";
import { byId, capital, make } from "../dom";
import { detectorName, labelSetTitle } from "../names";
import { onPreferences, prefer, preferences, type Preferences } from "../preferences";
import type { Detector, LabelSet, ModelsReply } from "../protocol";
import { emptyState, notice, skeleton } from "../states";
import { toast } from "../toast";
import { fill } from "../words";
import { ModelCard } from "./model-card";

const part = (id: string): HTMLElement => byId(id, HTMLElement);
const ABOUT_DETECTORS: Record<string, string> = {
  auto: words.about_auto,
  blazeface: words.about_blazeface,
  yunet: words.about_yunet,
  haar: words.about_haar,
  full: words.about_full,
};

async function show(): Promise<void> {
  part("models").replaceChildren(skeleton(2, 34));
  part("label-sets").replaceChildren(skeleton(1, 8));
  part("detectors").replaceChildren(skeleton(1, 8));
  try {
    const models = await fetchModels();
    showLabelSets(models);
    showDetectors(models);
    await showModels(models);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    for (const id of ["models", "label-sets", "detectors"]) part(id).replaceChildren();
    part("problem").replaceChildren(notice("bad", `${words.failed}: ${said}`));
  }
}

async function showModels(models: ModelsReply): Promise<void> {
  const told = await Promise.all(models.bundles.map(({ name }) => fetchModel(name)));
  // What is read by default comes first.
  for (const model of told) {
    const isDefault = (labelSet: string): number => Number(labelSet === model.default_label_set);
    model.evaluations.sort((a, b) => isDefault(b.label_set) - isDefault(a.label_set));
    model.robustness.sort((a, b) => isDefault(b.label_set) - isDefault(a.label_set));
  }
  const cards = told.map((model) => new ModelCard(model, (name) => use(name)));
  const use = (name: string): void =>
    choose({ bundle: name === preferences().bundle ? null : name }, words.used_said, name);
  const mark = ({ bundle }: Preferences): void => {
    const inUse = cards.some(({ model }) => model.name === bundle) ? bundle : models.default.bundle;
    for (const card of cards) {
      const { name } = card.model;
      card.mark(name === inUse, name === bundle);
    }
  };
  mark(preferences());
  onPreferences(mark);
  const empty = emptyState(words.empty_title, words.empty);
  part("models").replaceChildren(...(cards.length ? cards.map((card) => card.element) : [empty]));
}

function showLabelSets(models: ModelsReply): void {
  const wanted = preferences().label_set ?? models.default.label_set;
  part("label-sets").replaceChildren(
    ...models.label_sets.map((set) => {
      const choice = radio("label-set", set.name, set.name === wanted, labelSetTitle(set.name));
      choice.words.append(legend(set));
      choice.input.addEventListener("change", () => {
        const asked = set.name === models.default.label_set ? null : set.name;
        choose({ label_set: asked }, words.set_said, labelSetTitle(set.name));
      });
      return choice.element;
    }),
  );
}

function legend(set: LabelSet): HTMLElement {
  const list = make("ul", "swatches");
  for (const { name, colour } of set.labels) {
    const item = make("li", "", capital(name));
    item.style.setProperty("--colour", colour);
    list.append(item);
  }
  return list;
}

function showDetectors(models: ModelsReply): void {
  const wanted = preferences().detector;
  const server = radio("detector", "", wanted === null, words.server_default);
  const now = fill(words.server_default_more, { name: detectorName(models.default.detector) });
  server.words.append(make("small", "", now));
  server.input.addEventListener("change", () =>
    choose({ detector: null }, words.set_said, words.server_default),
  );
  const others = models.detectors.map((detector) => detectorChoice(detector, wanted));
  part("detectors").replaceChildren(server.element, ...others);
}

function detectorChoice(detector: Detector, wanted: string | null): HTMLElement {
  const title = detectorName(detector.name);
  const { element, input, words: said } = radio(
    "detector",
    detector.name,
    detector.name === wanted && detector.available,
    title,
  );
  input.disabled = !detector.available;
  element.classList.toggle("away", !detector.available);
  const about = ABOUT_DETECTORS[detector.name];
  if (about) said.append(make("small", "", about));
  if (detector.reason) said.append(make("small", "away-why", capital(detector.reason)));
  input.addEventListener("change", () => choose({ detector: detector.name }, words.set_said, title));
  return element;
}

function radio(
  group: string,
  value: string,
  checked: boolean,
  title: string,
): { element: HTMLLabelElement; input: HTMLInputElement; words: HTMLElement } {
  const input = make("input");
  input.type = "radio";
  input.name = group;
  input.value = value;
  input.checked = checked;
  const said = make("span", "stack tight", make("b", "", title));
  return { element: make("label", "card-choice", input, said), input, words: said };
}

function choose(change: Partial<Preferences>, sentence: string, name: string): void {
  toast(prefer(change) ? fill(sentence, { name }) : words.not_kept);
}

void show();

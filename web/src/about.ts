// The about page: what only the server knows, where it is and how well its model reads.

import words from "../words/en/about.json";
import { fetchModels } from "./api";
import { fetchModel, fetchSettings } from "./api-server";
import { byId, capital, make } from "./dom";
import { wholeNumber } from "./format";
import { percent1 } from "./models/figures";
import { labelSetTitle } from "./names";
import type { ModelReply } from "./protocol";
import { actionLink } from "./states";
import { fill } from "./words";

const WORST = 3;
const part = (id: string): HTMLElement => byId(id, HTMLElement);
const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

async function tellWhere(): Promise<void> {
  try {
    const { local, recording, version } = await fetchSettings();
    part("version").textContent = fill(words.licence_words, { version });
    if (!recording) part("kept").textContent = words.kept_nothing;
    const [answer, more] = !isHere
      ? [fill(words.leaves_other, { host: location.host }), words.leaves_other_words]
      : local
        ? [words.leaves_local, words.leaves_local_words]
        : [words.leaves_proxy, words.leaves_proxy_words];
    part("where-answer").textContent = answer;
    part("where-words").textContent = more;
  } catch (error) {
    part("where-answer").textContent = words.leaves_unknown;
    part("where-words").textContent = error instanceof Error ? error.message : String(error);
  }
}

async function tellFigures(): Promise<void> {
  try {
    const models = await fetchModels();
    const model = await fetchModel(models.default.bundle);
    part("figures").replaceChildren(...figures(model, models.default.label_set));
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    part("figures").replaceChildren(make("p", "", said));
  }
}

/** The headline of the label set that is read by default, and what is found least often in it. */
function figures(model: ModelReply, labelSet: string): HTMLElement[] {
  const evaluation =
    model.evaluations.find((one) => one.label_set === labelSet) ?? model.evaluations[0];
  const results = evaluation?.results ?? [];
  // Where some of the faces are training images as well, or nearly, those that are not say more.
  const part = (wanted: string) => results.find(({ images }) => images === wanted);
  const result = part("unlike") ?? part("unseen") ?? results[0];
  if (!evaluation || !result) return [make("p", "", words.errs_none)];
  const sentence = fill(words.errs_figures, {
    n: wholeNumber(result.n),
    name: model.name,
    percent: percent1(result.accuracy),
    low: percent1(result.accuracy_low),
    high: percent1(result.accuracy_high),
    set: labelSetTitle(evaluation.label_set),
  });
  const colours = new Map(
    model.heads.flatMap(({ labels }) => labels).map(({ name, colour }) => [name, colour]),
  );
  const worst = Object.entries(result.recall)
    .sort(([, a], [, b]) => a - b)
    .slice(0, WORST)
    .map(([label, share]) => {
      const said = fill(words.errs_worst_one, { label: capital(label), percent: percent1(share) });
      const item = make("li", "", said);
      item.style.setProperty("--colour", colours.get(label) ?? "");
      return item;
    });
  const more = make("div", "row", actionLink(words.errs_all, "/models", "small"));
  return [make("p", "", sentence), make("p", "", words.errs_worst), make("ul", "", ...worst), more];
}

void tellWhere();
void tellFigures();

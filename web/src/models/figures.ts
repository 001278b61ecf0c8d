// How well a model reads, as it was measured: figures with their intervals, never without n.

import words from "../../words/en/models.json";
import { capital, make } from "../dom";
import { wholeNumber } from "../format";
import { labelSetTitle } from "../names";
import type { Label, ModelEvaluation, ModelReply, ModelResult, ModelRobustness } from "../protocol";
import { fill } from "../words";

const COSTLIEST = 5;
const SPLITS: Record<string, string> = {
  test: words.split_test,
  validation: words.split_validation,
};
const CROPS: Record<string, string> = {
  single: words.crops_single,
  flip: words.crops_flip,
  ten: words.crops_ten,
};
const IMAGES: Record<string, string> = {
  published: words.images_published,
  unseen: words.images_unseen,
  unlike: words.images_unlike,
};

/** 0.8612 to "86.1 %". */
export function percent1(share: number): string {
  return `${(share * 100).toFixed(1)}\u00a0%`;
}

/** Each evaluation's headline: a figure, its interval on a scale, what it was measured on. */
export function headlines(model: ModelReply): HTMLElement {
  const part = make("div", "headlines");
  for (const evaluation of model.evaluations) {
    const result = evaluation.results[0];
    if (result) part.append(headline(evaluation, result));
  }
  if (!part.children.length) part.append(make("p", "soft", words.figures_none));
  return part;
}

function headline(evaluation: ModelEvaluation, result: ModelResult): HTMLElement {
  const part = (images: string): ModelResult | undefined =>
    evaluation.results.find((one) => one.images === images && one.crops === result.crops);
  const unlike = part("unlike");
  // What says most of faces that are new; older evaluations have not looked for nearly the same.
  const fresh = unlike ?? part("unseen");
  const lines = [
    make(
      "p",
      "small-print",
      fill(words.figure_rule, {
        set: labelSetTitle(evaluation.label_set),
        split: SPLITS[evaluation.split] ?? evaluation.split,
        rule: evaluation.rule_text,
      }),
    ),
  ];
  if (fresh) {
    const shares = { percent: percent1(fresh.accuracy), n: wholeNumber(fresh.n) };
    const sentence = unlike ? words.figure_unlike : words.figure_unseen;
    lines.push(make("p", "small-print", fill(sentence, shares)));
  }
  const interval = fill(words.figure_interval, intervalOf(result));
  const n = fill(words.figure_n, { n: wholeNumber(result.n) });
  return make(
    "div",
    "headline",
    make("p", "headline-figure", percent1(result.accuracy)),
    make("p", "headline-interval", `${interval} · ${n}`),
    gauge(result),
    ...lines,
  );
}

/** The figure, its interval, and what the commonest answer alone would reach, on one scale. */
function gauge(result: ModelResult): HTMLElement {
  const scale = make("div", "gauge");
  const place = (name: string, from: number, to = from): void => {
    const mark = make("span", name);
    mark.style.left = `${from * 100}%`;
    mark.style.width = `${(to - from) * 100}%`;
    scale.append(mark);
  };
  const baseline = result.baseline_accuracy;
  if (baseline !== null) place("gauge-baseline", baseline);
  place("gauge-bar", 0, result.accuracy);
  place("gauge-interval", result.accuracy_low, result.accuracy_high);
  scale.setAttribute("role", "img");
  scale.setAttribute(
    "aria-label",
    fill(words.figure_alt, {
      percent: percent1(result.accuracy),
      ...intervalOf(result),
      n: wholeNumber(result.n),
      baseline: baseline === null ? "?" : percent1(baseline),
    }),
  );
  return scale;
}

function intervalOf({ accuracy_low, accuracy_high }: ModelResult): { low: string; high: string } {
  return { low: percent1(accuracy_low), high: percent1(accuracy_high) };
}

/** How often each expression is found, the rarest found first. */
export function byLabel(model: ModelReply): HTMLElement[] {
  const colours = coloursOf(model);
  return model.evaluations.flatMap((evaluation) => {
    const result = evaluation.results[0];
    if (!result) return [];
    const shares = Object.entries(result.recall).sort(([, a], [, b]) => a - b);
    const caption = fill(words.by_label_caption, { set: labelSetTitle(evaluation.label_set) });
    return [
      barTable(
        caption,
        shares.map(([label, share]) => ({
          name: capital(label),
          share,
          value: percent1(share),
          colour: colours.get(label) ?? "",
        })),
      ),
    ];
  });
}

/** What costs most accuracy, a table for each evaluation. */
export function costliest(model: ModelReply): HTMLElement[] {
  return model.robustness.map((measured: ModelRobustness) => {
    const caption = fill(words.costly_caption, { set: labelSetTitle(measured.label_set) });
    return barTable(
      caption,
      measured.conditions.slice(0, COSTLIEST).map(({ name, loss }) => ({
        name: capital(name),
        share: Math.max(0, loss),
        value: fill(words.costly_value, { loss: (loss * 100).toFixed(1) }),
        colour: "",
      })),
    );
  });
}

interface BarRow {
  name: string;
  share: number;
  value: string;
  colour: string;
}

function barTable(caption: string, rows: BarRow[]): HTMLElement {
  const body = make("tbody");
  for (const { name, share, value, colour } of rows) {
    const fillBar = make("span", "share-fill");
    fillBar.style.width = `${share * 100}%`;
    if (colour) fillBar.style.background = colour;
    const bar = make("td", "share-cell", make("span", "share-bar", fillBar));
    bar.setAttribute("aria-hidden", "true");
    const heading = make("th", "", name);
    heading.scope = "row";
    body.append(make("tr", "", heading, bar, make("td", "number", value)));
  }
  return make("table", "shares", make("caption", "", caption), body);
}

/** All results of all evaluations as a table. */
export function allFigures(model: ModelReply): HTMLElement {
  const columns = [
    words.column_measured,
    words.column_accuracy,
    words.column_interval,
    words.column_f1,
    words.column_calibration,
    words.column_n,
  ];
  const head = make("tr");
  columns.forEach((name, index) => {
    const cell = make("th", index ? "number" : "", name);
    cell.scope = "col";
    head.append(cell);
  });
  const body = make("tbody");
  for (const evaluation of model.evaluations) {
    for (const result of evaluation.results) body.append(figuresRow(evaluation, result));
  }
  const split = SPLITS[model.evaluations[0]?.split ?? ""] ?? "";
  const caption = make("caption", "", fill(words.all_caption, { split }));
  const table = make("table", "table", caption, make("thead", "", head), body);
  const frame = make("div", "table-frame", table);
  frame.tabIndex = 0;
  frame.setAttribute("role", "region");
  frame.setAttribute("aria-label", words.more);
  return frame;
}

function figuresRow(evaluation: ModelEvaluation, result: ModelResult): HTMLElement {
  const { low, high } = intervalOf(result);
  const measured = [
    labelSetTitle(evaluation.label_set),
    CROPS[result.crops] ?? result.crops,
    IMAGES[result.images] ?? result.images,
  ].join(" · ");
  const heading = make("th", "", measured);
  heading.scope = "row";
  const values = [
    percent1(result.accuracy),
    fill(words.figure_interval, { low, high }),
    percent1(result.macro_f1),
    percent1(result.expected_calibration_error),
    wholeNumber(result.n),
  ];
  return make("tr", "", heading, ...values.map((value) => make("td", "number", value)));
}

function coloursOf(model: ModelReply): Map<string, string> {
  const labels: Label[] = model.heads.flatMap((head) => head.labels);
  return new Map(labels.map(({ name, colour }) => [name, colour]));
}

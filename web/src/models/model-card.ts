// One model: what it is, how well it reads, where it fails, and the way to use it.

import words from "../../words/en/models.json";
import { make } from "../dom";
import { day, fileSize, wholeNumber } from "../format";
import type { ModelReply } from "../protocol";
import { safeNodes } from "../safe-html";
import { actionButton } from "../states";
import { fill } from "../words";
import { allFigures, byLabel, costliest, headlines } from "./figures";
import { measureMs } from "./timing";

// What failures.png measures, so that nothing moves when it comes; another one is fitted in.
const PICTURE = { width: 1200, height: 800 };

export class ModelCard {
  readonly element = make("article", "panel model");
  private readonly button: HTMLButtonElement;
  private readonly tags = make("div", "row");

  constructor(
    readonly model: ModelReply,
    use: (name: string) => void,
  ) {
    const title = make("h2", "", model.name);
    title.id = `model-${model.name}`;
    this.button = actionButton(words.use, () => use(model.name));
    this.element.setAttribute("aria-labelledby", title.id);
    const head = make("div", "model-title", title, make("span", "soft", model.version), this.tags);
    const failures = model.failures === null ? [] : [this.failures(model.failures)];
    this.element.append(
      make("header", "model-head", head, this.button),
      make("div", "model-grid", this.facts(), part(words.figures, headlines(model))),
      make(
        "div",
        "model-grid halves",
        ...ifAny(words.by_label, byLabel(model)),
        ...ifAny(words.costly, costliest(model)),
      ),
      make("div", "model-more", this.figures(), ...failures, this.card()),
    );
  }

  /** Show whether it is what reads, and whether this browser's user chose it. */
  mark(inUse: boolean, chosen: boolean): void {
    const { active, name } = this.model;
    this.button.setAttribute("aria-pressed", String(inUse));
    const what = inUse ? words.used : words.use;
    this.button.textContent = what;
    this.button.setAttribute("aria-label", fill(words.use_of, { what, name }));
    const tags = [...(active ? [make("span", "tag", words.server_choice)] : [])];
    if (chosen) tags.push(make("span", "tag good", words.your_choice));
    this.tags.replaceChildren(...tags);
  }

  private facts(): HTMLElement {
    const { model } = this;
    const parameters = fill(words.parameters_millions, { n: (model.parameters / 1e6).toFixed(1) });
    const colour = model.input.colour === "gray" ? words.gray : model.input.colour;
    const facts: [string, string | HTMLElement][] = [
      [words.size, fill(words.size_value, { bytes: fileSize(model.graph_bytes), parameters })],
      [words.time, this.timing()],
      [words.input, fill(words.input_value, { size: model.input.size_px, colour })],
      [words.precision, model.precision],
      ...learned(model),
      [words.made, day(model.created)],
      [words.licence, model.licence],
    ];
    const list = make("dl", "facts-list");
    for (const [name, value] of facts) list.append(make("dt", "", name), make("dd", "", value));
    return list;
  }

  private timing(): HTMLElement {
    const said = make("span");
    said.setAttribute("role", "status");
    const button = actionButton(words.measure, () => void measure(), "small");
    button.setAttribute("aria-label", fill(words.measure_of, { name: this.model.name }));
    const measure = async (): Promise<void> => {
      button.disabled = true;
      said.textContent = words.measuring;
      try {
        const { ms, n } = await measureMs(this.model.name);
        said.textContent = fill(words.time_value, { ms: ms.toFixed(1), n });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        said.textContent = fill(words.time_failed, { why });
      } finally {
        button.disabled = false;
      }
    };
    return make("span", "row timing", said, button);
  }

  private figures(): HTMLElement {
    const commands = new Set([
      ...this.model.evaluations.map(({ command }) => command),
      ...this.model.robustness.map(({ command }) => command),
    ]);
    const lines = make("pre", "", make("code", "", [...commands].join("\n")));
    lines.tabIndex = 0;
    return fold(
      words.more,
      allFigures(this.model),
      make("div", "stack", make("h3", "", words.command), lines),
    );
  }

  private failures(address: string): HTMLElement {
    const picture = make("img");
    picture.loading = "lazy";
    picture.width = PICTURE.width;
    picture.height = PICTURE.height;
    picture.alt = fill(words.failures_alt, { name: this.model.name });
    picture.src = address;
    const caption = make("figcaption", "small-print", words.failures_words);
    return fold(words.failures, make("figure", "failures", picture, caption));
  }

  private card(): HTMLElement {
    const text = make("div", "card-text");
    const folded = fold(words.card, text);
    // Made when it is opened: most never are.
    folded.addEventListener(
      "toggle",
      () => {
        text.append(safeNodes(this.model.card_html));
        for (const wide of text.querySelectorAll<HTMLElement>("table, pre")) frame(wide);
      },
      { once: true },
    );
    return folded;
  }
}

function learned(model: ModelReply): [string, string][] {
  const { name, faces } = model.data as { name?: unknown; faces?: { train?: unknown } };
  const trained = faces?.train;
  if (typeof name !== "string" || typeof trained !== "number") return [];
  const value = fill(words.learned_value, { faces: wholeNumber(trained), name: name.toUpperCase() });
  return [[words.learned, value]];
}

function part(title: string, ...children: HTMLElement[]): HTMLElement {
  return make("section", "stack", make("h3", "", title), ...children);
}

function ifAny(title: string, children: HTMLElement[]): HTMLElement[] {
  return children.length ? [part(title, ...children)] : [];
}

function fold(title: string, ...children: HTMLElement[]): HTMLDetailsElement {
  return make("details", "fold", make("summary", "", title), ...children);
}

/** Let what is wide scroll by itself, also by keyboard. */
function frame(wide: HTMLElement): void {
  const around = make("div", "table-frame");
  around.tabIndex = 0;
  wide.replaceWith(around);
  around.append(wide);
  if (wide instanceof HTMLTableElement) wide.className = "table";
}

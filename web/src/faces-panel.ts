// The faces as text and bars beside the picture: one card a face, kept while it is followed.

import words from "../words/en/live.json";
import { capital, make, named, percent } from "./dom";
import type { Colours } from "./overlay";
import type { Expression, LiveFace } from "./protocol";
import { fill } from "./words";

interface Row {
  fill: HTMLElement;
  value: HTMLElement;
}

class FaceCard {
  readonly element = make("article", "face");
  private readonly title = make("h3");
  private readonly confidence = make("span", "face-confidence");
  private readonly list = make("dl", "bars");
  private readonly why = make("button", "button small", words.why);
  private readonly rows = new Map<string, Row>();

  constructor(
    private face: LiveFace,
    ask: (face: LiveFace) => void,
  ) {
    const name = fill(words.face, { number: face.track_id ?? "" });
    this.why.type = "button";
    this.why.hidden = true;
    this.why.addEventListener("click", () => ask(this.face));
    const head = make("header", "", make("span", "face-number", name), this.why);
    head.append(this.title, this.confidence);
    this.element.append(head, this.list);
  }

  /** Offer to explain the face, or no longer. */
  offer(offered: boolean): void {
    const { track_id, smoothed } = this.face;
    const face = fill(words.face_and_name, { number: track_id ?? "", name: smoothed.dominant });
    this.why.setAttribute("aria-label", fill(words.why_of, { face }));
    this.why.hidden = !offered;
  }

  show(face: LiveFace, colours: Colours): void {
    this.face = face;
    const expression: Expression = face.smoothed;
    this.title.textContent = named(expression);
    this.confidence.textContent = percent(expression.confidence);
    this.element.style.setProperty("--colour", colours.get(expression.dominant) ?? "");
    const labels = Object.keys(expression.probabilities);
    if (labels.join() !== [...this.rows.keys()].join()) this.lay(labels, colours);
    for (const [label, part] of Object.entries(expression.probabilities)) {
      const row = this.rows.get(label);
      if (!row) continue;
      row.fill.style.transform = `scaleX(${part.toFixed(3)})`;
      row.value.textContent = percent(part);
    }
  }

  private lay(labels: readonly string[], colours: Colours): void {
    this.rows.clear();
    this.list.replaceChildren(
      ...labels.map((label) => {
        const fill = make("span", "bar-fill");
        fill.style.setProperty("background", colours.get(label) ?? "");
        const value = make("dd", "bar-value");
        this.rows.set(label, { fill, value });
        const bar = make("dd", "bar", fill);
        bar.setAttribute("aria-hidden", "true");
        return make("div", "", make("dt", "", capital(label)), bar, value);
      }),
    );
  }
}

const SHOWN_EVERY_MS = 100;

export class FacesPanel {
  private readonly cards = new Map<number, FaceCard>();
  private shownAtMs = 0;

  constructor(
    private readonly list: HTMLElement,
    private readonly empty: HTMLElement,
    private readonly count: HTMLElement,
    private readonly ask: (face: LiveFace) => void,
  ) {}

  /** Offer to explain each face that is shown, as long as they stand still. */
  offerWhy(offered: boolean): void {
    for (const card of this.cards.values()) card.offer(offered);
  }

  show(faces: readonly LiveFace[], colours: Colours): void {
    const nowMs = performance.now();
    if (nowMs - this.shownAtMs < SHOWN_EVERY_MS) return;
    this.shownAtMs = nowMs;
    const ids = new Set(faces.map((face) => face.track_id ?? 0));
    for (const [id, card] of this.cards) {
      if (ids.has(id)) continue;
      card.element.remove();
      this.cards.delete(id);
    }
    // In the order of their numbers, so that cards do not change places as faces move.
    for (const face of [...faces].sort((a, b) => (a.track_id ?? 0) - (b.track_id ?? 0))) {
      const id = face.track_id ?? 0;
      let card = this.cards.get(id);
      if (!card) {
        card = new FaceCard(face, this.ask);
        this.cards.set(id, card);
        this.list.append(card.element);
      }
      card.show(face, colours);
    }
    this.count.textContent = String(faces.length);
    this.empty.hidden = faces.length > 0;
    if (!faces.length) this.empty.textContent = words.faces_none;
  }

  clear(said: string): void {
    this.cards.forEach((card) => card.element.remove());
    this.cards.clear();
    this.count.textContent = "0";
    this.empty.hidden = false;
    this.empty.textContent = said;
  }
}

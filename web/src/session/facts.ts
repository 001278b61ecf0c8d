// What is known of a session besides its course, and how long it is kept.

import { make, percent } from "../dom";
import { moment, wholeNumber } from "../format";
import type { Session } from "../protocol";
import { toast } from "../toast";
import { fill } from "../words";
import words from "../../words/en/session.json";
import type { SessionBook } from "./book";
import { deletion, length } from "./times";

const DAYS = [1, 7, 30, 90, 365];
const DAY_MS = 24 * 60 * 60 * 1000;
const FOR_GOOD = "";

export class Facts {
  private readonly list = make("dl", "facts-list");
  private readonly keep = make("select", "input");

  constructor(
    host: HTMLElement,
    private readonly book: SessionBook,
  ) {
    host.append(this.list);
    this.keep.addEventListener("change", () => void this.change());
    book.on("session", () => this.show());
    this.show();
  }

  private show(): void {
    // A list that somebody is choosing from is not taken away.
    if (document.activeElement === this.keep) return;
    const { session } = this.book;
    const rows = [...factsOf(session), ...readingOf(session), ...consentOf(session)];
    this.list.replaceChildren(
      ...rows.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]),
      make("dt", "", words.kept),
      make("dd", "", this.keepControl(session)),
    );
  }

  private keepControl(session: Session): HTMLElement {
    const days = daysOf(session);
    const isListed = days === null || DAYS.includes(days);
    const choices = isListed ? DAYS : [...DAYS, days].sort((a, b) => a - b);
    this.keep.replaceChildren(
      ...choices.map((choice) => option(String(choice), keepWords(choice))),
      option(FOR_GOOD, words.keep_for_good),
    );
    this.keep.value = days === null ? FOR_GOOD : String(days);
    this.keep.setAttribute("aria-label", words.keep_label);
    return make("div", "keep", make("p", "", deletion(session.keep_until)), this.keep);
  }

  private async change(): Promise<void> {
    const chosen = this.keep.value;
    this.keep.blur();
    try {
      await this.book.edit({ keep_days: chosen === FOR_GOOD ? null : Number(chosen) });
      toast(words.kept_changed);
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error));
      this.show();
    }
    this.keep.focus();
  }
}

type Row = [name: string, value: string | Node];

function factsOf(session: Session): Row[] {
  const rate = session.duration_s > 0 ? (session.frames - 1) / session.duration_s : 0;
  const frames = wholeNumber(session.frames);
  const often = fill(words.frames_rate, { frames, rate: rate.toFixed(rate < 10 ? 1 : 0) });
  return [
    [words.begun, moment(session.started_at)],
    ...row(words.over, session.ended_at && moment(session.ended_at)),
    [words.length, length(session.duration_s)],
    [words.frames, rate > 0 ? often : frames],
    [words.faces, wholeNumber(session.observations)],
    ...row(words.source, session.source),
  ];
}

function readingOf(session: Session): Row[] {
  const { prior, prior_strength: strength, uncertain_below: below } = session.reading;
  const name = typeof prior === "string" ? prior : null;
  const isGraded = name !== null && typeof strength === "number" && strength > 0;
  const isUncertain = typeof below === "number" && below > 0;
  const uncertain = isUncertain && fill(words.uncertain_below, { part: percent(below) });
  return [
    ...row(words.model, session.bundle),
    ...row(words.detector, session.detector),
    ...row(words.label_set, session.label_set),
    ...row(words.prior, isGraded ? fill(words.prior_strength, { prior: name, strength }) : name),
    ...row(words.uncertain, uncertain || null),
  ];
}

function consentOf({ consent_text: text, consent_at: given }: Session): Row[] {
  if (text === null) return [[words.consent, make("span", "soft", words.no_consent)]];
  const when = given ? fill(words.consent_at, { when: moment(given) }) : "";
  const said = make("blockquote", "consent-text", text);
  return [[words.consent, make("div", "", said, make("p", "small-print", when))]];
}

function row(name: string, value: string | null): Row[] {
  return value ? [[name, value]] : [];
}

/** Days are counted from the beginning, as the server does. */
function daysOf({ keep_until, started_at }: Session): number | null {
  if (keep_until === null) return null;
  return Math.max(1, Math.round((Date.parse(keep_until) - Date.parse(started_at)) / DAY_MS));
}

function keepWords(days: number): string {
  return days === 1 ? words.keep_day : fill(words.keep_days, { days: wholeNumber(days) });
}

function option(value: string, text: string): HTMLOptionElement {
  const element = make("option", "", text);
  element.value = value;
  return element;
}

// Words for markers that keys 1 to 9 set; kept in this browser alone.

import words from "../words/en/live.json";
import { byId, make } from "./dom";
import { fill } from "./words";

export const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"] as const;
export type Key = (typeof KEYS)[number];
export type QuickWords = Partial<Record<Key, string>>;

const STORED_AS = "mien.quick-words";
const LONGEST_WORD = 40;
const DEFAULTS: QuickWords = {
  1: words.quick_word_1,
  2: words.quick_word_2,
  3: words.quick_word_3,
  4: words.quick_word_4,
};

/** Return the words that are set, or those that the page comes with. */
export function quickWords(): QuickWords {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(STORED_AS) ?? "null");
    if (typeof kept !== "object" || kept === null) return DEFAULTS;
    const pairs = Object.entries(kept).filter(
      ([key, word]) => isKey(key) && typeof word === "string" && word.trim() !== "",
    );
    return Object.fromEntries(pairs) as QuickWords;
  } catch (error) {
    // Refused storage, or no JSON: nothing was set.
    if (error instanceof DOMException || error instanceof SyntaxError) return DEFAULTS;
    throw error;
  }
}

function isKey(key: string): key is Key {
  return (KEYS as readonly string[]).includes(key);
}

/** The dialog in which they are set. */
export class QuickWordsDialog {
  private readonly dialog = byId("words-dialog", HTMLDialogElement);
  private readonly fields = new Map<Key, HTMLInputElement>();
  // What holds where the browser keeps nothing.
  private current = quickWords();

  constructor(private readonly onChange: () => void) {
    byId("word-fields", HTMLElement).append(...KEYS.map((key) => this.field(key)));
    byId("words-cancel", HTMLButtonElement).addEventListener("click", () => this.dialog.close());
    byId("words-form", HTMLFormElement).addEventListener("submit", () => this.save());
  }

  get words(): QuickWords {
    return this.current;
  }

  open(): void {
    for (const [key, field] of this.fields) field.value = this.current[key] ?? "";
    this.dialog.showModal();
  }

  private field(key: Key): HTMLElement {
    const input = make("input", "input");
    input.id = `quick-word-${key}`;
    input.maxLength = LONGEST_WORD;
    input.autocomplete = "off";
    this.fields.set(key, input);
    const label = make("label", "", make("kbd", "", key));
    label.htmlFor = input.id;
    input.setAttribute("aria-label", fill(words.quick_word_number, { key }));
    return make("li", "", label, input);
  }

  private save(): void {
    const pairs = [...this.fields].map(([key, { value }]) => [key, value.trim()] as const);
    this.current = Object.fromEntries(pairs.filter(([, word]) => word)) as QuickWords;
    try {
      localStorage.setItem(STORED_AS, JSON.stringify(this.current));
    } catch (error) {
      // A browser that keeps nothing has them until the page is closed.
      if (!(error instanceof DOMException)) throw error;
    }
    this.onChange();
  }
}

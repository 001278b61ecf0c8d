// Markers while recording: a button, a word to type, words by key 1 to 9, and key M.

import words from "../words/en/live.json";
import { byId, make } from "./dom";
import { KEYS, QuickWordsDialog, type Key } from "./quick-words";
import { fill } from "./words";

export class MarksBar {
  private readonly bar = byId("marks", HTMLElement);
  private readonly word = byId("mark-word", HTMLInputElement);
  private readonly list = byId("quick-words", HTMLElement);
  private readonly dialog = new QuickWordsDialog(() => this.lay());
  // A word is typed after the moment that it is for.
  private typedFromMs: number | null = null;

  /** `mark` takes a word and its moment of `performance.now()`. */
  constructor(private readonly mark: (word: string, atMs: number) => void) {
    byId("mark", HTMLButtonElement).addEventListener("click", () => this.markTyped());
    byId("edit-words", HTMLButtonElement).addEventListener("click", () => this.dialog.open());
    this.word.addEventListener("input", () => {
      if (!this.word.value) this.typedFromMs = null;
      else this.typedFromMs ??= performance.now();
    });
    this.word.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.markTyped();
      else if (event.key === "Escape") this.forgetTyped();
    });
    document.addEventListener("keydown", (event) => this.onKey(event));
    this.lay();
  }

  set shown(shown: boolean) {
    this.bar.hidden = !shown;
    this.forgetTyped();
  }

  private lay(): void {
    const set = KEYS.flatMap((key) => {
      const word = this.dialog.words[key];
      return word === undefined ? [] : [this.chip(key, word)];
    });
    this.list.replaceChildren(...set);
  }

  private chip(key: Key, word: string): HTMLElement {
    const button = make("button", "button small", make("kbd", "", key), word);
    button.type = "button";
    button.setAttribute("aria-keyshortcuts", key);
    button.setAttribute("aria-label", fill(words.quick_word_label, { word, key }));
    button.addEventListener("click", () => this.mark(word, performance.now()));
    return make("li", "", button);
  }

  private onKey(event: KeyboardEvent): void {
    if (this.bar.hidden || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const word = this.dialog.words[event.key as Key];
    if (event.key.toLowerCase() === "m") this.markTyped();
    else if (word !== undefined) this.mark(word, performance.now());
    else return;
    event.preventDefault();
  }

  private markTyped(): void {
    const atMs = this.typedFromMs ?? performance.now();
    this.mark(this.word.value.trim() || words.mark_default, atMs);
    this.forgetTyped();
  }

  private forgetTyped(): void {
    this.word.value = "";
    this.typedFromMs = null;
  }
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, select, textarea") !== null;
}

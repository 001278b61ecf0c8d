// A text of the page that can be changed where it stands: Enter keeps it, Escape does not.

import { make } from "../dom";
import { actionButton } from "../states";
import { common } from "../words";
import words from "../../words/en/session.json";

export interface Editable {
  /** The element that shows the text. */
  shown: HTMLElement;
  button: HTMLButtonElement;
  name: string;
  isLong: boolean;
  most: number;
  text: () => string;
  save: (text: string) => Promise<void>;
}

export function makeEditable(editable: Editable): void {
  editable.button.addEventListener("click", () => edit(editable));
}

function edit({ shown, button, name, isLong, most, text, save }: Editable): void {
  const input = isLong ? make("textarea", "input") : make("input", "input");
  input.value = text();
  input.maxLength = most;
  input.setAttribute("aria-label", name);
  if (input instanceof HTMLTextAreaElement) input.rows = 4;
  const wrong = make("p", "field-error");
  wrong.setAttribute("role", "alert");
  const keep = make("button", "button small primary", words.save);
  const cancel = actionButton(common.cancel, () => close(), "small");
  const form = make("form", "edit-form", input, make("div", "row", keep, cancel), wrong);
  const close = () => {
    form.replaceWith(shown);
    button.hidden = false;
    button.focus();
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    keep.disabled = true;
    save(input.value.trim()).then(close, (error: unknown) => {
      keep.disabled = false;
      wrong.textContent = error instanceof Error ? error.message : String(error);
    });
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    const isSent = event.key === "Enter" && isLong && (event.ctrlKey || event.metaKey);
    if (isSent) form.requestSubmit();
  });
  shown.replaceWith(form);
  button.hidden = true;
  input.focus();
  input.select();
}


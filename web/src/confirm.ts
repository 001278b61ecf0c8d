// A question before something that cannot be undone.

import { make } from "./dom";
import { common } from "./words";

export interface Question {
  title: string;
  /** What will happen, in a sentence or two. */
  words: string;
  /** What the button says that does it. */
  action: string;
  /** Whether something is lost by it; then the keyboard begins at the way back. */
  danger?: boolean;
}

/** Ask in a dialog and return whether the answer is yes; the focus goes back to where it was. */
export function confirmed({ title, words, action, danger = false }: Question): Promise<boolean> {
  const heading = make("h2", "", title);
  const said = make("p", "", words);
  const no = make("button", "button", common.cancel);
  const yes = make("button", `button ${danger ? "danger" : "primary"}`, action);
  const dialog = make("dialog", "dialog", heading, said, make("div", "dialog-actions", no, yes));
  heading.id = "confirm-title";
  said.id = "confirm-words";
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.setAttribute("aria-describedby", said.id);
  for (const button of [no, yes]) button.type = "button";
  no.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () => dialog.close("yes"));
  document.body.append(dialog);
  dialog.showModal();
  (danger ? no : yes).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

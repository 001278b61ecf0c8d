// Short news in passing, in the polite live region of parts/foot.html.

import { byId, make } from "./dom";

// Long enough to be read twice; one that offers something stays longer.
const SHOWN_MS = 6000;
const SHOWN_WITH_ACTION_MS = 12_000;

export interface ToastAction {
  words: string;
  run: () => void;
}

/** Say something in passing. What went wrong and needs an answer belongs into a notice instead. */
export function toast(words: string, action?: ToastAction): void {
  const shown = make("div", "toast", make("span", "", words));
  if (action) {
    const button = make("button", "", action.words);
    button.type = "button";
    button.addEventListener("click", () => {
      shown.remove();
      action.run();
    });
    shown.append(button);
  }
  const region = byId("toasts", HTMLElement);
  region.append(shown);
  waitToRemove(shown, action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
}

/** Remove it after a while, but not while somebody is at it. */
function waitToRemove(shown: HTMLElement, afterMs: number): void {
  setTimeout(() => {
    if (shown.matches(":hover, :focus-within")) waitToRemove(shown, afterMs);
    else shown.remove();
  }, afterMs);
}

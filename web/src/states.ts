// How a part of a page stands: nothing there yet, something to say in place, still to come.

import { make } from "./dom";

/** Nothing here yet: what would be, and what to do about it. */
export function emptyState(title: string, words: string, ...actions: HTMLElement[]): HTMLElement {
  const state = make("div", "empty-state", make("h2", "", title), make("p", "", words));
  if (actions.length) state.append(make("div", "row", ...actions));
  return state;
}

/** Something to say in place; what went wrong is said to a screen reader at once. */
export function notice(
  kind: "" | "good" | "warn" | "bad",
  words: string,
  ...actions: HTMLElement[]
): HTMLElement {
  const shown = make("div", `notice ${kind}`.trim(), make("p", "", words));
  if (kind === "bad") shown.setAttribute("role", "alert");
  if (actions.length) shown.append(make("div", "row", ...actions));
  return shown;
}

/** A button that runs something. */
export function actionButton(words: string, run: () => void, look = ""): HTMLButtonElement {
  const button = make("button", `button ${look}`.trim(), words);
  button.type = "button";
  button.addEventListener("click", run);
  return button;
}

/** A link that looks like a button. */
export function actionLink(words: string, href: string, look = ""): HTMLAnchorElement {
  const link = make("a", `button ${look}`.trim(), words);
  link.href = href;
  return link;
}

/** The room of rows that are still to come, so that nothing moves when they do. */
export function skeleton(rows: number, heightRem: number): HTMLElement {
  const stack = make("div", "stack");
  stack.setAttribute("aria-hidden", "true");
  for (let row = 0; row < rows; row += 1) {
    const bar = make("span", "skeleton");
    bar.style.height = `${heightRem}rem`;
    stack.append(bar);
  }
  return stack;
}

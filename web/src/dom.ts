// The page's elements, found once and checked, so the rest can rely on them.

import type { Expression } from "./protocol";

type Kind<T extends Element> = { new (): T; name: string };

/** Return the element of an id; a missing or different one is a bug in index.html. */
export function byId<T extends HTMLElement>(id: string, kind: Kind<T>): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`#${id} is not a ${kind.name}`);
  return found;
}

/** Make an element with a class and children. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Return a canvas's 2D context. */
export function context2d(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser cannot draw on a canvas");
  return context;
}

/** Turn a canvas into a picture file. */
export function toBlob(canvas: HTMLCanvasElement, type: string, quality?: number): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("the picture could not be encoded"))),
      type,
      quality,
    );
  });
}

/** Have the browser save a file under a name. */
export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = make("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the address after the click has returned.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** "happiness" to "Happiness". */
export function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** An expression's name as it is shown; one that is uncertain asks. */
export function named(expression: Pick<Expression, "dominant" | "uncertain">): string {
  return capital(expression.dominant) + (expression.uncertain ? "?" : "");
}

/** 0.923 to "92 %", with a space that does not break. */
export function percent(part: number): string {
  return `${Math.round(part * 100)}\u00a0%`;
}

// What the keys do on the timeline; the line of the position has the focus there.

import type { MarkerList } from "./marker-list";
import type { Position } from "./position";
import type { TimeWindow } from "./window";

const STEPS = 200;
const ZOOM = 1.6;

/** How far an arrow goes: about as far as can be seen. */
function step_s(window: TimeWindow, isFar: boolean): number {
  return (window.span_s / STEPS) * (isFar ? 10 : 1);
}

export function addKeys(
  element: HTMLElement,
  window: TimeWindow,
  position: Position,
  markers: MarkerList,
  play: () => void,
): void {
  const keys: Record<string, (isFar: boolean) => void> = {
    ArrowLeft: (isFar) => position.go(position.moment_s - step_s(window, isFar)),
    ArrowRight: (isFar) => position.go(position.moment_s + step_s(window, isFar)),
    PageUp: () => window.pan(-window.span_s),
    PageDown: () => window.pan(window.span_s),
    Home: () => position.go(window.first_s),
    End: () => position.go(window.last_s),
    "+": () => window.zoom(1 / ZOOM, position.moment_s),
    "=": () => window.zoom(1 / ZOOM, position.moment_s),
    "-": () => window.zoom(ZOOM, position.moment_s),
    "0": () => window.showAll(),
    m: () => void markers.ask(),
    n: () => markers.step(1),
    p: () => markers.step(-1),
    Delete: () => void markers.removeHere(),
    " ": () => play(),
  };
  element.addEventListener("keydown", (event) => {
    const run = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!run || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    run(event.shiftKey);
  });
}

/** Zoom by the buttons, around the position if it is in view, else around the middle. */
export function zoomBy(window: TimeWindow, position: Position, closer: boolean): void {
  const { moment_s } = position;
  const isSeen = moment_s >= window.from_s && moment_s <= window.to_s;
  const around_s = isSeen ? moment_s : (window.from_s + window.to_s) / 2;
  window.zoom(closer ? 1 / ZOOM : ZOOM, around_s);
}

// Wheel, pinch and finger on a plot: zoom and pan. (A mouse's drag is uPlot's own brush.)

import type { TimeWindow } from "./window";

const PER_WHEEL_PX = 0.0022;
const LINE_PX = 32;

/**
 * @param element What is touched; what it shows runs from its left edge to its right one.
 * @param zoomsFreely Whether the wheel zooms without Ctrl, so that else it scrolls the page.
 */
export function addGestures(
  element: HTMLElement,
  window: TimeWindow,
  zoomsFreely: () => boolean,
): void {
  element.addEventListener("wheel", (event) => wheel(event, element, window, zoomsFreely), {
    passive: false,
  });
  const fingers = new Map<number, number>();
  element.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch") fingers.set(event.pointerId, event.clientX);
  });
  element.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const before = [...fingers.values()].sort((a, b) => a - b);
    fingers.set(event.pointerId, event.clientX);
    const after = [...fingers.values()].sort((a, b) => a - b);
    pull(element, window, before, after);
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave"] as const) {
    element.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
}

function wheel(
  event: WheelEvent,
  element: HTMLElement,
  window: TimeWindow,
  zoomsFreely: () => boolean,
): void {
  const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1;
  const isSideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
  const { left, width } = element.getBoundingClientRect();
  if (isSideways) {
    const by = (event.deltaX || event.deltaY) * pixels;
    window.pan((by / width) * window.span_s);
  } else if (event.ctrlKey || event.metaKey || zoomsFreely()) {
    const around_s = window.from_s + ((event.clientX - left) / width) * window.span_s;
    // A trackpad's pinch comes as a wheel with Ctrl, in small steps.
    const strength = event.ctrlKey && Math.abs(event.deltaY) < 20 ? 5 : 1;
    window.zoom(Math.exp(event.deltaY * pixels * PER_WHEEL_PX * strength), around_s);
  } else {
    return;
  }
  event.preventDefault();
}

/** Move what is under the fingers along with them: one pans, two pan and zoom. */
function pull(
  element: HTMLElement,
  window: TimeWindow,
  before: readonly number[],
  after: readonly number[],
): void {
  const { left, width } = element.getBoundingClientRect();
  const perPx_s = window.span_s / width;
  const [wasFirst = 0, wasLast = wasFirst] = [before[0], before.at(-1)];
  const [first = 0, last = first] = [after[0], after.at(-1)];
  const middle = (wasFirst + wasLast) / 2;
  const middle_s = window.from_s + (middle - left) * perPx_s;
  const factor = after.length > 1 && last > first ? (wasLast - wasFirst) / (last - first) : 1;
  if (factor !== 1 && factor > 0) window.zoom(factor, middle_s);
  window.pan((middle - (first + last) / 2) * (window.span_s / width));
}

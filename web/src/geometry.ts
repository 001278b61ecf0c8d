// Where things lie: a picture fitted into an area, boxes on it, and room for a panel beside one.

import type { Box } from "./protocol";

export interface Size {
  width: number;
  height: number;
}

export interface Rect extends Size {
  x: number;
  y: number;
}

/** How picture pixels map to area pixels; a mirrored picture is flipped left to right. */
export interface Fit {
  x: number;
  y: number;
  scale: number;
  picture: Size;
  mirrored: boolean;
}

/** Fit a whole picture into an area, centred, as CSS `object-fit: contain` does. */
export function contain(picture: Size, area: Size, mirrored: boolean): Fit {
  const scale = Math.min(area.width / picture.width, area.height / picture.height);
  return {
    x: (area.width - picture.width * scale) / 2,
    y: (area.height - picture.height * scale) / 2,
    scale,
    picture,
    mirrored,
  };
}

/** Return where a box of the picture lies in the area. */
export function placeBox(box: Box, fit: Fit): Rect {
  const left = fit.mirrored ? fit.picture.width - box.x2 : box.x1;
  return {
    x: fit.x + left * fit.scale,
    y: fit.y + box.y1 * fit.scale,
    width: (box.x2 - box.x1) * fit.scale,
    height: (box.y2 - box.y1) * fit.scale,
  };
}

/** Scale a box by which a picture was sent smaller (or larger) than it is shown. */
export function scaleBox(box: Box, factor: number): Box {
  return { x1: box.x1 * factor, y1: box.y1 * factor, x2: box.x2 * factor, y2: box.y2 * factor };
}

export function overlaps(a: Rect, b: Rect): boolean {
  return (
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
  );
}

/**
 * Find room for a panel beside a face: right, left, below, then above.
 *
 * Returns null where it would leave the area or cover what is taken.
 */
export function placePanel(
  face: Rect,
  panel: Size,
  area: Size,
  taken: readonly Rect[],
  gap: number,
): Rect | null {
  const inside = (wanted: number, room: number): number => Math.max(0, Math.min(wanted, room));
  const y = inside(face.y, area.height - panel.height);
  const x = inside(face.x, area.width - panel.width);
  const places: Rect[] = [
    { ...panel, x: face.x + face.width + gap, y },
    { ...panel, x: face.x - gap - panel.width, y },
    { ...panel, x, y: face.y + face.height + gap },
    { ...panel, x, y: face.y - gap - panel.height },
  ];
  const fits = (r: Rect): boolean =>
    r.x >= 0 && r.y >= 0 && r.x + r.width <= area.width && r.y + r.height <= area.height;
  return places.find((r) => fits(r) && !taken.some((other) => overlaps(r, other))) ?? null;
}

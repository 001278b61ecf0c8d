// Boxes, labels and bars drawn over a picture; text is never mirrored, only places are.

import { capital, named, percent } from "./dom";
import { placeBox, placePanel, type Fit, type Rect, type Size } from "./geometry";
import type { Box, Expression } from "./protocol";

export interface DrawnFace {
  box: Box;
  expression: Expression;
  /** What the face is called where there are several; null for none. */
  number: number | null;
}

export type Colours = ReadonlyMap<string, string>;

const PLATE = "rgba(13, 14, 18, 0.82)";
const TEXT = "#ffffff";
const TRACK = "rgba(255, 255, 255, 0.16)";
const FONT = '"Instrument Sans Variable", system-ui, sans-serif';

/** Draw all faces; `unit` is the size of the text in pixels of the canvas, less on small faces. */
export function drawFaces(
  ctx: CanvasRenderingContext2D,
  faces: readonly DrawnFace[],
  colours: Colours,
  fit: Fit,
  area: Size,
  unit: number,
): void {
  const placed = faces.map((face) => {
    const rect = placeBox(face.box, fit);
    // One face may be labelled as large as it likes; many must leave each other room.
    const own = faces.length > 1 ? Math.max(unit * 0.6, Math.min(unit, rect.width / 7)) : unit;
    return { face, rect, own };
  });
  const chips = placed.map(({ rect, own }) => chipRect(rect, area, own));
  const taken: Rect[] = [...placed.map(({ rect }) => rect), ...chips];
  placed.forEach(({ face, rect, own }, index) => {
    const colour = colours.get(face.expression.dominant) ?? TEXT;
    drawBox(ctx, rect, colour, own);
    const rows = Object.entries(face.expression.probabilities);
    const size = { width: own * 13.5, height: own * (rows.length * 1.45 + 1) };
    const room = placePanel(rect, size, area, taken, own * 0.8);
    if (room) {
      taken.push(room);
      drawPanel(ctx, room, rows, colours, own);
    } else {
      drawStrip(ctx, rect, rows, colours, own);
    }
    const chip = chips[index];
    if (chip) drawChip(ctx, chip, face, colour, own);
  });
}

/** The size of overlay text for a picture that is shown `width` pixels wide. */
export function textUnit(width: number): number {
  return Math.max(10.5, Math.min(width / 54, 40));
}

function chipRect(face: Rect, area: Size, unit: number): Rect {
  const height = unit * 2;
  const width = unit * 11.5;
  const above = face.y - height - unit * 0.5;
  return {
    x: Math.max(0, Math.min(face.x, area.width - width)),
    y: above >= 0 ? above : Math.max(0, face.y + unit * 0.4),
    width,
    height,
  };
}

function drawBox(ctx: CanvasRenderingContext2D, r: Rect, colour: string, unit: number): void {
  const radius = Math.min(unit, r.width / 4, r.height / 4);
  // A dark line under the coloured one keeps it readable on any background.
  for (const [style, width] of [["rgba(0, 0, 0, 0.45)", 0.42], [colour, 0.22]] as const) {
    ctx.strokeStyle = style;
    ctx.lineWidth = unit * width;
    ctx.beginPath();
    ctx.roundRect(r.x, r.y, r.width, r.height, radius);
    ctx.stroke();
  }
}

function drawChip(
  ctx: CanvasRenderingContext2D,
  r: Rect,
  face: DrawnFace,
  colour: string,
  unit: number,
): void {
  plate(ctx, r, unit * 0.6);
  ctx.fillStyle = colour;
  ctx.beginPath();
  ctx.arc(r.x + unit, r.y + r.height / 2, unit * 0.42, 0, 2 * Math.PI);
  ctx.fill();
  const name = named(face.expression);
  const words = face.number === null ? name : `${face.number}  ${name}`;
  text(ctx, words, r.x + unit * 1.8, r.y + r.height / 2, `600 ${unit}px ${FONT}`, "left");
  text(
    ctx,
    percent(face.expression.confidence),
    r.x + r.width - unit * 0.7,
    r.y + r.height / 2,
    `500 ${unit}px ${FONT}`,
    "right",
  );
}

function drawPanel(
  ctx: CanvasRenderingContext2D,
  r: Rect,
  rows: [string, number][],
  colours: Colours,
  unit: number,
): void {
  plate(ctx, r, unit * 0.6);
  const size = unit * 0.86;
  rows.forEach(([label, part], index) => {
    const y = r.y + unit * (0.5 + 1.45 * (index + 0.5));
    text(ctx, capital(label), r.x + unit * 0.7, y, `500 ${size}px ${FONT}`, "left");
    const bar = { x: r.x + unit * 6, y: y - unit * 0.25, width: unit * 4.2, height: unit * 0.5 };
    pill(ctx, bar, TRACK);
    if (part > 0.005) {
      const width = Math.max(bar.height, bar.width * part);
      pill(ctx, { ...bar, width }, colours.get(label) ?? TEXT);
    }
    text(ctx, percent(part), r.x + r.width - unit * 0.7, y, `500 ${size}px ${FONT}`, "right");
  });
}

/** All probabilities as one stacked strip under the box, where there is no room for bars. */
function drawStrip(
  ctx: CanvasRenderingContext2D,
  face: Rect,
  rows: [string, number][],
  colours: Colours,
  unit: number,
): void {
  const strip = { x: face.x, y: face.y + face.height + unit * 0.5, width: face.width };
  const height = unit * 0.55;
  pill(ctx, { ...strip, height }, PLATE);
  ctx.save();
  ctx.beginPath();
  ctx.roundRect(strip.x, strip.y, strip.width, height, height / 2);
  ctx.clip();
  let x = strip.x;
  for (const [label, part] of rows) {
    ctx.fillStyle = colours.get(label) ?? TEXT;
    ctx.fillRect(x, strip.y, strip.width * part, height);
    x += strip.width * part;
  }
  ctx.restore();
}

function plate(ctx: CanvasRenderingContext2D, r: Rect, radius: number): void {
  ctx.fillStyle = PLATE;
  ctx.beginPath();
  ctx.roundRect(r.x, r.y, r.width, r.height, radius);
  ctx.fill();
}

function pill(ctx: CanvasRenderingContext2D, r: Rect, style: string): void {
  ctx.fillStyle = style;
  ctx.beginPath();
  ctx.roundRect(r.x, r.y, r.width, r.height, r.height / 2);
  ctx.fill();
}

function text(
  ctx: CanvasRenderingContext2D,
  words: string,
  x: number,
  y: number,
  font: string,
  align: CanvasTextAlign,
): void {
  ctx.font = font;
  ctx.textAlign = align;
  ctx.textBaseline = "middle";
  ctx.fillStyle = TEXT;
  ctx.fillText(words, x, y);
}

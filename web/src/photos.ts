// Photos that were dropped, chosen or pasted: each is read and shown with the same overlay.

import words from "../words/en/live.json";
import { context2d, download, make, named, percent, toBlob } from "./dom";
import type { Engine, PictureChoice } from "./engine";
import { contain, scaleBox } from "./geometry";
import { drawFaces, type Colours } from "./overlay";
import type { Frame } from "./protocol";
import { fill } from "./words";

// Large enough for the small faces of a group, small enough to be sent and read quickly.
const LONGEST_SENT_PX = 2048;
// Small photos are enlarged, so that what is written over them stays sharp.
const SHOWN_PX = 1200;
const TEXTS_PER_SIDE = 40;

export interface PhotoContext {
  engine: Engine;
  chosen: () => PictureChoice;
  colours: () => Colours;
  say: (said: string) => void;
}

export class Photos {
  private waiting: Promise<void> = Promise.resolve();

  constructor(
    private readonly grid: HTMLElement,
    private readonly clearButton: HTMLButtonElement,
    private readonly context: PhotoContext,
  ) {
    clearButton.addEventListener("click", () => {
      grid.replaceChildren();
      clearButton.hidden = true;
    });
  }

  /** Read files one after the other; each has its card at once. */
  add(files: Iterable<File>): void {
    for (const file of files) {
      const card = new PhotoCard(file.name || words.photo_pasted);
      this.grid.prepend(card.element);
      this.clearButton.hidden = false;
      this.waiting = this.waiting.then(() => this.read(file, card));
    }
  }

  private async read(file: File, card: PhotoCard): Promise<void> {
    let bitmap: ImageBitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      card.fail(words.photo_cannot_open);
      this.context.say(fill(words.said_photo_cannot_open, { name: card.name }));
      return;
    }
    try {
      const sent = scaled(bitmap, LONGEST_SENT_PX);
      const jpeg = await toBlob(sent, "image/jpeg", 0.92);
      const frame = await this.context.engine.read(jpeg, card.name, this.context.chosen());
      card.show(bitmap, frame, this.context.colours());
      this.context.say(fill(words.said_photo, { name: card.name, summary: card.summary }));
    } catch (error) {
      card.fail(error instanceof Error ? error.message : String(error));
      this.context.say(fill(words.said_photo_not_read, { name: card.name }));
    } finally {
      bitmap.close();
    }
  }
}

class PhotoCard {
  readonly element = make("li", "photo");
  summary = "";
  private readonly picture = make("div", "photo-picture", make("p", "", words.photo_reading));
  private readonly result = make("p", "photo-words", "");
  // What the bars in the picture say, for those who do not see them.
  private readonly told = make("div", "unseen");
  private readonly save = make("button", "button small", words.photo_save);

  constructor(readonly name: string) {
    this.save.type = "button";
    this.save.hidden = true;
    this.save.setAttribute("aria-label", fill(words.photo_save_of, { name }));
    const caption = make("div", "photo-caption", make("h3", "", name), this.result, this.told);
    this.element.append(this.picture, make("div", "photo-foot", caption, this.save));
  }

  show(bitmap: ImageBitmap, frame: Frame, colours: Colours): void {
    const canvas = scaled(bitmap, SHOWN_PX, { enlarge: true });
    const area = { width: canvas.width, height: canvas.height };
    const faces = frame.faces.map((face, index) => ({
      box: scaleBox(face.box, canvas.width / frame.width),
      expression: face.expression,
      number: frame.faces.length > 1 ? index + 1 : null,
    }));
    const unit = Math.max(area.width, area.height) / TEXTS_PER_SIDE;
    drawFaces(context2d(canvas), faces, colours, contain(area, area, false), area, unit);
    this.summary = faces.length
      ? faces
          .map(({ expression }) => `${named(expression)} ${percent(expression.confidence)}`)
          .join(", ")
      : words.photo_no_face;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", fill(words.said_photo, { name: this.name, summary: this.summary }));
    this.picture.replaceChildren(canvas);
    this.result.textContent = this.summary;
    this.told.replaceChildren(
      ...faces.map(({ expression }, index) => {
        const parts = Object.entries(expression.probabilities);
        const shares = parts.map(([label, part]) => `${label} ${percent(part)}`).join(", ");
        return make("p", "", fill(words.photo_face, { number: index + 1, shares }));
      }),
    );
    this.save.hidden = false;
    this.save.addEventListener("click", () => {
      const stem = this.name.replace(/\.[^.]+$/, "");
      void toBlob(canvas, "image/png").then((png) => download(png, `${stem}-mien.png`));
    });
  }

  fail(why: string): void {
    this.element.classList.add("failed");
    this.picture.replaceChildren(make("p", "", words.photo_not_read));
    this.result.textContent = why;
  }
}

function scaled(
  bitmap: ImageBitmap,
  longestPx: number,
  { enlarge } = { enlarge: false },
): HTMLCanvasElement {
  const fitting = longestPx / Math.max(bitmap.width, bitmap.height);
  const scale = enlarge ? fitting : Math.min(1, fitting);
  const canvas = make("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const ctx = context2d(canvas);
  ctx.imageSmoothingQuality = "high";
  // JPEG has no transparency; white is what the server lays under it as well.
  ctx.fillStyle = "#ffffff";
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

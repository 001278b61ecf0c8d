// What was read in a job's photos: a grid with boxes and labels over the pictures.
//
// The server keeps no photo, so the pictures are those of this page's visit; without them the
// boxes are drawn where the faces are, on an empty ground.

import words from "../../words/en/upload.json";
import { fetchResults } from "../api-jobs";
import { context2d, make, named, percent } from "../dom";
import { contain, scaleBox } from "../geometry";
import { drawFaces, type Colours } from "../overlay";
import type { Frame } from "../protocol";
import { actionButton, notice } from "../states";
import { fill } from "../words";

const PAGE = 24;
const SHOWN_PX = 900;
const TEXTS_PER_SIDE = 34;
const EMPTY_GROUND = "#1c1e24";

/** Shows a job's results page by page; those already shown stay as they are. */
export class Results {
  readonly element = make("div", "job-results");
  private readonly grid = make("ul", "photo-grid");
  private readonly more = actionButton("", () => void this.load(), "small");
  private shown = 0;
  private read = 0;
  private loading = false;

  constructor(
    private readonly jobId: string,
    title: string,
    private readonly pictures: readonly File[],
    private readonly colours: Colours,
  ) {
    this.grid.setAttribute("aria-label", fill(words.results_of, { title }));
    this.more.hidden = true;
    this.element.append(this.grid, this.more);
  }

  /** Hear how many photos are read by now; those of the first page are shown as they come. */
  follow(read: number): void {
    this.read = Math.max(this.read, read);
    if (this.read > this.shown && this.shown < PAGE) void this.load();
    else this.offerMore();
  }

  /** Fetch those that are read by now and not shown yet, a page at most. */
  private async load(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    const before = this.shown;
    try {
      const { results, total } = await fetchResults(this.jobId, PAGE, before);
      this.element.querySelector(".notice")?.remove();
      for (const [index, frame] of results.entries()) {
        const picture = this.pictures[before + index] ?? null;
        this.grid.append(await resultCard(frame, picture, this.colours));
      }
      this.shown += results.length;
      this.read = Math.max(this.read, total);
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error);
      this.element.querySelector(".notice")?.remove();
      this.element.prepend(notice("bad", `${words.results_failed}: ${said}`));
    } finally {
      this.loading = false;
    }
    this.offerMore();
    // More may have been read meanwhile; after a failure the next news of the job tries again.
    if (this.shown > before) this.follow(this.read);
  }

  private offerMore(): void {
    const left = this.read - this.shown;
    this.more.hidden = left <= 0 || this.loading;
    this.more.textContent = fill(words.results_more, { n: Math.min(PAGE, left) });
  }
}

async function resultCard(
  frame: Frame,
  picture: File | null,
  colours: Colours,
): Promise<HTMLElement> {
  const name = frame.source ?? "";
  const view = make("div", "photo-picture");
  const summary = summaryOf(frame);
  const said = make("p", "photo-words", summary);
  const caption = make("div", "photo-caption", make("h4", "", name), said);
  const card = make("li", "photo", view, make("div", "photo-foot", caption));
  if (frame.error !== null) {
    card.classList.add("failed");
    view.append(make("p", "", words.not_read));
    return card;
  }
  const bitmap = picture && (await bitmapOf(picture));
  const canvas = drawn(frame, bitmap, colours);
  bitmap?.close();
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", fill(words.picture_said, { name, summary }));
  view.append(canvas);
  if (!bitmap) caption.append(make("p", "small-print", words.picture_elsewhere));
  caption.append(sharesInWords(frame));
  return card;
}

function summaryOf({ error, faces }: Frame): string {
  if (error !== null) return error;
  if (!faces.length) return words.no_face;
  return faces
    .map(({ expression }) => `${named(expression)} ${percent(expression.confidence)}`)
    .join(", ");
}

/** Draw the photo, or an empty ground of its shape, and its faces over it. */
function drawn(frame: Frame, bitmap: ImageBitmap | null, colours: Colours): HTMLCanvasElement {
  const scale = SHOWN_PX / Math.max(frame.width, frame.height);
  const canvas = make("canvas");
  canvas.width = Math.max(1, Math.round(frame.width * scale));
  canvas.height = Math.max(1, Math.round(frame.height * scale));
  const ctx = context2d(canvas);
  const area = { width: canvas.width, height: canvas.height };
  ctx.fillStyle = EMPTY_GROUND;
  ctx.fillRect(0, 0, area.width, area.height);
  ctx.imageSmoothingQuality = "high";
  if (bitmap) ctx.drawImage(bitmap, 0, 0, area.width, area.height);
  const faces = frame.faces.map((face, index) => ({
    box: scaleBox(face.box, scale),
    expression: face.expression,
    number: frame.faces.length > 1 ? index + 1 : null,
  }));
  const unit = SHOWN_PX / TEXTS_PER_SIDE;
  drawFaces(ctx, faces, colours, contain(area, area, false), area, unit);
  return canvas;
}

/** What the bars in the picture say, for those who do not see them. */
function sharesInWords(frame: Frame): HTMLElement {
  return make(
    "div",
    "unseen",
    ...frame.faces.map(({ expression }, index) => {
      const parts = Object.entries(expression.probabilities);
      const shares = parts.map(([label, part]) => `${label} ${percent(part)}`).join(", ");
      return make("p", "", fill(words.face_said, { number: index + 1, shares }));
    }),
  );
}

async function bitmapOf(picture: File): Promise<ImageBitmap | null> {
  try {
    return await createImageBitmap(picture);
  } catch (error) {
    // A picture that the server reads and this browser does not: the boxes are shown alone.
    if (error instanceof DOMException) return null;
    throw error;
  }
}

// The files that were chosen and not sent yet: each with its size, its picture, what is wrong.

import words from "../../words/en/upload.json";
import { byId, make } from "../dom";
import { counted, fileSize } from "../format";
import type { SettingsReply } from "../protocol";
import { fill } from "../words";
import { kindOf, pixelProblem, problemOf, togetherProblem, type Kind } from "./limits";

interface Chosen {
  file: File;
  kind: Kind | null;
  problem: string | null;
  row: HTMLElement;
  /** Gives back what the row holds of the browser's memory. */
  release: () => void;
}

const FILM =
  "M4 6.5A1.5 1.5 0 0 1 5.5 5h13A1.5 1.5 0 0 1 20 6.5v11a1.5 1.5 0 0 1-1.5 1.5h-13" +
  "A1.5 1.5 0 0 1 4 17.5zM10 9.5v5l4.5-2.5z";

export class ChosenFiles {
  private files: Chosen[] = [];
  private readonly frame = byId("chosen", HTMLElement);
  private readonly list = byId("chosen-list", HTMLElement);
  private readonly problem = byId("chosen-problem", HTMLElement);

  constructor(
    private readonly server: SettingsReply | null,
    private readonly onChange: () => void,
  ) {
    byId("clear", HTMLButtonElement).addEventListener("click", () => {
      this.clear();
      byId("choose", HTMLButtonElement).focus();
    });
  }

  get photos(): File[] {
    return this.ofKind("photo");
  }

  get videos(): File[] {
    return this.ofKind("video");
  }

  get isEmpty(): boolean {
    return this.files.length === 0;
  }

  /** Whether all that was chosen can be sent. */
  get isSound(): boolean {
    return !this.problem.textContent && this.files.every((one) => one.problem === null);
  }

  add(files: readonly File[]): void {
    for (const file of files) {
      const kind = kindOf(file);
      const problem = this.server ? problemOf(file, kind, this.server) : null;
      const chosen: Chosen = { file, kind, problem, row: make("li"), release: () => {} };
      this.files.push(chosen);
      this.fillRow(chosen);
      this.list.append(chosen.row);
    }
    this.changed();
  }

  clear(): void {
    this.keep([]);
  }

  /** Keep some of the files, and let go of the others. */
  keep(kept: readonly File[]): void {
    for (const one of this.files.filter(({ file }) => !kept.includes(file))) {
      one.release();
      one.row.remove();
    }
    this.files = this.files.filter(({ file }) => kept.includes(file));
    this.changed();
  }

  private ofKind(kind: Kind): File[] {
    return this.files.filter((one) => one.kind === kind).map((one) => one.file);
  }

  private changed(): void {
    this.frame.hidden = this.isEmpty;
    const { photos, videos } = this;
    byId("chosen-title", HTMLElement).textContent = [
      photos.length ? counted(photos.length, words.photos_one, words.photos_many) : "",
      videos.length ? counted(videos.length, words.videos_one, words.videos_many) : "",
    ]
      .filter(Boolean)
      .join(", ") || words.files_chosen;
    this.problem.textContent = (this.server && togetherProblem(photos, this.server)) ?? "";
    this.onChange();
  }

  private fillRow(chosen: Chosen): void {
    const { file, kind, row } = chosen;
    const thumb = make("span", "thumb");
    thumb.setAttribute("aria-hidden", "true");
    const said = make("p", "small-print", fileSize(file.size));
    const remove = make("button", "button small quiet", words.remove);
    remove.type = "button";
    remove.setAttribute("aria-label", fill(words.remove_file, { name: file.name }));
    remove.addEventListener("click", () => this.remove(chosen));
    row.replaceChildren(thumb, make("div", "", make("p", "", file.name), said), remove);
    if (chosen.problem) said.replaceWith(make("p", "field-error", chosen.problem));
    else if (kind === "photo") this.showPicture(chosen, thumb, said);
    else thumb.append(icon(FILM));
  }

  /** Show a photo small; its size in pixels is known by that, and whether it is a picture. */
  private showPicture(chosen: Chosen, thumb: HTMLElement, said: HTMLElement): void {
    const url = URL.createObjectURL(chosen.file);
    chosen.release = () => URL.revokeObjectURL(url);
    const picture = make("img");
    const fail = (problem: string): void => {
      chosen.problem = problem;
      said.className = "field-error";
      said.textContent = problem;
      this.onChange();
    };
    picture.alt = "";
    picture.decoding = "async";
    picture.addEventListener("error", () => fail(words.problem_broken));
    picture.addEventListener("load", () => {
      const { naturalWidth: width, naturalHeight: height } = picture;
      said.textContent = `${width} × ${height}, ${fileSize(chosen.file.size)}`;
      const problem = this.server && pixelProblem(width * height, this.server);
      if (problem) fail(problem);
    });
    picture.src = url;
    thumb.append(picture);
  }

  private remove(chosen: Chosen): void {
    const at = this.files.indexOf(chosen);
    this.files.splice(at, 1);
    chosen.release();
    chosen.row.remove();
    this.changed();
    const next = this.files[Math.min(at, this.files.length - 1)];
    (next?.row.querySelector("button") ?? byId("choose", HTMLButtonElement)).focus();
  }
}

function icon(path: string): SVGSVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  const line = document.createElementNS(namespace, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

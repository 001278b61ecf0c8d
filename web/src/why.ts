// "Why?" of a paused face: a dialog with the parts that spoke for its expression.

import words from "../words/en/live.json";
import { byId, capital } from "./dom";
import type { Engine, PictureChoice } from "./engine";
import type { LiveFace } from "./protocol";
import { fill } from "./words";

export class Why {
  private readonly dialog = byId("why", HTMLDialogElement);
  private readonly title = byId("why-title", HTMLElement);
  private readonly state = byId("why-state", HTMLElement);
  private readonly frame = byId("why-frame", HTMLElement);
  private readonly picture = byId("why-picture", HTMLImageElement);
  // Tells the answer to a question that was closed from that to the one which is open.
  private asked = 0;

  constructor(
    private readonly engine: Engine,
    private readonly video: HTMLVideoElement,
    private readonly chosen: () => PictureChoice,
  ) {
    byId("why-close", HTMLButtonElement).addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.forget());
  }

  /** Open the dialog and explain a face of what the video shows. */
  async ask(face: LiveFace): Promise<void> {
    const { dominant, label_set } = face.smoothed;
    this.asked += 1;
    const mine = this.asked;
    this.title.textContent = fill(words.why_title, { name: dominant });
    this.frame.hidden = false;
    this.state.textContent = words.why_reading;
    // The browser keeps the keyboard inside, closes it on Escape, and gives back the focus.
    this.dialog.showModal();
    try {
      const choice = { ...this.chosen(), label_set };
      const why = await this.engine.explain(this.video, face, choice);
      if (mine !== this.asked) return;
      this.picture.src = URL.createObjectURL(why.picture);
      this.picture.alt = fill(words.why_picture, { name: dominant });
      this.picture.hidden = false;
      // The server's header has plain letters alone.
      this.state.textContent = capital(why.words.replaceAll(/\bx(?=\d)/g, "×"));
    } catch (error) {
      if (mine !== this.asked) return;
      this.frame.hidden = true;
      this.state.textContent = capital(error instanceof Error ? error.message : String(error));
    }
  }

  private forget(): void {
    this.asked += 1;
    URL.revokeObjectURL(this.picture.src);
    this.picture.removeAttribute("src");
    this.picture.hidden = true;
    this.state.textContent = "";
  }
}

// "Why?" of a paused face: a dialog with the parts that spoke for its expression.

import { explain } from "./api";
import { byId, capital } from "./dom";
import { grabFrame } from "./frames";
import type { LiveFace } from "./protocol";

export class Why {
  private readonly dialog = byId("why", HTMLDialogElement);
  private readonly title = byId("why-title", HTMLElement);
  private readonly state = byId("why-state", HTMLElement);
  private readonly frame = byId("why-frame", HTMLElement);
  private readonly picture = byId("why-picture", HTMLImageElement);
  // Tells the answer to a question that was closed from that to the one which is open.
  private asked = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly chosen: () => { detector: string; label_set: string },
  ) {
    byId("why-close", HTMLButtonElement).addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.forget());
  }

  /** Open the dialog and explain a face of what the video shows. */
  async ask(face: LiveFace): Promise<void> {
    const { dominant, label_set } = face.smoothed;
    this.asked += 1;
    const mine = this.asked;
    this.title.textContent = `Why ${dominant}?`;
    this.frame.hidden = false;
    this.state.textContent =
      "This one picture is sent: parts of the face are hidden in turn, some 250 times…";
    // The browser keeps the keyboard inside, closes it on Escape, and gives back the focus.
    this.dialog.showModal();
    try {
      const frame = await grabFrame(this.video);
      const choice = { detector: this.chosen().detector, label_set, label: dominant };
      const { picture, words } = await explain(frame, face.box, choice);
      if (mine !== this.asked) return;
      this.picture.src = URL.createObjectURL(picture);
      this.picture.alt = `The face with the parts that spoke for ${dominant}`;
      this.picture.hidden = false;
      // The server's header has plain letters alone.
      this.state.textContent = capital(words.replaceAll(/\bx(?=\d)/g, "×"));
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

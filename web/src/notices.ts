// One line for what is to be known right now.

type Topic = "camera" | "choice" | "frame" | "models" | "recording" | "clip";

export class Notices {
  // What the line is about: only what ends that matter clears it, and not, say, the answer to a
  // choice while the browser still asks for the camera.
  private topic: Topic | null = null;

  constructor(private readonly element: HTMLElement) {}

  show(topic: Topic, said: string): void {
    this.topic = topic;
    this.element.textContent = said;
  }

  clear(topic: Topic): void {
    if (this.topic !== topic) return;
    this.topic = null;
    this.element.textContent = "";
  }
}

// The stage: video, overlay, the sign of what is on, and what covers them (consent, a problem).

import words from "../words/en/live.json";
import { byId, context2d, toBlob } from "./dom";
import { contain, scaleBox } from "./geometry";
import { drawFaces, textUnit, type Colours, type DrawnFace } from "./overlay";
import type { Problem } from "./problems";
import type { LiveFrame } from "./protocol";
import { fill } from "./words";

export type StageState = "idle" | "starting" | "live" | "paused" | "problem";

export class Stage {
  readonly video = byId("video", HTMLVideoElement);
  private readonly element = byId("stage", HTMLElement);
  private readonly canvas = byId("overlay", HTMLCanvasElement);
  private readonly sign = byId("recording", HTMLElement);
  private readonly signWords = byId("sign-words", HTMLElement);
  private readonly consent = byId("consent", HTMLElement);
  private readonly problem = byId("problem", HTMLElement);
  private faces: DrawnFace[] = [];
  private colours: Colours = new Map();
  private isMirrored = true;
  private recorded: string | null = null;

  constructor() {
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  get state(): StageState {
    return this.element.dataset["state"] as StageState;
  }

  set state(state: StageState) {
    this.element.dataset["state"] = state;
    this.consent.hidden = state !== "idle";
    this.problem.hidden = state !== "problem";
    this.showSign();
  }

  /** Whether the picture is shown as in a mirror. */
  set mirrored(mirrored: boolean) {
    this.isMirrored = mirrored;
    this.video.classList.toggle("mirrored", mirrored);
    this.video.setAttribute("aria-label", mirrored ? words.video_mirrored : words.video_plain);
    this.draw();
  }

  /** Show how long it has been recording, like "0:12"; null where it is not. */
  set recording(time: string | null) {
    this.recorded = time;
    this.element.toggleAttribute("data-recording", time !== null);
    this.showSign();
  }

  showProblem(problem: Problem): void {
    byId("problem-title", HTMLElement).textContent = problem.title;
    byId("problem-advice", HTMLElement).textContent = problem.advice;
    this.clear();
    this.state = "problem";
    byId("retry", HTMLButtonElement).focus();
  }

  /** Draw a frame's faces; its boxes are in pixels of the smaller picture that was sent. */
  show(frame: LiveFrame, colours: Colours): void {
    const factor = this.video.videoWidth / frame.width;
    this.colours = colours;
    this.faces = frame.faces.map((face) => ({
      box: scaleBox(face.box, factor),
      expression: face.smoothed,
      number: frame.faces.length > 1 ? face.track_id : null,
    }));
    this.draw();
  }

  clear(): void {
    this.faces = [];
    this.draw();
  }

  /** Return what is seen as a PNG in the camera's full size, with its overlay. */
  async snapshot(): Promise<Blob> {
    const picture = { width: this.video.videoWidth, height: this.video.videoHeight };
    const canvas = document.createElement("canvas");
    canvas.width = picture.width;
    canvas.height = picture.height;
    const ctx = context2d(canvas);
    ctx.save();
    if (this.isMirrored) {
      ctx.translate(picture.width, 0);
      ctx.scale(-1, 1);
    }
    ctx.drawImage(this.video, 0, 0);
    ctx.restore();
    const fit = contain(picture, picture, this.isMirrored);
    drawFaces(ctx, this.faces, this.colours, fit, picture, textUnit(picture.width));
    return toBlob(canvas, "image/png");
  }

  private showSign(): void {
    const isOn = this.state === "live" || this.state === "paused";
    this.sign.hidden = !isOn && this.recorded === null;
    this.signWords.textContent = this.whatIsOn(isOn);
  }

  private whatIsOn(isOn: boolean): string {
    const isPaused = this.state === "paused";
    if (this.recorded === null) return isPaused ? words.paused : words.camera_on;
    const time = this.recorded;
    if (!isOn) return fill(words.recording_waits, { time });
    return fill(isPaused ? words.recording_paused : words.recording_time, { time });
  }

  private draw(): void {
    const area = { width: this.element.clientWidth, height: this.element.clientHeight };
    const density = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(area.width * density), Math.round(area.height * density)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const ctx = context2d(this.canvas);
    ctx.setTransform(density, 0, 0, density, 0, 0);
    ctx.clearRect(0, 0, area.width, area.height);
    if (!this.faces.length || !this.video.videoWidth) return;
    const picture = { width: this.video.videoWidth, height: this.video.videoHeight };
    const fit = contain(picture, area, this.isMirrored);
    drawFaces(ctx, this.faces, this.colours, fit, area, textUnit(picture.width * fit.scale));
  }
}

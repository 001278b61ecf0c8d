// The camera and its buttons: start, pause, snapshot, stop, and which camera it is.

import words from "../words/en/live.json";
import type { Announcer } from "./announce";
import { Camera, CameraError } from "./camera";
import { byId, download, make } from "./dom";
import type { Engine } from "./engine";
import { Events } from "./events";
import type { Notices } from "./notices";
import { cameraProblem, type Problem } from "./problems";
import type { Stage, StageState } from "./stage";
import { fill } from "./words";

const button = (id: string): HTMLButtonElement => byId(id, HTMLButtonElement);

export class CameraDesk {
  /** What the stage shows has changed. */
  readonly events = new Events<{ state: StageState }>();
  private readonly camera: Camera;
  private readonly cameras = byId("camera", HTMLSelectElement);

  constructor(
    private readonly engine: Engine,
    private readonly stage: Stage,
    private readonly notices: Notices,
    private readonly announcer: Announcer,
  ) {
    this.camera = new Camera(stage.video, (problem) => this.fail(problem));
    for (const id of ["start", "retry"]) button(id).addEventListener("click", () => void this.start());
    button("stop").addEventListener("click", () => this.stop());
    button("pause").addEventListener("click", () => this.togglePause());
    button("snapshot").addEventListener("click", () => void this.saveSnapshot());
    this.cameras.addEventListener("change", () => void this.start(this.cameras.value));
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      if (stage.state === "live" || stage.state === "paused") void this.listCameras();
    });
  }

  private async start(deviceId = ""): Promise<void> {
    // What was pressed is about to be hidden; the keyboard goes on at what undoes it.
    const fromCover = byId("stage", HTMLElement).contains(document.activeElement);
    this.enable(false);
    button("stop").disabled = false;
    this.become("starting");
    if (fromCover) button("stop").focus({ preventScroll: true });
    this.notices.show("camera", words.allow_there);
    try {
      if (!(await this.camera.open(deviceId))) return;
    } catch (error) {
      this.fail(error instanceof CameraError ? error.problem : cameraProblem(error));
      return;
    } finally {
      this.notices.clear("camera");
    }
    this.enable(true);
    this.become("live");
    this.engine.watch(this.stage.video);
    this.announcer.say(words.said_camera_on);
    await this.listCameras();
  }

  private stop(): void {
    this.rest();
    this.become("idle");
    this.announcer.say(words.said_camera_off);
    button("start").focus();
  }

  private fail(problem: Problem): void {
    this.rest();
    this.stage.showProblem(problem);
    this.events.emit("state", "problem");
  }

  /** Bring everything that follows the camera to rest. */
  private rest(): void {
    this.engine.rest();
    this.camera.close();
    this.stage.clear();
    this.enable(false);
  }

  private become(state: StageState): void {
    this.stage.state = state;
    this.events.emit("state", state);
  }

  private enable(enabled: boolean): void {
    for (const id of ["pause", "snapshot", "stop"]) button(id).disabled = !enabled;
    this.cameras.disabled = !enabled;
    button("pause").setAttribute("aria-pressed", "false");
    button("pause").textContent = words.pause;
  }

  private togglePause(): void {
    const pausing = this.stage.state === "live";
    button("pause").setAttribute("aria-pressed", String(pausing));
    button("pause").textContent = pausing ? words.go_on : words.pause;
    this.announcer.say(pausing ? words.said_paused : words.said_going_on);
    if (pausing) {
      this.engine.rest();
      this.stage.video.pause();
    } else {
      void this.stage.video.play().then(() => this.engine.watch(this.stage.video));
    }
    this.become(pausing ? "paused" : "live");
  }

  private async saveSnapshot(): Promise<void> {
    const when = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    download(await this.stage.snapshot(), `mien-${when}.png`);
    this.announcer.say(words.said_snapshot);
  }

  private async listCameras(): Promise<void> {
    const options = (await this.camera.list()).map((device, index) => {
      const number = index + 1;
      const option = make("option", "", device.label || fill(words.camera_number, { number }));
      option.value = device.deviceId;
      return option;
    });
    if (!options.length) options.push(make("option", "", words.default_camera));
    this.cameras.replaceChildren(...options);
    this.cameras.value = this.camera.deviceId;
  }
}

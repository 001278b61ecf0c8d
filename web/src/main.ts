// The live page: joins camera, socket, stage, panel, choices and photos.

import { Announcer } from "./announce";
import { fetchModels, fetchVersion } from "./api";
import { Camera, CameraError } from "./camera";
import { Choices } from "./choices";
import { byId, capital, download, make } from "./dom";
import { FacesPanel } from "./faces-panel";
import { FrameSender } from "./frames";
import { takePhotos } from "./intake";
import { LiveSocket, type SocketState } from "./live";
import { Meters } from "./meters";
import { Photos } from "./photos";
import { cameraProblem, type Problem } from "./problems";
import type { ServerMessage } from "./protocol";
import { Stage } from "./stage";
import { Why } from "./why";

const button = (id: string): HTMLButtonElement => byId(id, HTMLButtonElement);
const text = (id: string): HTMLElement => byId(id, HTMLElement);
const select = (id: string): HTMLSelectElement => byId(id, HTMLSelectElement);

const announcer = new Announcer(text("announcer"));
const stage = new Stage();
const why = new Why(stage.video, () => choices.chosen);
const panel = new FacesPanel(
  text("faces"),
  text("faces-empty"),
  text("face-count"),
  (face) => void why.ask(face),
);
const meters = new Meters(text("meter-fps"), text("meter-rtt"));
const choices = new Choices(
  select("label-set"),
  select("detector"),
  text("detector-hint"),
  () => socket.configure(choices.ask()),
);
const camera = new Camera(stage.video, fail);
const socket = new LiveSocket(
  `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/live`,
  { state: onSocketState, message: onMessage },
);
const sender = new FrameSender(stage.video, socket);
const photos = new Photos(byId("photo-grid", HTMLElement), button("clear-photos"), {
  chosen: () => choices.chosen,
  colours: () => choices.colours,
  say: (words) => announcer.say(words),
});

type Topic = "camera" | "choice" | "frame" | "models";

// What the notice is about: only what ends that matter clears it, and not, say, the server's
// answer to a choice while the browser still asks for the camera.
let noticed: Topic | null = null;

function notice(topic: Topic, words: string): void {
  noticed = topic;
  text("notice").textContent = words;
}

function clearNotice(topic: Topic): void {
  if (noticed !== topic) return;
  noticed = null;
  text("notice").textContent = "";
}

function onMessage(message: ServerMessage): void {
  if (message.type === "ready") {
    choices.learn(message.labels);
    choices.answered(true);
    text("meter-detector").textContent = message.detector;
    text("meter-model").textContent = message.bundle;
    clearNotice("choice");
    return;
  }
  if (message.type === "error" && message.index === null) {
    // A choice that was refused: say why, and show what still reads.
    choices.answered(false);
    notice("choice", capital(message.error.message));
    return;
  }
  if (message.type === "recording" || message.type === "marked") return;
  const tookMs = sender.answered(
    message.type === "result" ? message.frame.index : (message.index ?? -1),
  );
  if (message.type === "error") {
    notice("frame", capital(message.error.message));
  }
  if (message.type !== "result" || stage.state !== "live") return;
  clearNotice("frame");
  if (tookMs !== null) meters.answered(tookMs);
  stage.show(message.frame, choices.colours);
  panel.show(message.frame.faces, choices.colours);
  announcer.faces(message.frame.faces);
}

function onSocketState(state: SocketState): void {
  const chip = text("server-state");
  chip.dataset["state"] = state.kind;
  const banner = text("banner");
  if (state.kind === "open") {
    chip.textContent = "Connected";
    if (!banner.hidden) announcer.say("The server is back");
    banner.hidden = true;
    sender.forget();
    choices.begin();
    void loadModels();
  } else if (state.kind === "outdated") {
    const words = "The server and this page are of different versions. Load the page again.";
    announcer.say(words);
    chip.textContent = "Outdated page";
    banner.hidden = false;
    text("banner-words").textContent = words;
    button("reconnect").textContent = "Load again";
    sender.forget();
    stage.clear();
    panel.clear("Waiting for the page to be loaded again.");
    meters.clear();
  } else if (state.kind === "lost") {
    if (banner.hidden) announcer.say("The server is gone. Is mien serve still running?");
    chip.textContent = "Server gone";
    banner.hidden = false;
    text("banner-words").textContent =
      `The server is gone. Is mien serve still running? Trying again in ${state.retryInS} s.`;
    sender.forget();
    stage.clear();
    panel.clear("Waiting for the server.");
    meters.clear();
  } else {
    chip.textContent = "Connecting";
  }
}

async function loadModels(): Promise<void> {
  try {
    choices.offer(await fetchModels());
    clearNotice("models");
    socket.configure(choices.ask());
    text("version").textContent = await fetchVersion();
    text("legend").replaceChildren(
      ...[...choices.colours].map(([name, colour]) => {
        const item = make("li", "", capital(name));
        item.style.setProperty("--colour", colour);
        return item;
      }),
    );
  } catch (error) {
    notice("models", error instanceof Error ? error.message : String(error));
  }
}

async function startCamera(deviceId = ""): Promise<void> {
  // What was pressed is about to be hidden; the keyboard goes on at what undoes it.
  const fromCover = text("stage").contains(document.activeElement);
  setControls(false);
  button("stop").disabled = false;
  stage.state = "starting";
  if (fromCover) button("stop").focus({ preventScroll: true });
  notice("camera", "If the browser asks for the camera, allow it there.");
  try {
    if (!(await camera.open(deviceId))) return;
  } catch (error) {
    fail(error instanceof CameraError ? error.problem : cameraProblem(error));
    return;
  } finally {
    clearNotice("camera");
  }
  stage.state = "live";
  setControls(true);
  sender.start();
  announcer.say("The camera is on");
  await listCameras();
}

function stopCamera(): void {
  rest();
  stage.state = "idle";
  panel.clear("Faces appear here with all their probabilities once the camera runs.");
  announcer.say("The camera is off");
  button("start").focus();
}

function fail(problem: Problem): void {
  rest();
  panel.clear("No picture to read.");
  stage.showProblem(problem);
}

/** Bring everything that follows the camera to rest. */
function rest(): void {
  sender.stop();
  camera.close();
  stage.clear();
  meters.clear();
  setControls(false);
}

function setControls(enabled: boolean): void {
  for (const id of ["pause", "snapshot", "stop"]) button(id).disabled = !enabled;
  select("camera").disabled = !enabled;
  button("pause").setAttribute("aria-pressed", "false");
  button("pause").textContent = "Pause";
}

function togglePause(): void {
  const pausing = stage.state === "live";
  stage.state = pausing ? "paused" : "live";
  button("pause").setAttribute("aria-pressed", String(pausing));
  button("pause").textContent = pausing ? "Go on" : "Pause";
  meters.clear();
  panel.offerWhy(pausing);
  announcer.say(pausing ? "Paused, nothing is sent" : "Going on");
  if (pausing) {
    sender.stop();
    stage.video.pause();
  } else {
    void stage.video.play().then(() => sender.start());
  }
}

async function listCameras(): Promise<void> {
  const cameras = await camera.list();
  const options = cameras.map((device, index) => {
    const option = make("option", "", device.label || `Camera ${index + 1}`);
    option.value = device.deviceId;
    return option;
  });
  if (!options.length) options.push(make("option", "", "Default camera"));
  select("camera").replaceChildren(...options);
  select("camera").value = camera.deviceId;
}

function tellWhereFramesGo(): void {
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  if (here) return;
  text("where").replaceChildren(
    make("b", "", "Frames leave this device."),
    ` They go to the mien server at ${location.host}, are read in its memory and forgotten.`,
  );
}

button("start").addEventListener("click", () => void startCamera());
button("retry").addEventListener("click", () => void startCamera());
button("stop").addEventListener("click", stopCamera);
button("pause").addEventListener("click", togglePause);
button("reconnect").addEventListener("click", () => {
  if (text("server-state").dataset["state"] === "outdated") location.reload();
  else socket.connect();
});
button("snapshot").addEventListener("click", () => {
  const when = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
  void stage.snapshot().then((png) => {
    download(png, `mien-${when}.png`);
    announcer.say("Snapshot saved");
  });
});
select("camera").addEventListener("change", (event) => {
  if (event.target instanceof HTMLSelectElement) void startCamera(event.target.value);
});
navigator.mediaDevices?.addEventListener("devicechange", () => {
  if (stage.state === "live" || stage.state === "paused") void listCameras();
});
const openers = ["choose", "pick-instead", "photos-instead"].map(button);
takePhotos(byId("files", HTMLInputElement), openers, text("drop"), (files) => {
  photos.add(files);
  if (files.length) text("photos").scrollIntoView({ block: "start" });
});
tellWhereFramesGo();
stage.state = "idle";
socket.connect();

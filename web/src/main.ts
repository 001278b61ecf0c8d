// The live page: joins engine, camera, stage, faces, timeline, recording, clip, choices and photos.

import words from "../words/en/live.json";
import { Announcer } from "./announce";
import { CameraDesk } from "./camera-desk";
import { Choices } from "./choices";
import { ClipPanel } from "./clip";
import { ConnectionView } from "./connection-view";
import { byId, capital, make } from "./dom";
import type { Connection, Engine, Result } from "./engine";
import { FacesPanel } from "./faces-panel";
import { takePhotos } from "./intake";
import { Meters } from "./meters";
import { Notices } from "./notices";
import { Photos } from "./photos";
import { onPreferences, prefer, preferences } from "./preferences";
import { Recorder } from "./recorder";
import { ServerEngine } from "./server-engine";
import { Stage, type StageState } from "./stage";
import { TimelinePanel } from "./timeline-panel";
import { Why } from "./why";
import { fill } from "./words";

const text = (id: string): HTMLElement => byId(id, HTMLElement);
const button = (id: string): HTMLButtonElement => byId(id, HTMLButtonElement);
const select = (id: string): HTMLSelectElement => byId(id, HTMLSelectElement);

// The one place that knows which engine it is.
const engine: Engine = new ServerEngine();

const announcer = new Announcer(text("announcer"));
const notices = new Notices(text("notice"));
const stage = new Stage();
const meters = new Meters(text("meter-fps"), text("meter-rtt"));
const clip = new ClipPanel();
const selects = {
  bundle: select("bundle"),
  label_set: select("label-set"),
  detector: select("detector"),
};
const choices = new Choices(engine, selects, text("detector-hint"), text("reads-words"), (said) => {
  if (said === null) notices.clear("choice");
  else notices.show("choice", said);
});
const why = new Why(engine, stage.video, () => choices.chosen);
const faces = new FacesPanel(text("faces"), text("faces-empty"), text("face-count"), (face) => {
  void why.ask(face);
});
const timeline = new TimelinePanel({
  colours: () => choices.colours,
  sessionTimeS: (atMs) => engine.sessionTimeS(atMs),
  clipS: () => clip.playsAtS,
});
const camera = new CameraDesk(engine, stage, notices, announcer);
const recorder = new Recorder({ engine, stage, clip, notices, announcer });
const photos = new Photos(text("photo-grid"), button("clear-photos"), {
  engine,
  chosen: () => choices.chosen,
  colours: () => choices.colours,
  say: (said) => announcer.say(said),
});
new ConnectionView(engine, announcer);

function onResult({ frame, takenAtMs, tookMs }: Result): void {
  if (stage.state !== "live") return;
  notices.clear("frame");
  if (tookMs !== null) meters.answered(tookMs);
  stage.show(frame, choices.colours);
  faces.show(frame.faces, choices.colours);
  timeline.show(frame.faces, takenAtMs);
  announcer.faces(frame.faces);
}

function onConnection({ kind }: Connection): void {
  if (kind === "open") {
    // Faces are numbered anew, but in a session that goes on.
    if (!engine.session) timeline.clear();
    void offer();
  } else if (kind !== "connecting") {
    stage.clear();
    meters.clear();
    faces.clear(kind === "lost" ? words.waiting_for_server : words.waiting_for_load);
    timeline.outage(true);
  }
}

/** Show what there is to choose from, and ask for what is chosen. */
async function offer(): Promise<void> {
  try {
    const { models, recording } = await engine.offer();
    choices.offer(models);
    recorder.allow(recording);
    notices.clear("models");
  } catch (error) {
    notices.show("models", error instanceof Error ? error.message : String(error));
    return;
  }
  text("legend").replaceChildren(
    ...[...choices.colours].map(([name, colour]) => {
      const item = make("li", "", capital(name));
      item.style.setProperty("--colour", colour);
      return item;
    }),
  );
  // A session goes on as it was read before.
  if (!engine.session) await choices.apply();
}

function onCamera(state: StageState): void {
  recorder.onCamera(state);
  faces.offerWhy(state === "paused");
  if (state === "live" || state === "starting") return;
  meters.clear();
  if (state === "idle") faces.clear(words.faces_before);
  if (state === "problem") faces.clear(words.faces_no_picture);
}

function tellWhereFramesGo(): void {
  if (["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) return;
  text("where").replaceChildren(
    make("b", "", words.fact_away),
    ` ${fill(words.fact_away_more, { host: location.host })}`,
  );
}

function showMirror(): void {
  const { mirror } = preferences();
  byId("mirror", HTMLInputElement).checked = mirror;
  stage.mirrored = mirror;
}

engine.on("connection", onConnection);
engine.on("result", onResult);
engine.on("trouble", (said) => notices.show("frame", capital(said)));
engine.on("reading", ({ detector, bundle }) => {
  text("meter-detector").textContent = detector;
  text("meter-model").textContent = bundle;
  timeline.outage(false);
});
recorder.events.on("recording", (isOn) => choices.lock(isOn));
recorder.events.on("marked", ({ word, atMs }) => timeline.mark(word, atMs));
camera.events.on("state", onCamera);
clip.events.on("trouble", (said) => {
  if (said === null) notices.clear("clip");
  else notices.show("clip", said);
});
clip.events.on("changed", (chosen) => {
  const said = chosen ? fill(words.said_clip, { name: chosen.name }) : words.said_clip_removed;
  announcer.say(said);
});
byId("mirror", HTMLInputElement).addEventListener("change", (event) => {
  stage.mirrored = (event.target as HTMLInputElement).checked;
  // A browser that keeps nothing mirrors it until the page is closed.
  prefer({ mirror: (event.target as HTMLInputElement).checked });
});
onPreferences(showMirror);
const openers = ["choose", "pick-instead", "photos-instead"].map(button);
takePhotos(byId("files", HTMLInputElement), openers, text("drop"), (files) => {
  photos.add(files);
  if (files.length) text("photos").scrollIntoView({ block: "start" });
});
tellWhereFramesGo();
showMirror();
stage.state = "idle";
engine.connect();

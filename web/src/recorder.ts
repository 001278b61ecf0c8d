// A recording from its button to its end: asks, shows an unmistakable sign, marks, says how it went.

import words from "../words/en/live.json";
import type { Announcer } from "./announce";
import type { ClipPanel } from "./clip";
import { byId, capital } from "./dom";
import { DoneCard } from "./done-card";
import { LOST, Refused, type Engine, type RecordingState, type RecordingWish } from "./engine";
import { Events } from "./events";
import { clock } from "./format";
import { MarksBar } from "./marks-bar";
import type { Notices } from "./notices";
import { RecordDialog } from "./record-dialog";
import type { Stage, StageState } from "./stage";
import { fill } from "./words";

const TICK_MS = 200;

export interface RecorderParts {
  engine: Engine;
  stage: Stage;
  clip: ClipPanel;
  notices: Notices;
  announcer: Announcer;
}

export class Recorder {
  /** Whether it records; and every marker, at its moment of `performance.now()`. */
  readonly events = new Events<{ recording: boolean; marked: { word: string; atMs: number } }>();
  private readonly button = byId("record", HTMLButtonElement);
  private readonly buttonWords = byId("record-words", HTMLElement);
  private readonly dialog: RecordDialog;
  private readonly marks = new MarksBar((word, atMs) => void this.mark(word, atMs));
  private readonly done: DoneCard;
  private readonly title = document.title;
  private allowed = false;
  private isOn = false;
  // Between a wish and its answer nothing else is asked.
  private isAsking = false;
  private clipWaits = false;
  private isCutOff = false;
  private markers = 0;
  private shownTime = "";
  private timer = 0;

  constructor(private readonly parts: RecorderParts) {
    const { engine, clip } = parts;
    this.dialog = new RecordDialog(clip);
    this.done = new DoneCard(() => this.button.focus());
    this.button.addEventListener("click", () => {
      if (this.isAsking) return;
      void (engine.session ? this.end() : this.begin());
    });
    engine.on("recording", (state) => this.onRecording(state));
    engine.on("connection", ({ kind }) => {
      this.isCutOff ||= this.isOn && kind === "lost";
    });
    engine.on("result", ({ sessionS }) => {
      if (sessionS !== null && this.clipWaits) this.startClip();
    });
    clip.events.on("moved", ({ word, atMs }) => {
      if (engine.session) void this.mark(word, atMs, { aloud: false });
    });
  }

  /** Say whether sessions can be kept here. */
  allow(allowed: boolean): void {
    this.allowed = allowed;
    this.button.hidden = !allowed;
    this.showHint();
    this.showButton();
  }

  /** What the camera shows has changed. */
  onCamera(state: StageState): void {
    // Whoever turns the camera off is done; one that went away may come back.
    if (state === "idle" && this.parts.engine.session) void this.end();
    this.showButton();
  }

  private async begin(): Promise<void> {
    const wish = await this.dialog.ask();
    if (!wish) return;
    this.done.hide();
    this.isAsking = true;
    this.showButton();
    await this.ask(wish);
    this.isAsking = false;
    this.showButton();
    // The camera was turned off meanwhile.
    if (this.parts.stage.state === "idle" && this.parts.engine.session) await this.end();
  }

  private async ask(wish: RecordingWish): Promise<void> {
    const { engine, notices, announcer } = this.parts;
    this.clipWaits = wish.clip !== null;
    try {
      await engine.record(wish);
      notices.clear("recording");
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.clipWaits = false;
      const why = capital(error.message);
      const said = error.code === LOST ? words.lost_before : fill(words.failed_before, { why });
      notices.show("recording", said);
      announcer.say(said);
    }
  }

  private async end(): Promise<void> {
    if (this.isAsking) return;
    this.isAsking = true;
    this.showButton();
    try {
      await this.parts.engine.end();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.code !== LOST) this.parts.notices.show("recording", capital(error.message));
    } finally {
      this.isAsking = false;
      this.showButton();
    }
  }

  private async mark(word: string, atMs: number, { aloud } = { aloud: true }): Promise<void> {
    const { engine, announcer, notices } = this.parts;
    const sessionS = engine.sessionTimeS(atMs);
    if (sessionS === null) return;
    try {
      const marked = await engine.mark(word, sessionS);
      this.markers += 1;
      this.events.emit("marked", { word: marked.word, atMs });
      const time = clock(marked.timestamp_s);
      if (aloud) announcer.say(fill(words.said_marked, { word: marked.word, time }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const said = fill(words.not_marked, { why: capital(error.message) });
      notices.show("recording", said);
      announcer.say(said);
    }
  }

  private onRecording(state: RecordingState): void {
    const isOn = state.state === "recording";
    if (isOn) this.sayTroubles(state);
    if (isOn && this.isCutOff) this.parts.announcer.say(words.said_resumed);
    this.isCutOff = false;
    if (isOn !== this.isOn) this.turn(isOn);
    if (!isOn) this.sayHowItWent(state);
  }

  private turn(isOn: boolean): void {
    const { clip, announcer } = this.parts;
    this.isOn = isOn;
    this.marks.shown = isOn;
    clip.lock(isOn);
    window.clearInterval(this.timer);
    if (isOn) {
      this.markers = 0;
      this.timer = window.setInterval(() => this.showTime(), TICK_MS);
      window.addEventListener("beforeunload", warn);
      announcer.say(words.said_recording);
    } else {
      this.clipWaits = false;
      clip.halt();
      window.removeEventListener("beforeunload", warn);
    }
    this.showTime();
    this.showHint();
    this.showButton();
    this.events.emit("recording", isOn);
  }

  /** What goes wrong while it goes on: frames that are left out, pictures that are not kept. */
  private sayTroubles({ dropped, error }: RecordingState): void {
    const { notices } = this.parts;
    if (error) notices.show("recording", capital(error.message));
    else if (dropped > 0) {
      notices.show("recording", fill(words.recording_dropped, { count: dropped }));
    }
  }

  private sayHowItWent(state: RecordingState): void {
    const time = clock(state.session_s);
    this.done.show(state, this.markers);
    this.parts.announcer.say(
      state.state === "failed" ? this.done.words : fill(words.said_ended, { time }),
    );
  }

  private startClip(): void {
    this.clipWaits = false;
    void this.parts.clip.begin();
  }

  private showTime(): void {
    const seconds = this.isOn ? this.parts.engine.sessionTimeS() : null;
    const time = seconds === null ? "" : clock(seconds);
    if (time === this.shownTime) return;
    this.shownTime = time;
    this.parts.stage.recording = time || null;
    document.title = time ? fill(words.recording_title, { time }) : this.title;
  }

  /** Say beside the timeline whether it is kept. */
  private showHint(): void {
    const { session } = this.parts.engine;
    let said = this.allowed ? words.timeline_hint : words.recording_off;
    if (session) said = fill(words.timeline_kept, { title: session.title });
    byId("timeline-hint", HTMLElement).textContent = said;
  }

  private showButton(): void {
    const { stage } = this.parts;
    const isWatching = stage.state === "live" || stage.state === "paused";
    this.button.disabled = !this.allowed || !(isWatching || this.isOn);
    // Really disabled, it would lose the keyboard.
    this.button.setAttribute("aria-disabled", String(this.isAsking));
    this.button.toggleAttribute("data-on", this.isOn);
    if (this.isAsking && !this.isOn) this.buttonWords.textContent = words.starting;
    else this.buttonWords.textContent = this.isOn ? words.end_recording : words.record;
  }
}

/** Have the browser ask before it leaves the page. */
function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

// The engine that is the server: frames and choices over the live socket, pictures over REST.

import { ask, fetchModels, fetchVersion } from "./api";
import { analyze, explain } from "./api-pictures";
import {
  LOST,
  Refused,
  type Choice,
  type Engine,
  type EngineEvents,
  type Explanation,
  type Marked,
  type Offer,
  type PictureChoice,
  type Reading,
  type RecordingState,
  type RecordingWish,
} from "./engine";
import { Events, type Listener } from "./events";
import { FrameSender, grabFrame } from "./frames";
import { LiveSocket, type SocketState } from "./live";
import type {
  ClientMessage,
  Frame,
  LiveError,
  LiveFace,
  LiveReady,
  LiveRecording,
  LiveResult,
  ServerMessage,
  SettingsReply,
} from "./protocol";
import { Questions, type Kind } from "./questions";

// A connection that died silently keeps its session until the server notices.
const STILL_RUNNING = "session_running";
const RESUME_PAUSE_MS = 2000;
const RESUME_ATTEMPTS = 45;

/** A moment on both clocks: the session's, and that of `performance.now()`. */
interface Anchor {
  sessionS: number;
  atMs: number;
}

export class ServerEngine implements Engine {
  session: RecordingState | null = null;
  private readonly events = new Events<EngineEvents>();
  private readonly questions = new Questions();
  private readonly socket: LiveSocket;
  private readonly sender: FrameSender;
  // Each connection is greeted before it answers anything.
  private greeted = false;
  // What reads, to be asked for again where a session goes on over a new connection.
  private granted: Choice = {};
  private anchor: Anchor | null = null;
  private ending = false;

  constructor(host = location) {
    const scheme = host.protocol === "https:" ? "wss" : "ws";
    this.socket = new LiveSocket(`${scheme}://${host.host}/v1/live`, {
      state: (state) => this.onState(state),
      message: (message) => this.onMessage(message),
    });
    this.sender = new FrameSender(this.socket);
  }

  on<Kind extends keyof EngineEvents>(
    kind: Kind,
    listener: Listener<EngineEvents[Kind]>,
  ): () => void {
    return this.events.on(kind, listener);
  }

  connect(): void {
    this.socket.connect();
  }

  async offer(): Promise<Offer> {
    const [models, version, settings] = await Promise.all([
      fetchModels(),
      fetchVersion(),
      ask("/v1/settings") as Promise<SettingsReply>,
    ]);
    return { models, version, recording: settings.recording };
  }

  async choose(choice: Choice): Promise<Reading> {
    const reading = await this.question<LiveReady>("configure", { ...choice });
    this.granted = { ...this.granted, ...choice };
    return reading;
  }

  watch(video: HTMLVideoElement): void {
    this.sender.start(video);
  }

  rest(): void {
    this.sender.stop();
  }

  read(picture: Blob, name: string, choice: PictureChoice): Promise<Frame> {
    return analyze(picture, name, choice);
  }

  async explain(
    video: HTMLVideoElement,
    face: LiveFace,
    choice: PictureChoice,
  ): Promise<Explanation> {
    // Of the size that is read live, so that the box fits it.
    const picture = await grabFrame(video);
    return explain(picture, face.box, { ...choice, label: face.smoothed.dominant });
  }

  sessionTimeS(atMs = performance.now()): number | null {
    if (!this.session) return null;
    if (!this.anchor) return this.session.session_s;
    return Math.max(0, this.anchor.sessionS + (atMs - this.anchor.atMs) / 1000);
  }

  record(wish: RecordingWish): Promise<RecordingState> {
    this.anchor = null;
    return this.question("record", { ...wish });
  }

  mark(word: string, sessionS: number): Promise<Marked> {
    return this.question("mark", { word, timestamp_s: sessionS });
  }

  async end(): Promise<RecordingState> {
    this.ending = true;
    try {
      return await this.question("stop", {});
    } catch (error) {
      // There was nothing to stop, as it was still to go on over a new connection.
      if (this.session) this.tell({ ...this.session, state: "ended" });
      throw error;
    } finally {
      this.ending = false;
    }
  }

  private question<Answer>(kind: Kind, fields: object): Promise<Answer> {
    if (!this.socket.isOpen) return Promise.reject(new Refused("there is no connection", LOST));
    const answer = this.questions.ask<Answer>(kind);
    this.socket.ask({ type: kind, ...fields } as ClientMessage);
    return answer;
  }

  private onState(state: SocketState): void {
    this.greeted = false;
    // The frame in flight was lost with its connection, and the next one counts from 0.
    this.sender.forget();
    if (state.kind === "lost" || state.kind === "outdated") this.questions.lose();
    this.events.emit("connection", state);
  }

  private onMessage(message: ServerMessage): void {
    switch (message.type) {
      case "ready":
        return this.onReady(message);
      case "result":
        return this.onResult(message);
      case "skipped":
        this.sender.answered(message.index);
        return;
      case "recording":
        return this.onRecording(message);
      case "marked":
        this.questions.answer(["mark"], message);
        return;
      case "error":
        return this.onError(message);
    }
  }

  private onReady(message: LiveReady): void {
    const isGreeting = !this.greeted;
    this.greeted = true;
    this.events.emit("reading", message);
    if (!isGreeting) this.questions.answer(["configure"], message);
    else if (this.session && !this.ending) void this.resume(this.session);
  }

  private onResult({ frame, session_s }: LiveResult): void {
    const nowMs = performance.now();
    const tookMs = this.sender.answered(frame.index);
    const takenAtMs = nowMs - (tookMs ?? 0);
    if (session_s !== null) this.anchor = { sessionS: session_s, atMs: takenAtMs };
    this.events.emit("result", { frame, sessionS: session_s, takenAtMs, tookMs });
  }

  private onRecording(message: LiveRecording): void {
    if (message.state === "recording") this.questions.answer(["record", "resume"], message);
    else this.questions.answer(["stop"], message);
    this.tell(message);
  }

  private onError({ index, error }: LiveError): void {
    if (index !== null) {
      this.sender.answered(index);
      this.events.emit("trouble", error.message);
    } else if (!this.greeted || !this.questions.refuse(error.message, error.code)) {
      this.events.emit("trouble", error.message);
    }
  }

  private tell(state: RecordingState): void {
    this.session = state.state === "recording" ? state : null;
    if (!this.session) this.anchor = null;
    this.events.emit("recording", state);
  }

  /** Go on with a session over a new connection, read as before. */
  private async resume(session: RecordingState): Promise<void> {
    // Faces are not to be numbered anew for the moment in between.
    this.sender.isHeld = true;
    try {
      await this.choose(this.granted);
      await this.askToResume(session.session_id);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // Gone again: the next connection tries anew.
      if (error.code === LOST || this.session?.session_id !== session.session_id) return;
      const { code, message } = error;
      this.tell({ ...session, state: "failed", error: { code, message, details: [] } });
    } finally {
      this.sender.isHeld = false;
    }
  }

  private async askToResume(session_id: number): Promise<void> {
    for (let attempt = 1; this.session; attempt += 1) {
      try {
        await this.question("resume", { session_id });
        return;
      } catch (error) {
        const isRunning = error instanceof Refused && error.code === STILL_RUNNING;
        if (!isRunning || attempt === RESUME_ATTEMPTS) throw error;
      }
      this.sender.isHeld = false;
      await new Promise((resolve) => setTimeout(resolve, RESUME_PAUSE_MS));
    }
  }
}

// The live socket: connects, reconnects with growing pauses, and says how it stands.

import { PROTOCOL, PROTOCOL_MISMATCH_CODE } from "./protocol";
import type { ClientMessage, ServerMessage } from "./protocol";

export type SocketState =
  | { kind: "connecting" }
  | { kind: "open" }
  | { kind: "lost"; retryInS: number }
  | { kind: "outdated" };

export interface LiveEvents {
  state(state: SocketState): void;
  message(message: ServerMessage): void;
}

const FIRST_PAUSE_S = 1;
const LONGEST_PAUSE_S = 10;

export class LiveSocket {
  private socket: WebSocket | null = null;
  private pauseS = FIRST_PAUSE_S;
  private timer = 0;

  constructor(
    private readonly url: string,
    private readonly events: LiveEvents,
  ) {}

  get isOpen(): boolean {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  connect(): void {
    window.clearInterval(this.timer);
    this.socket?.close();
    const socket = new WebSocket(`${this.url}?protocol=${PROTOCOL}`);
    this.socket = socket;
    this.events.state({ kind: "connecting" });
    socket.addEventListener("open", () => {
      this.pauseS = FIRST_PAUSE_S;
      this.events.state({ kind: "open" });
    });
    socket.addEventListener("message", (event: MessageEvent<unknown>) => {
      if (socket === this.socket && typeof event.data === "string") {
        this.take(JSON.parse(event.data) as ServerMessage);
      }
    });
    socket.addEventListener("close", (event: CloseEvent) => {
      if (socket !== this.socket) return;
      if (event.code === PROTOCOL_MISMATCH_CODE) this.giveUp();
      else this.waitAndRetry();
    });
  }

  ask(message: ClientMessage): void {
    this.socket?.send(JSON.stringify(message));
  }

  /** Send a frame; returns false where there is no connection. */
  send(jpeg: Blob): boolean {
    if (!this.isOpen) return false;
    this.socket?.send(jpeg);
    return true;
  }

  private take(message: ServerMessage): void {
    // The server may be older than the rule that it refuses other versions itself.
    const spoken: number = message.type === "ready" ? message.protocol : PROTOCOL;
    if (spoken === PROTOCOL) this.events.message(message);
    else this.giveUp();
  }

  /** The server is of another version than this page: connecting again would not help. */
  private giveUp(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.events.state({ kind: "outdated" });
  }

  private waitAndRetry(): void {
    let leftS = this.pauseS;
    this.pauseS = Math.min(LONGEST_PAUSE_S, this.pauseS * 2);
    this.events.state({ kind: "lost", retryInS: leftS });
    this.timer = window.setInterval(() => {
      leftS -= 1;
      if (leftS <= 0) this.connect();
      else this.events.state({ kind: "lost", retryInS: leftS });
    }, 1000);
  }
}

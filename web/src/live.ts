// The live socket: connects, reconnects with growing pauses, and says how it stands.

import type { Configure, ServerMessage } from "./protocol";

export type SocketState =
  | { kind: "connecting" }
  | { kind: "open" }
  | { kind: "lost"; retryInS: number };

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
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.events.state({ kind: "connecting" });
    socket.addEventListener("open", () => {
      this.pauseS = FIRST_PAUSE_S;
      this.events.state({ kind: "open" });
    });
    socket.addEventListener("message", (event: MessageEvent<unknown>) => {
      if (socket === this.socket && typeof event.data === "string") {
        this.events.message(JSON.parse(event.data) as ServerMessage);
      }
    });
    socket.addEventListener("close", () => {
      if (socket === this.socket) this.waitAndRetry();
    });
  }

  configure(choice: Omit<Configure, "type">): void {
    const message: Configure = { type: "configure", ...choice };
    if (this.isOpen) this.socket?.send(JSON.stringify(message));
  }

  /** Send a frame; returns false where there is no connection. */
  send(jpeg: Blob): boolean {
    if (!this.isOpen) return false;
    this.socket?.send(jpeg);
    return true;
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

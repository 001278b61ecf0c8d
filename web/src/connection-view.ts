// How it stands with the server: a word beside the meters, and a banner where it is gone.

import words from "../words/en/live.json";
import type { Announcer } from "./announce";
import { byId } from "./dom";
import type { Connection, Engine } from "./engine";
import { fill } from "./words";

export class ConnectionView {
  private readonly state = byId("server-state", HTMLElement);
  private readonly banner = byId("banner", HTMLElement);
  private readonly said = byId("banner-words", HTMLElement);
  private readonly again = byId("reconnect", HTMLButtonElement);

  constructor(
    private readonly engine: Engine,
    private readonly announcer: Announcer,
  ) {
    engine.on("connection", (connection) => this.show(connection));
    this.again.addEventListener("click", () => {
      if (this.state.dataset["state"] === "outdated") location.reload();
      else engine.connect();
    });
  }

  private show(connection: Connection): void {
    this.state.dataset["state"] = connection.kind;
    switch (connection.kind) {
      case "connecting":
        this.state.textContent = words.connecting;
        return;
      case "open":
        this.state.textContent = words.connected;
        // A session that goes on is announced once it really does.
        if (!this.banner.hidden && !this.engine.session) this.announcer.say(words.server_back);
        this.banner.hidden = true;
        return;
      case "outdated":
        this.state.textContent = words.outdated;
        this.again.textContent = words.load_again;
        this.tell(words.outdated_words, words.outdated_words);
        return;
      case "lost":
        this.state.textContent = words.gone;
        this.tell(this.lostWords(connection.retryInS), words.server_gone);
    }
  }

  private lostWords(seconds: number): string {
    const { session } = this.engine;
    if (session) return fill(words.recording_lost, { title: session.title, seconds });
    return `${words.server_gone} ${fill(words.retry_in, { seconds })}`;
  }

  /** Show it; what is announced once is not said again with every second. */
  private tell(shown: string, announced: string): void {
    if (this.banner.hidden) this.announcer.say(this.engine.session ? shown : announced);
    this.said.textContent = shown;
    this.banner.hidden = false;
  }
}

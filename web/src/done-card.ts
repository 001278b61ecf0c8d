// How a recording went, and the way to what was kept.

import live from "../words/en/live.json";
import { byId, capital } from "./dom";
import type { RecordingState } from "./engine";
import { clock } from "./format";
import { fill } from "./words";

export class DoneCard {
  private readonly card = byId("done", HTMLElement);
  private readonly said = byId("done-words", HTMLElement);
  private readonly link = byId("done-open", HTMLAnchorElement);

  constructor(onDismiss: () => void) {
    byId("done-dismiss", HTMLButtonElement).addEventListener("click", () => {
      this.hide();
      onDismiss();
    });
  }

  /** What it says. */
  get words(): string {
    return this.said.textContent ?? "";
  }

  show(state: RecordingState, markers: number): void {
    const { title, error } = state;
    const isFailed = state.state === "failed";
    this.said.textContent = isFailed
      ? fill(live.failed, { why: capital(error?.message ?? ""), title })
      : fill(live.ended, { title, time: clock(state.session_s), markers: counted(markers) });
    this.card.toggleAttribute("data-failed", isFailed);
    this.link.href = `/sessions/${state.session_id}`;
    this.card.hidden = false;
  }

  hide(): void {
    this.card.hidden = true;
  }
}

function counted(markers: number): string {
  return markers === 1 ? live.marker_one : fill(live.marker_many, { count: markers });
}

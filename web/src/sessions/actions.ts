// What can be done with the sessions that are picked.

import { deleteSession, EXPORT_FORMATS, exportAddress, type ExportFormat } from "../api-sessions";
import { confirmed } from "../confirm";
import { byId, make } from "../dom";
import type { Session } from "../protocol";
import { FORMAT_NAMES } from "../session/formats";
import { toast } from "../toast";
import { fill } from "../words";
import words from "../../words/en/sessions.json";
import type { Picked } from "./picked";

// So many titles are named before a session is deleted; of more, the number says enough.
const TITLES_NAMED = 3;
// A browser leaves out files that a page has it save at the very same moment.
const BETWEEN_FILES_MS = 400;

export class Actions {
  private readonly count = byId("picked-count", HTMLElement);
  private readonly compare = byId("compare", HTMLButtonElement);
  private readonly deletion = byId("delete", HTMLButtonElement);
  private readonly unpick = byId("unpick", HTMLButtonElement);
  private readonly menu = byId("export-menu", HTMLDetailsElement);

  constructor(
    private readonly picked: Picked,
    private readonly reload: () => void,
  ) {
    this.compare.addEventListener("click", () => {
      const ids = picked.all.map(({ id }) => id);
      location.assign(`/compare?ids=${ids.join()}`);
    });
    this.deletion.addEventListener("click", () => void this.delete());
    this.unpick.addEventListener("click", () => picked.clear());
    const summary = byId("export", HTMLElement);
    summary.addEventListener("click", (event) => {
      if (!picked.size) event.preventDefault();
    });
    byId("export-list", HTMLElement).append(
      ...EXPORT_FORMATS.map((format) => {
        const button = make("button", "", FORMAT_NAMES[format]);
        button.type = "button";
        button.addEventListener("click", () => this.save(format));
        return button;
      }),
    );
    this.show();
  }

  show(): void {
    const { size } = this.picked;
    const one = size === 1 ? words.picked_one : fill(words.picked_many, { number: size });
    this.count.textContent = size ? one : words.picked_none;
    this.compare.disabled = size < 2;
    this.deletion.disabled = this.unpick.disabled = size === 0;
    this.menu.querySelector("summary")?.setAttribute("aria-disabled", String(size === 0));
    if (!size) this.menu.open = false;
  }

  /** Delete what is picked, after a yes. */
  async delete(): Promise<void> {
    const sessions = this.picked.all;
    const recording = sessions.find((session) => session.state === "recording");
    if (!sessions.length) return;
    if (recording) {
      toast(fill(words.delete_recording, { title: recording.title }));
      return;
    }
    const number = sessions.length;
    const yes = await confirmed({
      title: number === 1 ? words.delete_title_one : fill(words.delete_title_many, { number }),
      words: fill(words.delete_words, { titles: titles(sessions) }),
      action: number === 1 ? words.delete_yes_one : fill(words.delete_yes_many, { number }),
      danger: true,
    });
    if (!yes) return;
    this.deletion.disabled = true;
    let deleted = 0;
    for (const session of sessions) {
      try {
        await deleteSession(session.id);
        deleted += 1;
        this.picked.drop(session.id);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        toast(fill(words.delete_failed, { title: session.title, reason }));
      }
    }
    if (deleted) {
      toast(deleted === 1 ? words.deleted_one : fill(words.deleted_many, { number: deleted }));
    }
    this.show();
    this.reload();
  }

  private save(format: ExportFormat): void {
    this.picked.all.forEach(({ id }, at) => {
      const link = make("a");
      link.href = exportAddress(id, format);
      link.download = "";
      setTimeout(() => link.click(), at * BETWEEN_FILES_MS);
    });
  }
}

function titles(sessions: readonly Session[]): string {
  const named = sessions.slice(0, TITLES_NAMED).map(({ title }) => `“${title}”`);
  if (sessions.length > TITLES_NAMED) named.push("…");
  return named.join(", ");
}

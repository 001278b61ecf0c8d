// Which sessions are ticked. They stay so from page to page of the list.

import type { Session } from "../protocol";

export class Picked {
  private readonly sessions = new Map<number, Session>();
  private last: number | null = null;

  constructor(private readonly changed: () => void) {}

  get size(): number {
    return this.sessions.size;
  }

  get all(): Session[] {
    return [...this.sessions.values()];
  }

  has(session: Session): boolean {
    return this.sessions.has(session.id);
  }

  /** Tick or untick one; with `through`, all from the last one to this one. */
  set(session: Session, isPicked: boolean, through: readonly Session[] = []): void {
    for (const one of this.between(session, through)) this.put(one, isPicked);
    this.last = session.id;
    this.changed();
  }

  setAll(sessions: readonly Session[], isPicked: boolean): void {
    for (const one of sessions) this.put(one, isPicked);
    this.changed();
  }

  drop(id: number): void {
    if (this.sessions.delete(id)) this.changed();
  }

  clear(): void {
    this.sessions.clear();
    this.changed();
  }

  private put(session: Session, isPicked: boolean): void {
    if (isPicked) this.sessions.set(session.id, session);
    else this.sessions.delete(session.id);
  }

  private between(session: Session, listed: readonly Session[]): readonly Session[] {
    const ends = [this.last, session.id].map((id) => listed.findIndex((one) => one.id === id));
    const [from = -1, to = -1] = ends.sort((a, b) => a - b);
    return from < 0 ? [session] : listed.slice(from, to + 1);
  }
}

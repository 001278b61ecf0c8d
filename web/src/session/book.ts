// The session that the page shows: what the server said of it last, and all that changes it.

import {
  addMarker,
  deleteMarker,
  editPerson,
  editSession,
  fetchSession,
  mergePeople,
  separatePerson,
} from "../api-sessions";
import { Events } from "../events";
import type {
  Label,
  Marker,
  MediaFile,
  PeopleReply,
  Person,
  Session,
  SessionEdit,
  SessionReply,
} from "../protocol";
import { fill } from "../words";
import words from "../../words/en/session.json";

/** What changed. `frames`: more was recorded; `people`: who counts for whom, or is hidden. */
export interface Changes {
  session: Session;
  frames: Session;
  people: readonly Person[];
  names: readonly Person[];
  markers: readonly Marker[];
}

export class SessionBook extends Events<Changes> {
  constructor(private reply: SessionReply) {
    super();
  }

  get session(): Session {
    return this.reply.session;
  }

  get labels(): readonly Label[] {
    return this.reply.labels;
  }

  get people(): readonly Person[] {
    return this.reply.people;
  }

  get markers(): readonly Marker[] {
    return this.reply.markers;
  }

  get media(): readonly MediaFile[] {
    return this.reply.media;
  }

  /** Those who are shown: one for each person, nobody who is hidden. */
  get shown(): readonly Person[] {
    return this.people.filter((person) => person.same_as === null && !person.hidden);
  }

  /** The track that a track counts for. */
  rootOf(track: number | null): number | null {
    return this.people.find((person) => person.track_id === track)?.same_as ?? track;
  }

  /** What a person is called; faces that nobody followed have no number. */
  nameOf(track: number | null): string {
    if (track === null) return words.without_number;
    const root = this.rootOf(track);
    const name = this.people.find((person) => person.track_id === root)?.name;
    return name ?? fill(words.person, { number: root ?? track });
  }

  /** Pictures that were kept of moments. */
  get pictures(): readonly MediaFile[] {
    return this.media.filter(({ kind, timestamp_s }) => kind !== "video" && timestamp_s !== null);
  }

  /** Those of a person, by the root track, and those that show no one in particular. */
  picturesOf(root: number | null): readonly MediaFile[] {
    const isTheirs = (track: number | null) => track === null || this.rootOf(track) === root;
    return this.pictures.filter(({ track_id }) => isTheirs(track_id));
  }

  /** How many faces a person has, those of merged tracks too. */
  facesOf(root: number): number {
    return this.people
      .filter(({ track_id, same_as }) => (same_as ?? track_id) === root)
      .reduce((sum, { observations }) => sum + observations, 0);
  }

  async refresh(): Promise<void> {
    const [before, now] = [this.reply, await fetchSession(this.session.id)];
    this.reply = now;
    this.emit("session", now.session);
    if (now.session.frames !== before.session.frames) this.emit("frames", now.session);
    if (differ(before.markers, now.markers)) this.emit("markers", now.markers);
    if (before.people.length !== now.people.length) this.emit("people", now.people);
    else if (differ(before.people, now.people)) this.emit("names", now.people);
  }

  async edit(edit: SessionEdit): Promise<void> {
    this.reply = await editSession(this.session.id, edit);
    this.emit("session", this.session);
  }

  async mark(timestamp_s: number, word: string): Promise<Marker> {
    const marker = await addMarker(this.session.id, { timestamp_s, word });
    this.setMarkers([...this.markers, marker]);
    return marker;
  }

  async unmark({ id }: Marker): Promise<void> {
    await deleteMarker(this.session.id, id);
    this.setMarkers(this.markers.filter((marker) => marker.id !== id));
  }

  async name(track: number, name: string | null): Promise<void> {
    this.reply.people = (await editPerson(this.session.id, track, { name })).people;
    this.emit("names", this.people);
  }

  async hide(track: number, hidden: boolean): Promise<void> {
    this.setPeople(await editPerson(this.session.id, track, { hidden }));
  }

  async merge(track: number, into: number): Promise<void> {
    this.setPeople(await mergePeople(this.session.id, track, into));
  }

  async separate(track: number): Promise<void> {
    this.setPeople(await separatePerson(this.session.id, track));
  }

  private setPeople({ people }: PeopleReply): void {
    this.reply.people = people;
    this.emit("people", people);
  }

  private setMarkers(markers: Marker[]): void {
    this.reply.markers = markers.sort((a, b) => a.timestamp_s - b.timestamp_s);
    this.emit("markers", this.markers);
  }
}

function differ(before: readonly unknown[], now: readonly unknown[]): boolean {
  return JSON.stringify(before) !== JSON.stringify(now);
}

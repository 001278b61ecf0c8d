// The page of one recorded session.

import { ServerError } from "../api";
import { deleteSession, EXPORT_FORMATS, exportAddress, fetchSession } from "../api-sessions";
import { confirmed } from "../confirm";
import { byId, make } from "../dom";
import { moment, wholeNumber } from "../format";
import type { Session } from "../protocol";
import { actionButton, actionLink, emptyState, notice } from "../states";
import { toast } from "../toast";
import { fill } from "../words";
import words from "../../words/en/session.json";
import { SessionBook } from "./book";
import { makeEditable } from "./editable";
import { Facts } from "./facts";
import { Figures } from "./figures";
import { FORMAT_NAMES } from "./formats";
import { addKeys, zoomBy } from "./keys";
import { MarkerList } from "./marker-list";
import { PeoplePanel } from "./people";
import { Player } from "./player";
import { Position } from "./position";
import { Timeline } from "./timeline";
import { length } from "./times";
import { WhoChoice } from "./who";
import { TimeWindow } from "./window";

const RECORDING_EVERY_MS = 1500;
const ADDRESS_PAUSE_MS = 400;
const TITLE_MOST = 200;
const NOTE_MOST = 20_000;

const id = Number(location.pathname.match(/^\/sessions\/(\d+)\/?$/)?.[1]);
const whole = byId("session", HTMLElement);
const problem = byId("problem", HTMLElement);

async function open(): Promise<void> {
  problem.replaceChildren();
  whole.hidden = false;
  try {
    await show(new SessionBook(await fetchSession(id)));
    whole.removeAttribute("aria-busy");
    byId("loading", HTMLElement).hidden = true;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    whole.hidden = byId("loading", HTMLElement).hidden = true;
    const isThere = error.status !== 404 && error.status !== 422;
    problem.replaceChildren(isThere ? failed(error) : notFound());
  }
}

function notFound(): HTMLElement {
  document.title = fill(words.title_of, { title: words.not_found_words });
  const title = fill(words.not_found_title, { id });
  return emptyState(title, words.not_found_words, actionLink(words.back, "/sessions", "primary"));
}

function failed(error: ServerError): HTMLElement {
  const retry = actionButton(words.retry, () => void open(), "small");
  return notice("bad", `${words.failed}: ${error.message}`, retry);
}

/** Show a session, and wait until its lines are there. */
async function show(book: SessionBook): Promise<void> {
  const { first_s, last_s } = book.session;
  const window = new TimeWindow(first_s ?? 0, Math.max(last_s ?? 0, (first_s ?? 0) + 0.5));
  // Before the timeline hears of new frames, so that it asks for all of them.
  book.on("frames", (session) => window.bound(session.first_s ?? 0, session.last_s ?? 0));
  const given = new URLSearchParams(location.search);
  const [from_s, to_s] = [Number(given.get("from")), Number(given.get("to"))];
  if (given.has("to") && to_s > from_s) window.show(from_s, to_s);
  const position = new Position(window);
  const choice = new WhoChoice(byId("who", HTMLElement), book, given.get("who"));
  const markers = new MarkerList(byId("markers", HTMLElement), book, window, position);
  const player = new Player(book.media, position);
  const timeline = new Timeline(book, window, position, choice);
  new Figures(book, position, choice, timeline.ready);
  new PeoplePanel(byId("people", HTMLElement), book);
  new Facts(byId("facts", HTMLElement), book);
  showHead(book);
  addKeys(byId("position", HTMLElement), window, position, markers, () => player.toggle());
  byId("mark", HTMLElement).addEventListener("click", () => void markers.ask());
  byId("zoom-in", HTMLElement).addEventListener("click", () => zoomBy(window, position, true));
  byId("zoom-out", HTMLElement).addEventListener("click", () => zoomBy(window, position, false));
  byId("zoom-all", HTMLElement).addEventListener("click", () => window.showAll());
  keepAddress(window, choice);
  if (book.session.state === "recording") watch(book);
  await timeline.ready;
}

function showHead(book: SessionBook): void {
  const title = byId("title", HTMLElement);
  const editTitle = byId("edit-title", HTMLButtonElement);
  makeEditable({
    shown: title,
    button: editTitle,
    name: words.title,
    isLong: false,
    most: TITLE_MOST,
    text: () => book.session.title,
    save: (text) => book.edit({ title: text }),
  });
  const note = byId("note", HTMLElement);
  const editNote = byId("edit-note", HTMLButtonElement);
  makeEditable({
    shown: note,
    button: editNote,
    name: words.note,
    isLong: true,
    most: NOTE_MOST,
    text: () => book.session.note,
    save: (text) => book.edit({ note: text }),
  });
  const showSession = (session: Session) => {
    document.title = fill(words.title_of, { title: session.title });
    title.textContent = session.title;
    note.textContent = session.note;
    editNote.textContent = session.note ? words.edit_note : words.add_note;
    showState(session);
  };
  editTitle.hidden = editNote.hidden = false;
  book.on("session", showSession);
  showSession(book.session);
  byId("exports", HTMLElement).append(
    ...EXPORT_FORMATS.map((format) => {
      const link = make("a", "", FORMAT_NAMES[format]);
      link.href = exportAddress(id, format);
      link.download = "";
      return link;
    }),
  );
  byId("delete", HTMLElement).addEventListener("click", () => void remove(book.session));
}

function showState(session: Session): void {
  const chip = byId("state", HTMLElement);
  chip.hidden = false;
  chip.dataset["state"] = session.state;
  chip.textContent = words[session.state];
  chip.title = session.state === "interrupted" ? words.interrupted_words : "";
  const parts = [
    moment(session.started_at),
    length(session.duration_s),
    `${wholeNumber(session.observations)} ${words.faces.toLowerCase()}`,
    ...(session.source ? [session.source] : []),
  ];
  byId("line", HTMLElement).textContent = parts.join(" · ");
  byId("delete", HTMLButtonElement).disabled = session.state === "recording";
}

async function remove(session: Session): Promise<void> {
  const yes = await confirmed({
    title: fill(words.delete_title, { title: session.title }),
    words: words.delete_words,
    action: words.delete_yes,
    danger: true,
  });
  if (!yes) return;
  try {
    await deleteSession(session.id);
    location.assign("/sessions");
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error));
  }
}

/** Have the address say what is in view, so that it can be kept and shared. */
function keepAddress(window: TimeWindow, choice: WhoChoice): void {
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const keep = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const said = new URLSearchParams();
      if (!window.isWhole) {
        said.set("from", window.from_s.toFixed(2));
        said.set("to", window.to_s.toFixed(2));
      }
      if (choice.who !== "everyone") said.set("who", String(choice.who));
      const query = said.toString();
      history.replaceState(null, "", query ? `?${query}` : location.pathname);
    }, ADDRESS_PAUSE_MS);
  };
  window.on("moved", keep);
  choice.on("chosen", keep);
}

/** Look again every now and then while it is recorded, and somebody looks. */
function watch(book: SessionBook): void {
  setTimeout(async () => {
    try {
      if (!document.hidden) await book.refresh();
    } catch (error) {
      // The server may be back at the next time.
      if (!(error instanceof ServerError)) throw error;
    }
    if (book.session.state === "recording") watch(book);
  }, RECORDING_EVERY_MS);
}

void open();

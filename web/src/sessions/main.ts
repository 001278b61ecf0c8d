// The list of recorded sessions: find, sort, page, and pick some to compare, export or delete.

import { fetchSessions, ORDERS, type Order } from "../api-sessions";
import { byId, make } from "../dom";
import type { Session, SessionsReply } from "../protocol";
import { actionButton, actionLink, emptyState, notice, skeleton } from "../states";
import { fill } from "../words";
import words from "../../words/en/sessions.json";
import { Actions } from "./actions";
import { Picked } from "./picked";
import { addressOf, PER_PAGE, startsHigh, type View, viewOf } from "./query";
import { SessionsTable } from "./table";

const TYPING_PAUSE_MS = 250;
const RECORDING_EVERY_MS = 2000;

const search = byId("search", HTMLInputElement);
const sort = byId("sort", HTMLSelectElement);
const list = byId("list", HTMLElement);
const found = byId("found", HTMLElement);
const pager = byId("pager", HTMLElement);
const range = byId("range", HTMLElement);
const [previous, next] = [byId("previous", HTMLAnchorElement), byId("next", HTMLAnchorElement)];

const picked = new Picked(() => {
  table.showPicked();
  actions.show();
});
const table = new SessionsTable(picked, (order) => {
  const isSame = order === view.order;
  go({ ...view, order, descending: isSame ? !view.descending : startsHigh(order), page: 1 });
});
const actions = new Actions(picked, () => void load());

let view = viewOf(location.search);
let shown: readonly Session[] = [];
let asked: AbortController | null = null;
let typing: ReturnType<typeof setTimeout> | undefined;
let again: ReturnType<typeof setTimeout> | undefined;
// What is typed in one go is one step back.
let isTyping = false;

/** Show another view and put it into the address, as a step of its own or in place of this one. */
function go(wanted: View, step: "push" | "replace" = "push"): void {
  view = wanted;
  isTyping = false;
  history[`${step}State`](null, "", addressOf(view));
  showView();
  void load();
}

async function load(): Promise<void> {
  clearTimeout(again);
  asked?.abort();
  const asking = (asked = new AbortController());
  const { search, order, descending, page } = view;
  const query = { search, order, descending, limit: PER_PAGE, offset: (page - 1) * PER_PAGE };
  list.setAttribute("aria-busy", "true");
  try {
    show(await fetchSessions(query, asking.signal));
  } catch (error) {
    if (asking.signal.aborted) return;
    const reason = error instanceof Error ? error.message : String(error);
    shown = [];
    const retry = actionButton(words.retry, () => void load(), "small");
    list.replaceChildren(notice("bad", `${words.failed}: ${reason}`, retry));
    pager.hidden = true;
  }
  if (asked === asking) list.removeAttribute("aria-busy");
}

function show(reply: SessionsReply): void {
  if (!reply.sessions.length && reply.total && view.page > 1) {
    go({ ...view, page: Math.ceil(reply.total / PER_PAGE) }, "replace");
    return;
  }
  shown = reply.sessions;
  found.textContent =
    reply.total === 1 ? words.found_one : fill(words.found_many, { total: reply.total });
  if (shown.length) {
    // The same element stays, so that focus and scrolling do.
    if (table.element.parentElement !== list) list.replaceChildren(table.element);
    table.show(shown, view);
  } else {
    list.replaceChildren(view.search ? nothingFound() : nothingYet());
  }
  // Its room stays, so that nothing moves.
  byId("picked-bar", HTMLElement).classList.toggle("away", !shown.length && !picked.size);
  showPager(reply);
  if (shown.some((session) => session.state === "recording")) {
    again = setTimeout(() => void load(), RECORDING_EVERY_MS);
  }
}

function nothingYet(): HTMLElement {
  return emptyState(
    words.empty_title,
    words.empty_words,
    actionLink(words.record, "/", "primary"),
    actionLink(words.upload, "/upload"),
  );
}

function nothingFound(): HTMLElement {
  return emptyState(
    words.nothing_title,
    fill(words.nothing_words, { search: view.search }),
    actionButton(words.clear, () => go({ ...view, search: "", page: 1 })),
  );
}

function showPager({ total, offset, sessions }: SessionsReply): void {
  pager.hidden = total <= PER_PAGE;
  range.textContent = fill(words.range, {
    first: offset + 1,
    last: offset + sessions.length,
    total,
  });
  point(previous, view.page > 1 ? view.page - 1 : null);
  point(next, offset + sessions.length < total ? view.page + 1 : null);
}

/** A link without a page is one that cannot be followed. */
function point(link: HTMLAnchorElement, page: number | null): void {
  link.toggleAttribute("aria-disabled", page === null);
  if (page === null) link.removeAttribute("href");
  else link.href = addressOf({ ...view, page });
}

function showView(): void {
  if (search.value.trim() !== view.search) search.value = view.search;
  sort.value = `${view.order}_${view.descending ? "descending" : "ascending"}`;
}

function type(): void {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const written = search.value.trim();
    if (written === view.search) return;
    const step = isTyping ? "replace" : "push";
    go({ ...view, search: written, page: 1 }, step);
    isTyping = true;
  }, TYPING_PAUSE_MS);
}

function addSorts(): void {
  for (const order of ORDERS) {
    for (const descending of [startsHigh(order), !startsHigh(order)]) {
      const name = `${order}_${descending ? "descending" : "ascending"}` as const;
      sort.append(make("option", "", words[name]));
      const option = sort.options[sort.options.length - 1];
      if (option) option.value = name;
    }
  }
}

addSorts();
showView();
list.replaceChildren(skeleton(5, 3.5));
pager.hidden = true;
search.addEventListener("input", type);
search.addEventListener("change", () => (isTyping = false));
byId("search-form", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
sort.addEventListener("change", () => {
  const [order, rank] = sort.value.split("_");
  go({ ...view, order: order as Order, descending: rank === "descending", page: 1 });
});
for (const [link, by] of [
  [previous, -1],
  [next, 1],
] as const) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || !link.href) return;
    event.preventDefault();
    go({ ...view, page: view.page + by });
  });
}
addEventListener("popstate", () => {
  clearTimeout(typing);
  view = viewOf(location.search);
  isTyping = false;
  showView();
  void load();
});
addEventListener("keydown", (event) => {
  const { target } = event;
  const inField = target instanceof Element && target.matches("input[type=search], select");
  if (inField || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    search.select();
  } else if (event.key === "Delete" && !document.querySelector("dialog[open]")) {
    void actions.delete();
  }
});
void load();

// The settings page: this browser's preferences, and what the server is set to.

import words from "../../words/en/settings.json";
import { fetchModels } from "../api";
import { fetchSettings } from "../api-server";
import { confirmed } from "../confirm";
import { byId, make } from "../dom";
import { detectorName, labelSetTitle } from "../names";
import {
  forgetPreferences,
  onPreferences,
  prefer,
  preferences,
  type Preferences,
  type Theme,
} from "../preferences";
import type { ModelsReply, SettingsReply } from "../protocol";
import { notice, skeleton } from "../states";
import { toast } from "../toast";
import { fill } from "../words";
import { priorWords, serverTable } from "./server-table";

const KEEP_DAYS = [1, 7, 30, 90, 365];
const input = (id: string): HTMLInputElement => byId(id, HTMLInputElement);
const select = (id: string): HTMLSelectElement => byId(id, HTMLSelectElement);
const part = (id: string): HTMLElement => byId(id, HTMLElement);

// What the sliders stand at where nothing is chosen.
let server: SettingsReply | null = null;

/** Show what is chosen, or what holds where nothing is. */
function show(now: Preferences): void {
  for (const radio of document.querySelectorAll<HTMLInputElement>('[name="theme"]')) {
    radio.checked = radio.value === now.theme;
  }
  input("mirror").checked = now.mirror;
  for (const [id, value] of [
    ["bundle", now.bundle],
    ["label-set", now.label_set],
    ["detector", now.detector],
    ["prior", now.prior],
  ] as const) {
    keepOption(select(id), value ?? "");
  }
  showSlider("smoothing", now.smoothing_s ?? server?.smoothing_s ?? 0);
  showSlider("uncertain", Math.round((now.uncertain_below ?? server?.uncertain_below ?? 0) * 100));
  offerKeep(now.keep_days);
  const consent = byId("consent", HTMLTextAreaElement);
  if (document.activeElement !== consent) consent.value = now.consent_text ?? "";
}

/** Choose a value; one that the server does not offer (any more) stays to be seen. */
function keepOption(list: HTMLSelectElement, value: string): void {
  if (![...list.options].some((one) => one.value === value)) {
    list.append(option(value, fill(words.detector_away, { name: value })));
  }
  list.value = value;
}

function showSlider(id: "smoothing" | "uncertain", value: number): void {
  input(id).value = String(value);
  const shown = fill(id === "smoothing" ? words.seconds : words.percent, { n: value });
  part(`${id}-value`).textContent = shown;
  input(id).setAttribute("aria-valuetext", shown);
}

function offerKeep(chosen: number | null): void {
  const days = new Set([...KEEP_DAYS, ...(chosen === null ? [] : [chosen])]);
  const named = (n: number): string => {
    if (n === 1) return words.keep_day;
    return n === 365 ? words.keep_year : fill(words.keep_days, { days: n });
  };
  select("keep").replaceChildren(
    ...[...days].sort((a, b) => a - b).map((n) => option(String(n), named(n))),
    option("", words.keep_always),
  );
  select("keep").value = chosen === null ? "" : String(chosen);
}

/** Offer what the server has; the first choice is to leave it to the server. */
function offer(models: ModelsReply): void {
  const lists: [string, HTMLOptionElement[], string][] = [
    ["bundle", models.bundles.map(({ name }) => option(name, name)), models.default.bundle],
    [
      "label-set",
      models.label_sets.map(({ name }) => option(name, labelSetTitle(name))),
      labelSetTitle(models.default.label_set),
    ],
    ["detector", models.detectors.map(detectorOption), detectorName(models.default.detector)],
  ];
  for (const [id, options, name] of lists) {
    select(id).replaceChildren(option("", fill(words.as_server, { name })), ...options);
  }
}

function detectorOption({ name, available }: ModelsReply["detectors"][number]): HTMLOptionElement {
  const shown = detectorName(name);
  const made = option(name, available ? shown : fill(words.detector_away, { name: shown }));
  made.disabled = !available;
  return made;
}

function option(value: string, shown: string): HTMLOptionElement {
  const made = make("option", "", shown);
  made.value = value;
  return made;
}

function save(change: Partial<Preferences>): void {
  toast(prefer(change) ? words.saved : words.not_saved);
}

/** Keep what a control says when it has changed. */
function follow(): void {
  const on = (id: string, changed: (value: string) => void): void =>
    part(id).addEventListener("change", () => {
      const control = part(id) as HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;
      changed(control.value);
    });
  for (const radio of document.querySelectorAll<HTMLInputElement>('[name="theme"]')) {
    radio.addEventListener("change", () => save({ theme: radio.value as Theme }));
  }
  input("mirror").addEventListener("change", () => save({ mirror: input("mirror").checked }));
  on("bundle", (value) => save({ bundle: value || null }));
  on("label-set", (value) => save({ label_set: value || null }));
  on("detector", (value) => save({ detector: value || null }));
  on("prior", (value) => save({ prior: value || null }));
  on("smoothing", (value) => save({ smoothing_s: Number(value) }));
  on("uncertain", (value) => save({ uncertain_below: Number(value) / 100 }));
  on("keep", (value) => save({ keep_days: value ? Number(value) : null }));
  on("consent", (value) => save({ consent_text: value.trim() || null }));
  for (const id of ["smoothing", "uncertain"] as const) {
    input(id).addEventListener("input", () => showSlider(id, Number(input(id).value)));
  }
  byId("preferences", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
  byId("reset", HTMLButtonElement).addEventListener("click", () => void reset());
}

async function reset(): Promise<void> {
  const { reset_title: title, reset_words: said, reset_action: action } = words;
  if (!(await confirmed({ title, words: said, action, danger: true }))) return;
  toast(forgetPreferences() ? words.reset_done : words.not_saved);
}

async function load(): Promise<void> {
  part("server").replaceChildren(skeleton(8, 2));
  try {
    const [settings, models] = await Promise.all([fetchSettings(), fetchModels()]);
    server = settings;
    offer(models);
    const byServer = select("prior").options[0];
    if (byServer) byServer.text = fill(words.as_server, { name: priorWords(settings.prior) });
    part("server").replaceChildren(serverTable(settings));
    show(preferences());
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    part("server").replaceChildren(notice("bad", `${words.server_failed}: ${said}`));
  }
}

show(preferences());
follow();
onPreferences(show);
void load();

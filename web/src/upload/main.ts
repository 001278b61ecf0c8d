// The upload page: joins what is chosen, how it is read, sending, and what was sent before.

import words from "../../words/en/upload.json";
import { fetchModels } from "../api";
import type { NewJob } from "../api-jobs";
import { fetchSettings } from "../api-server";
import { byId, make } from "../dom";
import { takePhotos } from "../intake";
import type { SettingsReply } from "../protocol";
import { actionLink, emptyState, notice } from "../states";
import { toast } from "../toast";
import { common, fill } from "../words";
import { ChosenFiles } from "./chosen";
import { JobList } from "./job-list";
import { limitWords } from "./limits";
import { chosenOptions, concernVideos, offerModels, offerOptions } from "./options";
import { jobsOf, photosTitle, Sending } from "./sending";

const button = (id: string): HTMLButtonElement => byId(id, HTMLButtonElement);
const input = (id: string): HTMLInputElement => byId(id, HTMLInputElement);
const text = (id: string): HTMLElement => byId(id, HTMLElement);

const colours = new Map<string, string>();
const jobs = new JobList(
  () => colours,
  (said) => (text("announcer").textContent = said),
);
const sending = new Sending((job, sent) => {
  jobs.add(job, sent.kind === "photos" ? sent.files : []);
  toast(fill(words.queued, { title: job.title }));
});

/** Begin once the limits are known, so that nothing is chosen that would be refused later. */
async function begin(): Promise<void> {
  offerOptions();
  concernVideos(false);
  const server = await limits();
  if (server?.recording === false) {
    const live = actionLink(common.live, "/");
    text("upload").replaceWith(emptyState(words.recording_off_title, words.recording_off, live));
    text("uploads").hidden = true;
    return;
  }
  void jobs.refresh();
  void loadModels();
  const chosen = new ChosenFiles(server, () => follow(chosen));
  input("files").accept = "image/*,video/*";
  takePhotos(input("files"), [button("choose")], text("drop"), (files) => {
    text("sending-problem").replaceChildren();
    chosen.add(files);
  });
  text("drop-zone").addEventListener("click", (event) => {
    if (event.target !== button("choose")) input("files").click();
  });
  byId("upload", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void submit(chosen);
  });
}

/** Say the limits; null where the server cannot be asked. */
async function limits(): Promise<SettingsReply | null> {
  const list = text("limits");
  try {
    const server = await fetchSettings();
    if (server.recording) {
      list.replaceChildren(...limitWords(server).map((line) => make("li", "", line)));
    }
    return server;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    list.replaceChildren(make("li", "", words.limits_unknown));
    return null;
  }
}

async function loadModels(): Promise<void> {
  try {
    const models = await fetchModels();
    for (const set of models.label_sets) {
      for (const { name, colour } of set.labels) colours.set(name, colour);
    }
    offerModels(models);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    text("sending-problem").replaceChildren(notice("bad", said));
  }
}

/** Keep the form in step with what is chosen. */
function follow(chosen: ChosenFiles): void {
  const { photos, videos } = chosen;
  concernVideos(videos.length > 0);
  const [video] = videos;
  input("title").placeholder = photos.length ? photosTitle(photos) : (video?.name ?? "");
}

async function submit(chosen: ChosenFiles): Promise<void> {
  const consent = input("consent");
  text("consent-error").textContent = consent.checked ? "" : words.consent_missing;
  consent.setAttribute("aria-invalid", String(!consent.checked));
  const problem = chosen.isEmpty ? words.nothing_chosen : chosen.isSound ? "" : words.something_wrong;
  text("sending-problem").replaceChildren(...(problem ? [notice("bad", problem)] : []));
  if (problem) button("choose").focus();
  else if (!consent.checked) consent.focus();
  if (problem || !consent.checked) return;
  const title = input("title").value.trim();
  button("submit").disabled = true;
  const left = await sending.send(jobsOf(chosen.photos, chosen.videos, title, chosenOptions()));
  button("submit").disabled = false;
  chosen.keep(left.flatMap((job: NewJob) => job.files));
  if (left.length) {
    button("submit").focus();
    return;
  }
  // The next files may show others, who have to be asked anew.
  consent.checked = false;
  input("title").value = "";
  text("jobs-title").scrollIntoView({ block: "start" });
  text("jobs-title").focus({ preventScroll: true });
}

input("consent").addEventListener("change", () => {
  text("consent-error").textContent = "";
  input("consent").removeAttribute("aria-invalid");
});
void begin();

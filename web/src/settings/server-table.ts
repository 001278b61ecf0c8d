// What the server is set to, and by which variable.

import words from "../../words/en/settings.json";
import { make } from "../dom";
import { fileSize, wholeNumber } from "../format";
import { detectorName } from "../names";
import type { SettingsReply } from "../protocol";
import { fill } from "../words";

type Row = [name: string, value: string, variable: string];

/** A table of the server's settings, with the environment variable of each. */
export function serverTable(server: SettingsReply): HTMLElement {
  const head = make("tr");
  for (const name of [words.column_setting, words.column_value, words.column_variable]) {
    const cell = make("th", "", name);
    cell.scope = "col";
    head.append(cell);
  }
  const body = make("tbody");
  for (const [name, value, variable] of rows(server)) {
    const heading = make("th", "", name);
    heading.scope = "row";
    const set = make("td", "", ...(variable ? [make("code", "", variable)] : []));
    body.append(make("tr", "", heading, make("td", "", value), set));
  }
  const table = make("table", "table server-table", make("thead", "", head), body);
  return make("div", "table-frame", table);
}

function rows(server: SettingsReply): Row[] {
  const { limits } = server;
  const yesOrNo = (is: boolean): string => (is ? words.yes : words.no);
  const percent = fill(words.percent, { n: Math.round(server.uncertain_below * 100) });
  const pixels = fill(words.pixels_value, { n: wholeNumber(limits.max_pixels / 1e6) });
  return [
    [words.version, server.version, ""],
    [words.reach, server.local ? words.reach_local : words.reach_others, "MIEN_HOST"],
    [words.token, yesOrNo(server.token), "MIEN_TOKEN_FILE"],
    [words.https, yesOrNo(server.https), "MIEN_TLS_CERT"],
    [words.recording, yesOrNo(server.recording), "MIEN_RECORDING"],
    [words.store, server.store ?? words.store_none, "MIEN_DATABASE_URL"],
    [words.bundle, server.bundle, "MIEN_BUNDLE"],
    [words.detector, detectorName(server.detector), "MIEN_DETECTOR"],
    [words.prior, priorWords(server.prior), "MIEN_PRIOR"],
    [words.uncertain, percent, "MIEN_UNCERTAIN_BELOW"],
    [words.smoothing, fill(words.seconds, { n: server.smoothing_s }), "MIEN_SMOOTHING_S"],
    [words.workers, wholeNumber(server.workers), "MIEN_WORKERS"],
    [words.threads, wholeNumber(server.threads), "MIEN_THREADS"],
    [words.images, wholeNumber(limits.max_images), "MIEN_MAX_IMAGES"],
    [words.upload, fileSize(limits.max_upload_bytes), "MIEN_MAX_UPLOAD_BYTES"],
    [words.video, fileSize(limits.max_video_bytes), "MIEN_MAX_VIDEO_BYTES"],
    [words.pixels, pixels, "MIEN_MAX_PIXELS"],
    [words.connections, wholeNumber(limits.max_connections), "MIEN_MAX_CONNECTIONS"],
    [words.deepface, yesOrNo(server.deepface_api), "MIEN_DEEPFACE_API"],
  ];
}

/** What a prior is called; one that lists shares is shown as it is. */
export function priorWords(prior: string): string {
  const known: Record<string, string> = {
    default: words.prior_default,
    natural: words.prior_natural,
    balanced: words.prior_balanced,
  };
  return known[prior] ?? prior;
}

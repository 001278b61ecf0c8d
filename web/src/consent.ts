// What those in view agree to, in full and true to what is about to be kept.

import words from "../words/en/live.json";
import { preferences } from "./preferences";
import { fill } from "./words";

export interface Keeping {
  /** How many days it is kept; null until somebody deletes it. */
  days: number | null;
  /** Whether small pictures of faces are kept. */
  pictures: boolean;
}

/** Return the text: the user's own words or the page's, then what is kept, and for how long. */
export function consentText({ days, pictures }: Keeping, host = location): string {
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(host.hostname);
  const where = here ? words.consent_here : fill(words.consent_at, { host: host.host });
  return [
    preferences().consent_text ?? fill(words.consent_text, { where }),
    pictures ? words.consent_pictures : words.consent_no_pictures,
    keptFor(days),
  ].join(" ");
}

function keptFor(days: number | null): string {
  if (days === null) return words.consent_keep_always;
  return days === 1 ? words.consent_keep_one : fill(words.consent_keep, { days });
}

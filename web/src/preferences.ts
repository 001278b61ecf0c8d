// What this browser's user chose, kept in this browser alone; null means what the server is set
// to. public/theme.js reads the theme from the same place before anything is painted.

export type Theme = "auto" | "light" | "dark";

export interface Preferences {
  theme: Theme;
  bundle: string | null;
  detector: string | null;
  label_set: string | null;
  smoothing_s: number | null;
  prior: string | null;
  uncertain_below: number | null;
  /** Whether the live picture is shown as in a mirror. */
  mirror: boolean;
  /** How long what is recorded or uploaded is kept; null keeps it until it is deleted. */
  keep_days: number | null;
  /** What those in view agree to; null is the page's own words. */
  consent_text: string | null;
}

export const DEFAULTS: Readonly<Preferences> = {
  theme: "auto",
  bundle: null,
  detector: null,
  label_set: null,
  smoothing_s: null,
  prior: null,
  uncertain_below: null,
  mirror: true,
  keep_days: 30,
  consent_text: null,
};

const KEY = "mien.preferences";
const CHANGED = "mien-preferences";

const isWord = (value: unknown): boolean =>
  value === null || (typeof value === "string" && value.length > 0);
const isIn = (least: number, most: number) => (value: unknown): boolean =>
  value === null || (typeof value === "number" && value >= least && value <= most);

// What a value must be; another one, of an older page or edited by hand, counts as not chosen.
const CHECKS: { [Name in keyof Preferences]: (value: unknown) => boolean } = {
  theme: (value) => value === "auto" || value === "light" || value === "dark",
  bundle: isWord,
  detector: isWord,
  label_set: isWord,
  smoothing_s: isIn(0, 10),
  prior: isWord,
  uncertain_below: isIn(0, 1),
  mirror: (value) => typeof value === "boolean",
  keep_days: isIn(1, 36_500),
  consent_text: isWord,
};

/** Return what is chosen, with the defaults for the rest. */
export function preferences(): Preferences {
  const kept = stored();
  const fitting = Object.entries(CHECKS).filter(([name, fits]) => name in kept && fits(kept[name]));
  return { ...DEFAULTS, ...Object.fromEntries(fitting.map(([name]) => [name, kept[name]])) };
}

/** Keep some choices; the others stay. Returns whether this browser could keep them. */
export function prefer(changes: Partial<Preferences>): boolean {
  return keep({ ...preferences(), ...changes });
}

/** Forget all choices. */
export function forgetPreferences(): boolean {
  return keep(null);
}

/** Hear of every change, also of one in another tab. */
export function onPreferences(heard: (now: Preferences) => void): void {
  window.addEventListener(CHANGED, () => heard(preferences()));
  window.addEventListener("storage", (event) => {
    if (event.key === KEY || event.key === null) heard(preferences());
  });
}

function keep(all: Preferences | null): boolean {
  try {
    if (all) localStorage.setItem(KEY, JSON.stringify(all));
    else localStorage.removeItem(KEY);
  } catch (error) {
    // A browser that is told to keep nothing refuses; the caller says so.
    if (error instanceof DOMException) return false;
    throw error;
  }
  window.dispatchEvent(new Event(CHANGED));
  return true;
}

function stored(): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch (error) {
    // Refused storage, or no JSON: nothing is chosen.
    if (error instanceof DOMException || error instanceof SyntaxError) return {};
    throw error;
  }
}

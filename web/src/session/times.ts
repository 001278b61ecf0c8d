// Places in a session to a tenth of a second and finer, and when a session goes.

import { day, duration } from "../format";
import { fill } from "../words";
import words from "../../words/en/session.json";

const DAY_MS = 24 * 60 * 60 * 1000;

/** 3723.46 to "1:02:03.5"; without decimals "1:02:03"; before the beginning "−0:02.0". */
export function at(moment_s: number, decimals = 1): string {
  const unit = 10 ** decimals;
  const whole = Math.round(Math.abs(moment_s) * unit);
  const minutes = Math.floor(whole / unit / 60);
  const seconds = whole / unit - minutes * 60;
  const padded = seconds.toFixed(decimals).padStart(decimals ? decimals + 3 : 2, "0");
  const hours = Math.floor(minutes / 60);
  const ahead = hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}` : String(minutes);
  return `${moment_s < 0 && whole > 0 ? "−" : ""}${ahead}:${padded}`;
}

/** How many decimals tell moments apart that lie so far from each other. */
export function decimalsFor(step_s: number): number {
  if (step_s >= 1) return 0;
  return step_s >= 0.1 ? 1 : 2;
}

/** "1:30", "90" or "1:02:03.5" to seconds; null where it is none of these. */
export function parseClock(written: string): number | null {
  const parts = written.trim().replace(",", ".").split(":");
  if (parts.length > 3 || parts.some((part) => !/^\d+(\.\d+)?$/.test(part))) return null;
  return parts.reduce((total, part) => total * 60 + Number(part), 0);
}

/** Like `duration`, with a tenth where it is short. */
export function length(time_s: number): string {
  return time_s < 9.95 ? `${time_s.toFixed(1)}\u00a0s` : duration(time_s);
}

/** When a session goes by itself: "in 12 days (3 Dec 2026)". */
export function deletion(keepUntil: string | null): string {
  if (keepUntil === null) return words.kept_for_good;
  const days = Math.ceil((Date.parse(keepUntil) - Date.now()) / DAY_MS);
  if (days < 1) return fill(words.kept_due, { date: day(keepUntil) });
  return fill(days === 1 ? words.kept_day : words.kept_days, { days, date: day(keepUntil) });
}

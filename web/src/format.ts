// Figures, times and sizes as they are read.

const LOCALE = "en-GB";
const NUMBER = new Intl.NumberFormat(LOCALE);
const MOMENT = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium" });
const NEARNESS = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto" });
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** 12345 to "12,345". */
export function wholeNumber(value: number): string {
  return NUMBER.format(Math.round(value));
}

/** "1 face", "3 faces": the words for one and for many have a hole {n}. */
export function counted(n: number, one: string, many: string): string {
  return (n === 1 ? one : many).replace("{n}", wholeNumber(n));
}

/** 2_100_000 to "2.1 MB"; thousands, as file managers and disks count. */
export function fileSize(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits).replace(/\.0$/, "")}\u00a0${units[unit]}`;
}

/** 65 s to "1:05", 3665 s to "1:01:05": a place in a recording. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const s = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${s}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${s}`;
}

/** 3.2 s to "3 s", 65 s to "1 min 5 s", 3665 s to "1 h 1 min": how long something takes. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole}\u00a0s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours) return minutes ? `${hours}\u00a0h ${minutes}\u00a0min` : `${hours}\u00a0h`;
  return whole % 60 ? `${minutes}\u00a0min ${whole % 60}\u00a0s` : `${minutes}\u00a0min`;
}

/** "21 Nov 2026, 14:20" in the reader's time zone. */
export function moment(iso: string): string {
  return MOMENT.format(new Date(iso));
}

/** "21 Nov 2026" in the reader's time zone. */
export function day(iso: string): string {
  return DAY.format(new Date(iso));
}

/** "in 3 days", "2 hours ago", "now". */
export function nearness(iso: string, now = Date.now()): string {
  const seconds = (Date.parse(iso) - now) / 1000;
  for (const [unit, length] of UNITS) {
    if (Math.abs(seconds) >= length) return NEARNESS.format(Math.round(seconds / length), unit);
  }
  return NEARNESS.format(0, "second");
}

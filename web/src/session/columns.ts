// A line of a timeline as columns that can be drawn: time, and a column an expression.

import type { Session, TimelineLine, TimelineReply } from "../protocol";

/** Times and, for each expression, the mean at each; null parts what is no longer one course. */
export interface Columns {
  times_s: number[];
  faces: number[];
  means: Map<string, (number | null)[]>;
  /** Points that lie further apart than this are not joined. */
  gap_s: number;
}

/** Nobody is known to have been in view where no frame was for so long. */
export function gapOf(session: Session, bin_s: number): number {
  const step_s = session.frames > 1 ? session.duration_s / (session.frames - 1) : 0;
  return Math.max(2, 1.5 * bin_s, 3 * step_s);
}

export function columnsOf(line: TimelineLine, reply: TimelineReply, gap_s: number): Columns {
  const columns: Columns = { times_s: [], faces: [], means: new Map(), gap_s };
  const labels = Object.keys(line.means);
  const lists = labels.map((label): [number[], (number | null)[]] => [line.means[label] ?? [], []]);
  let before_s = -Infinity;
  line.bins.forEach((bin, at) => {
    const time_s = reply.start_s + (bin + 0.5) * reply.bin_s;
    if (time_s - before_s > gap_s && at > 0) {
      columns.times_s.push((before_s + time_s) / 2);
      columns.faces.push(0);
      for (const [, column] of lists) column.push(null);
    }
    columns.times_s.push(time_s);
    columns.faces.push(line.faces[at] ?? 0);
    for (const [means, column] of lists) column.push(means[at] ?? null);
    before_s = time_s;
  });
  labels.forEach((label, at) => columns.means.set(label, lists[at]?.[1] ?? []));
  return columns;
}

/** Return the place of the point nearest to a moment; null where there is none around it. */
export function nearest({ times_s, faces, gap_s }: Columns, moment_s: number): number | null {
  let [low, high] = [0, times_s.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times_s[middle] ?? 0) < moment_s) low = middle + 1;
    else high = middle;
  }
  let best: number | null = null;
  const last = Math.min(low + 1, times_s.length - 1);
  for (let place = Math.max(low - 2, 0); place <= last; place += 1) {
    const away_s = Math.abs((times_s[place] ?? Infinity) - moment_s);
    const isNearer = best === null || away_s < Math.abs((times_s[best] ?? Infinity) - moment_s);
    if (faces[place] && away_s <= gap_s / 2 && isNearer) best = place;
  }
  return best;
}

/** Mean probabilities of a stretch, each bin with the weight of its faces; null without a face. */
export function meansBetween(
  { times_s, faces, means }: Columns,
  from_s: number,
  to_s: number,
): Map<string, number> | null {
  const sums = new Map<string, number>();
  let total = 0;
  times_s.forEach((time_s, place) => {
    const weight = faces[place] ?? 0;
    if (!weight || time_s < from_s || time_s >= to_s) return;
    total += weight;
    for (const [label, column] of means) {
      sums.set(label, (sums.get(label) ?? 0) + weight * (column[place] ?? 0));
    }
  });
  if (!total) return null;
  return new Map([...sums].map(([label, sum]) => [label, sum / total]));
}

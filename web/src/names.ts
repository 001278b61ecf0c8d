// What detectors and label sets are called; their names on the wire are for programs.

import { common, fill } from "./words";
import type { LabelSet } from "./protocol";

const DETECTORS: Record<string, string> = {
  auto: common.detector_auto,
  blazeface: common.detector_blazeface,
  yunet: common.detector_yunet,
  haar: common.detector_haar,
  full: common.detector_full,
};
const LABEL_SETS: Record<string, string> = { ferplus: "FER+", fer2013: "FER2013" };

/** "blazeface" to "BlazeFace · quick". */
export function detectorName(name: string): string {
  return DETECTORS[name] ?? name;
}

/** "ferplus" to "8 · FER+". */
export function labelSetName({ name, labels }: LabelSet): string {
  return fill(common.label_set, { n: labels.length, name: labelSetTitle(name) });
}

/** "ferplus" to "FER+". */
export function labelSetTitle(name: string): string {
  return LABEL_SETS[name] ?? name;
}

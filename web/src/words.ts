// What the scripts of a page say. The words lie in words/en, one file a page, and nowhere else.

import common from "../words/en/common.json";

export { common };

/** Put values into the holes of a sentence: fill("In {seconds} s", { seconds: 3 }). */
export function fill(words: string, values: Record<string, string | number>): string {
  return words.replace(/\{([a-z_]+)\}/g, (hole, name: string) => String(values[name] ?? hole));
}

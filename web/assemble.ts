// Puts each page together when it is built: the parts that all pages share, and its words.
//
// `<!--part top-->` becomes parts/top.html, and `{{live.start}}` the word `start` of
// words/en/live.json, so that no page waits for a script to show its first line.

import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import type { Plugin } from "vite";

const ROOT = import.meta.dirname;
// Pages that are not in the bar of pages themselves, and which one there they belong to.
const BELONGS_TO: Record<string, string> = { session: "sessions", compare: "sessions" };

export function assemble(): Plugin {
  return {
    name: "mien-assemble",
    transformIndexHtml: {
      order: "pre",
      handler: (html, { filename }) => assembled(html, basename(filename, ".html")),
    },
  };
}

function assembled(html: string, page: string): string {
  const words = readWords();
  const section = BELONGS_TO[page] ?? page;
  return html
    .replace(/<!--part ([a-z]+)-->/g, (_, name: string) => readText(`parts/${name}.html`).trim())
    .replace(/\{\{([a-z]+)\.([a-z0-9_]+)\}\}/g, (hole, group: string, key: string) => {
      const word = words.get(group)?.[key];
      if (word === undefined) throw new Error(`${page}.html: there is no word for ${hole}`);
      return escaped(word);
    })
    .replace(`data-page="${section}"`, `aria-current="${section === page ? "page" : "true"}"`);
}

function readWords(): Map<string, Record<string, string>> {
  const files = readdirSync(join(ROOT, "words/en")).filter((file) => file.endsWith(".json"));
  return new Map(
    files.map((file) => [
      basename(file, ".json"),
      JSON.parse(readText(`words/en/${file}`)) as Record<string, string>,
    ]),
  );
}

function readText(path: string): string {
  return readFileSync(join(ROOT, path), "utf-8");
}

function escaped(word: string): string {
  return word
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

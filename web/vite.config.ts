import { readdirSync } from "node:fs";
import { defineConfig } from "vite";
import { assemble } from "./assemble";

// A page a file. Assets are never inlined: the server's content security policy allows files of
// its own, and no data: scripts or fonts.
export default defineConfig({
  plugins: [assemble()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    rolldownOptions: {
      input: readdirSync(import.meta.dirname).filter((file) => file.endsWith(".html")),
    },
  },
  server: {
    proxy: { "/v1": { target: "http://127.0.0.1:8765", ws: true } },
  },
});

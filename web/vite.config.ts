import { defineConfig } from "vite";

// Two pages: the live page and the reference of the REST interface. Assets are never inlined:
// the server's content security policy allows files of its own, and no data: scripts or fonts.
export default defineConfig({
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { input: ["index.html", "docs.html"] },
  },
  server: {
    proxy: { "/v1": { target: "http://127.0.0.1:8765", ws: true } },
  },
});

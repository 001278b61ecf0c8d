// The reference of the REST interface: Swagger UI, served from here, fed by /openapi.json.

import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";
import { onPreferences, preferences, type Preferences } from "./preferences";
import "./styles/docs.css";

const darkSystem = window.matchMedia("(prefers-color-scheme: dark)");

/** Swagger UI is dark by a class; keep it in step with the page around it. */
function follow({ theme }: Pick<Preferences, "theme">): void {
  const isDark = theme === "auto" ? darkSystem.matches : theme === "dark";
  document.documentElement.classList.toggle("dark-mode", isDark);
}

follow(preferences());
onPreferences(follow);
darkSystem.addEventListener("change", () => follow(preferences()));
SwaggerUI({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  // Swagger's own default asks a server of its makers to judge the document.
  validatorUrl: null,
});

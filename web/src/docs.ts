// The reference of the REST interface: Swagger UI, served from here, fed by /openapi.json.

import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import "swagger-ui-dist/swagger-ui.css";
import "./styles/docs.css";

SwaggerUI({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  // Swagger's own default asks a server of its makers to judge the document.
  validatorUrl: null,
});

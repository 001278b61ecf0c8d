// Swagger UI ships no types; this is all that is used of it.
declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  const SwaggerUI: (options: {
    url: string;
    dom_id: string;
    deepLinking: boolean;
    defaultModelsExpandDepth: number;
    validatorUrl: null;
  }) => unknown;
  export default SwaggerUI;
}

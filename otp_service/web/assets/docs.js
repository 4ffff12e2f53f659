// Shows the OpenAPI document. A token that is entered stays in this page alone: a reload forgets it.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
SwaggerUIBundle({
  url: "api/v1/openapi.json", dom_id: "#viewer", deepLinking: true, displayRequestDuration: true, filter: true,
  tryItOutEnabled: true, persistAuthorization: false, validatorUrl: "none", defaultModelsExpandDepth: 0,
});

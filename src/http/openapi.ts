import type { OpenAPIHono } from "@hono/zod-openapi";
import { AREAS } from "../platform/areas.ts";
import { forGenerators, type Json } from "./generators.ts";
import { addLocations, HEADERS } from "./headers.ts";
import type { AppEnv } from "./router.ts";

const DESCRIPTION = `The order backend for shops that sell across borders.

**Authenticate** with \`POST /v1/token\`, programs with a key of \`POST /v1/api-keys\`, and send \`Authorization: Bearer …\`.
**Money** is integer minor units beside an ISO 4217 currency; **times** are RFC 3339 in UTC.
**Creating calls** take \`Idempotency-Key\`: repeat them safely for 24 hours.
**Lists** answer \`{ data, next_cursor }\`; pass \`next_cursor\` as \`cursor\` for the next page.
**Changes** honour \`If-Match\` with the resource's \`ETag\`; reads with \`If-None-Match\` answer 304 if nothing is new.
**Errors** are \`application/problem+json\` (RFC 9457) with a \`code\` for programs and \`errors\` that point at each field.
**Bodies** have up to 1 MiB, forms 32 KiB, and JSON up to 10,000 values (members of objects, elements of arrays), where a
call does not say otherwise: 413 beyond that.
The \`/v1\` prefix is optional.`;

/** Registers what the routes share, and makes the document of them all. */
export function describeApi(app: OpenAPIHono<AppEnv>) {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "An access token from POST /v1/token, or an API key from POST /v1/api-keys",
  });
  for (const [name, header] of Object.entries(HEADERS)) {
    app.openAPIRegistry.registerComponent("headers", name, header);
  }
  const raw = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Waybill",
      version: "0.1.0",
      description: DESCRIPTION,
      license: { name: "MIT", url: "https://opensource.org/license/mit" },
    },
    servers: [{ url: "/", description: "This server" }],
    tags: [
      ...AREAS,
      { name: "Messages", description: "What webhooks are told. Signed, as Standard Webhooks says" },
    ],
  });
  addLocations(raw);
  const document = forGenerators(raw);
  leaveOptionalEmpty(document);
  nameInstances(document);
  return document;
}

/** Has the example of each problem name a path of its own call. */
function nameInstances({ paths }: Json): void {
  for (const [path, methods] of Object.entries<Json>(paths)) {
    for (const { parameters = [], responses } of Object.values<Json>(methods)) {
      for (const { content } of Object.values<Json>(responses)) {
        const example = content?.["application/problem+json"]?.example;
        if (!example) continue;
        // See exampleInvalid: that which is wrong there.
        const isWrong = example.code === "invalid_request" && example.errors?.[0].pointer.startsWith("path/");
        example.instance = path.replace(
          /\{(\w+)\}/g,
          (_, name) => isWrong ? "1" : parameters.find((each: Json) => each.name === name).schema.example,
        );
      }
    }
  }
}

/**
 * Swagger UI fills in the `example` of a parameter, and sends it: a list would be filtered by all that it can be filtered
 * by, and empty. `examples` says the same of a schema, and leaves the field empty.
 */
function leaveOptionalEmpty({ paths }: Json): void {
  for (const methods of Object.values<Json>(paths)) {
    for (const { parameters = [] } of Object.values<Json>(methods)) {
      for (const parameter of parameters) {
        const { example, ...schema } = parameter.schema;
        if (example !== undefined && !parameter.required) {
          parameter.schema = { ...schema, examples: [example] };
        }
      }
    }
  }
}

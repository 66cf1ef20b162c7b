/** Lints docs/openapi.json: Redocly's strict rules, and our own that every body and answer shows an example. */

import {
  BaseResolver,
  createConfig,
  getLineColLocation,
  lintDocument,
  makeDocumentFromString,
  type Oas3Rule,
} from "@redocly/openapi-core";

const FILE = "docs/openapi.json";

/** A media type shows an example: its own, or that of its schema. */
const mediaTypeExample: Oas3Rule = () => ({
  MediaType(media, { report, resolve }) {
    // deno-lint-ignore no-explicit-any -- the node is a schema or a reference to one
    const schema = media.schema && (resolve(media.schema as any).node as any);
    const examples = [media.example, media.examples, schema?.example, schema?.examples];
    const shown = examples.some((example) => example !== undefined);
    if (!shown) report({ message: "There is no example, neither here nor on the schema." });
  },
});

const config = await createConfig({
  extends: ["recommended-strict"],
  plugins: [{
    id: "waybill",
    rules: { oas3: { "media-type-example": mediaTypeExample } },
  }],
  rules: {
    "waybill/media-type-example": "error",
    "operation-description": "error",
    "operation-operationId": "error",
    "operation-operationId-unique": "error",
    "operation-operationId-url-safe": "error",
    "operation-summary": "error",
    "operation-singular-tag": "error",
    "operation-tag-defined": "error",
    "operation-4xx-response": "error",
    "operation-4xx-problem-details-rfc7807": "error",
    "parameter-description": "error",
    "tag-description": "error",
    "security-defined": "error",
    "no-invalid-media-type-examples": "error",
    "no-invalid-schema-examples": "error",
    "no-unused-components": "error",
    // Shipping options are no OPTIONS requests, and disputes no PUTs.
    "no-http-verbs-in-paths": {
      severity: "error",
      excludedPaths: [
        "/v1/shipping-options",
        "/v1/shipping-options/{code}",
        "/v1/disputes",
        "/v1/disputes/{id}",
        "/v1/sandbox/charges/{reference}/dispute",
      ],
    },
    "paths-kebab-case": "error",
    "path-not-include-query": "error",
    // /orders/{id}/timeline and /orders/user/{user_id}: an order's id is a UUID, so they never meet.
    "no-ambiguous-paths": "off",
  },
});

const problems = await lintDocument({
  document: makeDocumentFromString(await Deno.readTextFile(FILE), FILE),
  config,
  externalRefResolver: new BaseResolver(),
});
/**
 * A message of ours is named after its event; how it is answered is for others to say, and what it holds has its example
 * where it is read.
 */
const NOT_OF_WEBHOOKS = [
  "paths-kebab-case",
  "waybill/media-type-example",
  "operation-4xx-problem-details-rfc7807",
];
let found = 0;
for (const { message, ruleId, location } of problems) {
  const [place] = location;
  // Health checks take nothing that could be wrong, and are refused to no one.
  if (ruleId === "operation-4xx-response" && place?.pointer?.startsWith("#/paths/~1health")) continue;
  // A WebSocket begins with 101.
  if (ruleId === "operation-2xx-response" && place?.pointer?.includes("events~1socket")) continue;
  if (NOT_OF_WEBHOOKS.includes(ruleId) && place?.pointer?.startsWith("#/webhooks/")) continue;
  found++;
  const at = place ? getLineColLocation(place) : undefined;
  console.error(
    `${FILE}:${at?.start.line ?? 1} ${message} (${ruleId}, ${place?.pointer ?? "#/"})`,
  );
}
if (found > 0) Deno.exit(1);

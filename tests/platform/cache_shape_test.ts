import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { openApiDocument } from "../../src/app.ts";
import { SHAPE } from "../../src/platform/cache.ts";

/** The SHAPE that goes with these answers: when the test below fails, raise SHAPE and write down what it found. */
const KNOWN = { shape: 4, fields: "fbaa09981b6651dd" };

/** The fields of what is cached, by their paths and kinds. */
function fieldsOf(schema: unknown, path: string, schemas: Record<string, unknown>): string[] {
  const { $ref, properties, items, type, oneOf } = schema as {
    $ref?: string;
    properties?: Record<string, unknown>;
    items?: unknown;
    type?: unknown;
    oneOf?: unknown[];
  };
  if ($ref) return fieldsOf(schemas[$ref.split("/").at(-1)!], path, schemas);
  if (oneOf) return oneOf.flatMap((each) => fieldsOf(each, path, schemas));
  if (items) return fieldsOf(items, `${path}[]`, schemas);
  if (!properties) return [`${path}: ${type}`];
  return Object.entries(properties).flatMap(([name, each]) => fieldsOf(each, `${path}.${name}`, schemas));
}

Deno.test("Whoever changes the fields of what is cached raises the cache's SHAPE, so that no old answer is given for new ones", () => {
  const schemas = openApiDocument().components!.schemas as Record<string, unknown>;
  const fields = ["Order", "Product", "StockLevel"].flatMap((name) => fieldsOf(schemas[name], name, schemas));
  const hash = createHash("sha256").update(fields.sort().join("\n")).digest("hex").slice(0, 16);
  assertEquals({ shape: SHAPE, fields: hash }, KNOWN);
});

import { assertEquals } from "@std/assert";
import { openApiDocument } from "../../../src/app.ts";

// deno-lint-ignore no-explicit-any -- the document is JSON
type Json = any;
const { paths, components }: Json = openApiDocument();
const operations: Json[] = Object.values<Json>(paths).flatMap((methods) => Object.values(methods));

Deno.test("every JSON body and answer of the contract has a name, and so has what its lists hold", () => {
  const bodies = operations.flatMap((
    { requestBody, responses },
  ) => [requestBody, ...Object.values<Json>(responses)]);
  const schemas = bodies.map((body) => body?.content?.["application/json"]?.schema);
  // Providers send what they like.
  const nameless = schemas.filter((schema) =>
    schema && !schema.$ref && Object.keys(schema.properties).length > 0
  );
  assertEquals(nameless, []);
  const lists = nodes([paths, components]).filter(({ type }) => type === "array");
  assertEquals(lists.filter(({ items }) => items?.type === "object"), []);
});

Deno.test("no schema is named as Go names what makes another", () => {
  const names = Object.keys(components.schemas);
  assertEquals(
    names.filter((name) => names.includes(name.replace(/^New/, "")) && name.startsWith("New")),
    [],
  );
});

/** Every object that the document holds, at whatever depth. */
function nodes(node: Json): Json[] {
  if (typeof node !== "object" || node === null) return [];
  const inside = Object.values(node).flatMap(nodes);
  return Array.isArray(node) ? inside : [node, ...inside];
}

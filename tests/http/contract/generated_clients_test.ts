import { assert, assertEquals } from "@std/assert";
import { openApiDocument } from "../../../src/app.ts";
import { sign } from "../../../src/webhooks/message.ts";

// deno-lint-ignore no-explicit-any -- the document is JSON
type Json = any;
const { paths, webhooks, components }: Json = openApiDocument();
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

Deno.test("every integer of the contract is of 64 bits, money too", () => {
  const integers = nodes([paths, webhooks, components]).filter(({ type }) =>
    [type].flat().includes("integer")
  );
  assertEquals(integers.filter(({ format }) => format !== "int64"), []);
  assertEquals(components.schemas.Order.properties.total_price.format, "int64");
});

Deno.test("only text is enumerated as such: Java has no constants of fractions or booleans, and Kotlin reads none of integers", () => {
  const enumerations = nodes([paths, webhooks, components]).filter((node) => Array.isArray(node.enum));
  assertEquals(
    enumerations.filter(({ type }) => [type].flat().some((each) => /number|boolean|integer/.test(each))),
    [],
  );
});

Deno.test("no schema is named as Go names what makes another", () => {
  const names = Object.keys(components.schemas);
  assertEquals(
    names.filter((name) => names.includes(name.replace(/^New/, "")) && name.startsWith("New")),
    [],
  );
});

Deno.test("calls and messages of webhooks share no tag: a class of each tag would replace the other", () => {
  const tags = new Set(operations.flatMap((operation) => operation.tags));
  const messages = Object.values<Json>(webhooks).map(({ post }) => post);
  assertEquals(messages.flatMap((message) => message.tags).filter((tag) => tags.has(tag)), []);
});

Deno.test("no type of the contract is put together: what may be null is text then in Java, Kotlin, PHP and TypeScript", () => {
  assertEquals(nodes([paths, webhooks, components]).filter(({ allOf }) => allOf), []);
  const { Cart, CreatedCart } = components.schemas;
  const { token: _, ...shared } = CreatedCart.properties;
  assertEquals(shared, Cart.properties);
  assertEquals(CreatedCart.required, Cart.required);
});

Deno.test("where the contract has several types for a value, it is of one of them", () => {
  assertEquals(nodes([paths, webhooks, components]).filter(({ anyOf }) => anyOf), []);
  const { example } = paths["/v1/inventory/{sku}/adjustments"].post.requestBody.content["application/json"];
  const forms = components.schemas.StockAdjustment.oneOf.map(({ $ref }: Json) =>
    components.schemas[$ref.split("/").pop()]
  );
  const fits = forms.filter(({ required, additionalProperties }: Json) =>
    additionalProperties === false && required.every((field: string) => field in example)
  );
  assertEquals(fits.length, 1);
});

Deno.test("every message of a webhook has a name that its event gave it, and so has a ping", () => {
  const messages = Object.values<Json>(webhooks).map(({ post }) =>
    post.requestBody.content["application/json"].schema.$ref.replace("#/components/schemas/", "")
  );
  const types = messages.map((name) => components.schemas[name].properties.type.enum[0]);
  assertEquals(types, Object.keys(webhooks));
  for (const name of ["ExchangeRatesImportedMessage", "WebhookPingMessage"]) {
    assert(messages.includes(name), name);
  }
});

Deno.test("every message of a webhook declares the headers that it is verified by, as they are sent", () => {
  const secret = `whsec_${btoa("0123456789abcdef0123456789abcdef")}`;
  const { headers } = sign({ id: "1", body: "{}" }, new Date(), "2", [secret]);
  const sent = Object.keys(headers).filter((name) => /^(webhook|waybill)-/.test(name));
  assertEquals(sent.length, 4);
  for (const { post: { parameters } } of Object.values<Json>(webhooks)) {
    const declared = parameters.map(({ $ref }: Json) => components.parameters[$ref.split("/").pop()]);
    assertEquals(declared.map(({ name }: Json) => name), sent);
    assert(declared.every((header: Json) => header.in === "header" && header.required));
  }
});

Deno.test("a form is one object: clients send nothing of one that may be of several shapes", () => {
  const forms = operations.map(({ requestBody }) =>
    requestBody?.content?.["application/x-www-form-urlencoded"]?.schema
  ).filter((schema) => schema);
  const named = forms.map(({ $ref }) => components.schemas[$ref.split("/").pop()]);
  assertEquals(named.map(({ type, oneOf }) => ({ type, oneOf })), [
    { type: "object", oneOf: undefined },
    { type: "object", oneOf: undefined },
  ]);
  assertEquals(components.schemas.TokenRequest.properties.grant_type.enum, ["password", "refresh_token"]);
});

Deno.test("null is one of three types or more only with another: alone it is a class that Java does not have", () => {
  const choices = nodes([paths, webhooks, components]).filter(({ oneOf }) => oneOf?.length > 2);
  assertEquals(choices.filter(({ oneOf }) => oneOf.some(({ type }: Json) => type === "null")), []);
});

/** Every object that the document holds, at whatever depth. */
function nodes(node: Json): Json[] {
  if (typeof node !== "object" || node === null) return [];
  const inside = Object.values(node).flatMap(nodes);
  return Array.isArray(node) ? inside : [node, ...inside];
}

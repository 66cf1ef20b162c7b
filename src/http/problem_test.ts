import { assertEquals, assertThrows } from "@std/assert";
import { z } from "@hono/zod-openapi";
import { AppError } from "../platform/errors.ts";
import { fieldErrors, onInvalid } from "./problem.ts";
import { Id, Metadata, text, Timestamp } from "./schemas.ts";

/** What the answer says is wrong with a value. */
function said(schema: z.ZodType, value: unknown, target: "json" | "query" = "json"): string[] {
  const { error } = schema.safeParse(value);
  return fieldErrors(error!, target, value).map(({ pointer, code, message }) =>
    `${pointer} ${code}: ${message}`
  );
}

Deno.test("A value of the wrong kind is told which kind it must be, in plain words", () => {
  const schema = z.object({
    name: text(1, 100),
    count: z.int(),
    price: z.number(),
    gift: z.boolean(),
    items: z.array(z.string()),
    notes: z.object({}),
    status: z.enum(["OPEN", "CLOSED"]),
    kind: z.literal("order"),
    id: Id,
    at: Timestamp,
  });
  const wrong = {
    name: 1,
    count: "2",
    price: null,
    gift: 1,
    items: {},
    notes: [],
    status: "open",
    kind: "",
    id: "7",
    at: "noon",
  };
  assertEquals(said(schema, wrong), [
    "/name invalid_type: must be text",
    "/count invalid_type: must be a whole number",
    "/price invalid_type: must be a number",
    "/gift invalid_type: must be true or false",
    "/items invalid_type: must be a list",
    "/notes invalid_type: must be an object",
    "/status invalid_value: must be one of OPEN, CLOSED",
    "/kind invalid_value: must be order",
    "/id invalid_format: must be a UUID",
    "/at invalid_format: must be an RFC 3339 time, such as 2026-01-31T12:00:00Z",
  ]);
  assertEquals(said(z.object({ count: z.int() }), { count: 1.5 }), [
    "/count invalid_type: must be a whole number",
  ]);
});

Deno.test("Whatever is left out is required, numbers of a query and choices too", () => {
  const body = z.strictObject({
    sku: z.string().regex(/^A/, "must begin with A"),
    at: Timestamp,
    status: z.enum(["OPEN"]),
    either: z.union([z.string(), z.number()]),
    deep: z.object({ inner: z.string() }),
  });
  assertEquals(said(body, { deep: {} }), [
    "/sku required: is required",
    "/at required: is required",
    "/status required: is required",
    "/either required: is required",
    "/deep/inner required: is required",
  ]);
  const query = z.strictObject({ grams: z.coerce.number().int() });
  assertEquals(said(query, {}, "query"), ["query/grams required: is required"]);
  assertEquals(said(query, { grams: "heavy" }, "query"), [
    "query/grams invalid_type: must be a whole number",
  ]);
});

Deno.test("A bound is told with its unit, from both sides", () => {
  const schema = z.object({
    short: z.string().min(2),
    long: z.string().max(1),
    few: z.array(z.int()).min(1),
    many: z.array(z.int()).max(2),
    low: z.int().min(1),
    high: z.number().max(4),
  });
  const wrong = { short: "a", long: "ab", few: [], many: [1, 2, 3], low: 0, high: 5 };
  assertEquals(said(schema, wrong).map((line) => line.split(": ")[1]), [
    "must have at least 2 characters",
    "must have at most 1 character",
    "must have at least 1 item",
    "must have at most 2 items",
    "must be at least 1",
    "must be at most 4",
  ]);
  assertEquals(said(Metadata, { ["k".repeat(41)]: "v" }), [
    `/${"k".repeat(41)} invalid_key: is a name that is not possible here: it must have at most 40 characters`,
  ]);
});

Deno.test("A schema's own message comes first, and points where it says even if nothing is there", () => {
  const schema = z.object({ from: z.string().optional(), to: z.string().optional() }).refine(
    ({ from, to }) => from !== undefined || to !== undefined,
    { path: ["to"], message: "must be given where from is not" },
  );
  assertEquals(said(schema, {}), ["/to invalid: must be given where from is not"]);
});

Deno.test("A pointer leads to its field whatever that is called (RFC 6901), also where a choice lies on the way", () => {
  assertEquals(said(z.strictObject({}), { "a/b~c": 1 }), [
    "/a~1b~0c unrecognized_keys: There is no such field.",
  ]);
  const size = z.strictObject({ width: z.int(), height: z.int() });
  const schema = z.strictObject({ size: size.or(z.strictObject({ "l/m": z.int() })) });
  assertEquals(said(schema, { size: { width: "1", height: 1 } }), [
    "/size/width invalid_type: must be a whole number",
  ]);
  assertEquals(said(schema, { size: { "l/m": 1, "n/a": 1 } }), [
    "/size/n~1a unrecognized_keys: There is no such field.",
  ]);
});

Deno.test("The whole body has the empty pointer (RFC 6901), and the problem's text calls it the body", () => {
  const schema = z.strictObject({ a: z.string().optional() });
  for (const value of [[], "text", 1, null]) {
    assertEquals(said(schema, value), [" invalid_type: must be an object"]);
  }
  const { message } = assertThrows(
    () => onInvalid({ ...schema.safeParse([]), data: [], target: "json" }),
    AppError,
  );
  assertEquals(message, "The body is not valid: must be an object");
});

import { assertEquals, assertNotEquals } from "@std/assert";
import { requestHash } from "./idempotency.ts";

const PATH = "/v1/orders";
const bodyWith = (id_number: string, note = "") =>
  JSON.stringify({ consignee: { id_type: "PCCC", id_number, name: "Hong Gildong" }, note }, null, 1);

Deno.test("Whoever reads the hash of a request cannot try out which identity number was in it", () => {
  const hash = requestHash(PATH, bodyWith("P123456789012"));
  assertEquals(requestHash(PATH, bodyWith("P999999999999")), hash);
  assertEquals(requestHash(PATH, bodyWith('"\\"\\\\')), hash, "whatever has to be escaped in it");
});

Deno.test("Another path, and anything else of the body, is another request", () => {
  const hash = requestHash(PATH, bodyWith("P123456789012"));
  assertNotEquals(requestHash("/v1/carts", bodyWith("P123456789012")), hash);
  assertNotEquals(requestHash(PATH, bodyWith("P123456789012", "a")), hash);
  assertNotEquals(requestHash(PATH, bodyWith('P1", "note": "a"')), requestHash(PATH, bodyWith("P1", "a")));
});

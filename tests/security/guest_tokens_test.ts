import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { newId } from "../../src/platform/id.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { addProduct } from "../support/orders.ts";
import { telling } from "./operations.ts";

/** What a guest who shows this token can try with a cart. */
function attempts(id: string, sku: string): [method: string, path: string, body?: unknown][] {
  return [
    ["GET", `/v1/carts/${id}`],
    ["PATCH", `/v1/carts/${id}`, { note: "Mine" }],
    ["DELETE", `/v1/carts/${id}`],
    ["POST", `/v1/carts/${id}/items`, { sku, quantity: 1 }],
    ["PUT", `/v1/carts/${id}/items/${sku}`, { quantity: 1 }],
    ["DELETE", `/v1/carts/${id}/items/${sku}`],
  ];
}

async function tryAll(app: TestApp, id: string, sku: string, cartToken?: string) {
  const headers: Record<string, string> = cartToken === undefined ? {} : { "Cart-Token": cartToken };
  const answers = [];
  for (const [method, path, body] of attempts(id, sku)) {
    answers.push(telling(await app.request(method, path, { body, headers })));
  }
  return answers;
}

async function guestCart(app: TestApp, sku: string): Promise<{ id: string; token: string }> {
  const body = { currency: "EUR", items: [{ sku, quantity: 1 }] };
  return (await app.request("POST", "/v1/carts", { body })).body;
}

Deno.test("A guessed token, however near, is answered like a cart that is not there", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app);
  const [cart, other] = [await guestCart(app, sku), await guestCart(app, sku)];
  const { token } = cart;
  const near = [
    undefined,
    "",
    "null",
    "undefined",
    "*",
    token.slice(0, -1),
    token.slice(1),
    `${token}A`,
    `${token}=`,
    token.slice(0, -2) + (token.endsWith("A") ? "AB" : "AA"),
    token.toLowerCase(),
    [...token].reverse().join(""),
    other.token,
    `Bearer ${token}`,
    `${token},${token}`,
    "' or '1'='1",
  ];
  for (const guess of near) {
    const none = await tryAll(app, newId(), sku, guess);
    assertEquals(none.map(({ status }) => status), none.map(() => 404));
    assertEquals(await tryAll(app, cart.id, sku, guess), none, guess);
  }
  const mine = await app.request("GET", `/v1/carts/${cart.id}`, { headers: { "Cart-Token": token } });
  assertEquals([mine.status, mine.body.items.length], [200, 1]);
});

Deno.test("A wrong guess costs the same statements as a cart that is not there: there is no time to measure", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app);
  const cart = await guestCart(app, sku);
  let statements = 0;
  app.deps.sql = new Proxy(app.deps.sql, {
    apply(target, self, args) {
      statements++;
      return Reflect.apply(target as never, self, args);
    },
  });
  const count = async (id: string, token: string | undefined) => {
    statements = 0;
    await tryAll(app, id, sku, token);
    return statements;
  };
  const none = await count(newId(), "guess");
  assert(none > 0, "statements are counted");
  assertEquals(await count(cart.id, "guess"), none);
  assertEquals(await count(cart.id, cart.token.slice(0, -1)), none);
});

Deno.test("A token is long, drawn anew for each cart, and kept only as a hash that tells nothing of it", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app);
  const carts = [];
  for (let i = 0; i < 20; i++) carts.push(await guestCart(app, sku));
  assertEquals(new Set(carts.map(({ token }) => token)).size, 20);
  for (const { id, token } of carts) {
    assert(token.length >= 43, "256 bits");
    const [row] = await app.deps
      .sql`select token_hash, to_json(c)::text as row from carts c where id = ${id}`;
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
    assertEquals(new Uint8Array(row!.token_hash), new Uint8Array(digest));
    assert(!row!.row.includes(token));
    const again = await app.request("GET", `/v1/carts/${id}`, { headers: { "Cart-Token": token } });
    assertEquals(again.body.token, undefined);
    assertNotEquals(again.body.id, undefined);
  }
});

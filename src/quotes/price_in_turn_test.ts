import { assert, assertEquals, assertRejects } from "@std/assert";
import { AppError } from "../platform/errors.ts";
import { priceInTurn } from "./price_in_turn.ts";

/** Works as long as a cart of a thousand lines does. */
function price(): string {
  const endsMs = performance.now() + 15;
  while (performance.now() < endsMs);
  return "priced";
}

Deno.test("who calls while twenty large carts are priced is answered before the last of them", async () => {
  await using server = Deno.serve({ port: 0, onListen: () => {} }, () => new Response("here"));
  let priced = 0;
  const pricing = Array.from({ length: 20 }, () => priceInTurn(1000, price).then(() => priced++));
  const answer = await fetch(`http://localhost:${server.addr.port}/`);
  const before = priced;
  await answer.text();
  await Promise.all(pricing);
  assert(before < 20, "nobody was answered before the last");
});

Deno.test("a small cart is priced at once, however many large ones wait", async () => {
  let priced = 0;
  const large = Array.from({ length: 5 }, () => priceInTurn(50, price).then(() => priced++));
  await priceInTurn(49, price);
  assert(priced < 5, "it waited for all of the large ones");
  await Promise.all(large);
});

Deno.test("too many large carts at once are told to come again, and those that were refused hold no place", async () => {
  const all = await Promise.allSettled(Array.from({ length: 70 }, () => priceInTurn(1000, () => "priced")));
  const refused = all.filter((each) => each.status === "rejected");
  assertEquals(refused.length, 9);
  assertEquals(refused.every(({ reason }) => (reason as AppError).code === "unavailable"), true);
  assertEquals(await priceInTurn(1000, () => "priced"), "priced");
});

Deno.test("a refusal of a large cart is its caller's, and the next one has its turn", async () => {
  const refused = priceInTurn(1000, () => {
    throw new AppError("quote_refused", "No.");
  });
  const next = priceInTurn(1000, () => "priced");
  await assertRejects(() => refused, AppError, "No.");
  assertEquals(await next, "priced");
});

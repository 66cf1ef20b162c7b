import { assert, assertEquals } from "@std/assert";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { assertEventsValid } from "../../support/events.ts";
import { addProduct, eventsOf } from "../../support/orders.ts";
import { replayed, Shopper, unitsOf } from "./shopper.ts";

/** A guest with a cart of their own, and what they are once they have logged in. */
async function guestOf(app: TestApp, user: { token: string }, quantities = {}, more = {}) {
  const guest = new Shopper(app);
  const cart = await guest.create(quantities, more);
  return { guest, cart, known: new Shopper(app, { token: user.token, cartToken: guest.cartToken }) };
}

Deno.test("Whoever has no cart yet keeps the guest's as their own, and its token opens nothing any more", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const { guest, cart, known } = await guestOf(app, user, { [sku]: 2 }, { note: "A" });
  const merged = await known.merge(cart.id);
  assertEquals([merged.status, merged.body.id, merged.headers.get("ETag")], [200, cart.id, '"2"']);
  assertEquals([merged.body.user_id, merged.body.status, unitsOf(merged.body)], [user.id, "open", [[
    sku,
    2,
  ]]]);
  assertEquals((await guest.read(cart.id)).status, 404);
  assertEquals((await new Shopper(app, user).read(cart.id)).body, merged.body);
  const [stored] = await app.deps.sql`select token_hash from carts where id = ${cart.id}`;
  assertEquals(stored!.token_hash, null);

  assertEquals((await known.merge(cart.id)).body, merged.body, "once more");
  const log = await eventsOf(app, "cart", cart.id);
  assertEquals(log.map(({ type, user_id }) => [type, user_id]), [["cart.created", null], [
    "cart.updated",
    user.id,
  ]]);
  assertEquals(log[1]!.data.changes, { user_id: { from: null, to: user.id } });
  await assertEventsValid(app.deps.sql);
});

Deno.test("The user's cart takes over the guest's lines: the larger quantity counts, and what the user has set stays", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const skus = [];
  for (let i = 0; i < 4; i++) skus.push((await addProduct(app)).sku);
  const [a, b, c, d] = skus as [string, string, string, string];
  const own = await new Shopper(app, user).create({ [a]: 5, [b]: 1, [c]: 2 }, {
    note: "Mine",
    metadata: { from: "user", x: "1" },
  });
  const { guest, cart, known } = await guestOf(app, user, { [d]: 9, [b]: 4, [a]: 1 }, {
    note: "Guest's",
    destination: "DE",
    coupon_code: "SPRING",
    metadata: { from: "guest", y: "2" },
  });
  const merged = await known.merge(cart.id);
  assertEquals([merged.status, merged.body.id, merged.body.version], [200, own.id, 2]);
  assertEquals(unitsOf(merged.body), [[a, 5], [b, 4], [c, 2], [d, 9]]);
  const { note, destination, coupon_code, metadata, subtotal } = merged.body;
  assertEquals([note, destination, coupon_code, subtotal], ["Mine", "DE", "SPRING", 20 * 1499]);
  assertEquals(metadata, { from: "user", x: "1", y: "2" });

  const ended = await guest.read(cart.id);
  assertEquals([ended.body.status, ended.body.merged_into, ended.body.version], ["merged", own.id, 2]);
  const closed = await guest.add(cart.id, a, 1);
  assertEquals([closed.status, closed.body.code, closed.body.errors[0].merged_into], [
    409,
    "cart_closed",
    own.id,
  ]);
  assertEquals((await known.merge(cart.id)).body, merged.body, "once more");
  assertEquals((await eventsOf(app, "cart", cart.id)).map(({ type }) => type), [
    "cart.created",
    "cart.merged",
  ]);
  const [, updated] = await eventsOf(app, "cart", own.id);
  assertEquals([updated!.type, Object.keys(updated!.data.changes).sort()], [
    "cart.updated",
    ["coupon_code", "destination", `items/${b}`, `items/${d}`, "metadata"].sort(),
  ]);
  await assertEventsValid(app.deps.sql);
});

Deno.test("The events of a cart that took over many lines at once tell the order in which they stand", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  // As keys of an object in the log they would be sorted by their length, and then by their letters.
  const [longest, z, a, mine] = ["LONGEST-SKU", "SKU-Z", "SKU-A", "MINE"] as const;
  for (const sku of [longest, z, a, mine]) await addProduct(app, { sku });
  const own = await new Shopper(app, user).create({ [mine]: 1, [a]: 1 });
  const { cart, known } = await guestOf(app, user, { [longest]: 1, [a]: 2, [z]: 3 });
  const merged = await known.merge(cart.id);
  assertEquals(unitsOf(merged.body), [[mine, 1], [a, 2], [longest, 1], [z, 3]]);
  const log = await eventsOf(app, "cart", own.id);
  const [stored] = await app.deps.sql`select * from carts where id = ${own.id}`;
  const { token_hash: _, ...row } = stored!;
  assertEquals(replayed(log.map(({ data }) => data)), row);
  await assertEventsValid(app.deps.sql);
});

Deno.test("Of several carts the one that was changed last takes over, and only an open one in the same currency", async () => {
  const clock = { ms: Date.now(), now: () => new Date(clock.ms) };
  await using app = await startTestApp({}, { clock });
  const user = await app.user();
  const { sku } = await addProduct(app, { prices: { EUR: 100, USD: 110 } });
  const shopper = new Shopper(app, user);
  const created = [];
  for (const currency of ["EUR", "EUR", "USD", "EUR"]) {
    clock.ms += 1000;
    created.push(await shopper.create({}, { currency }));
  }
  clock.ms += 1000;
  await shopper.patch(created[0].id, { note: "Last" });
  clock.ms += 1000;
  await shopper.giveUp(created[3].id);
  const { cart, known } = await guestOf(app, user, { [sku]: 1 });
  assertEquals((await known.merge(cart.id)).body.id, created[0].id);
  const pounds = await guestOf(app, user, { [sku]: 1 }, { currency: "GBP" });
  assertEquals((await pounds.known.merge(pounds.cart.id)).body.id, pounds.cart.id);
});

Deno.test("A cart that takes over nothing new stays at its version", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const own = await new Shopper(app, user).create({ [sku]: 3 });
  const { cart, known } = await guestOf(app, user, { [sku]: 2 });
  const { body } = await known.merge(cart.id);
  assertEquals([body.id, body.version, unitsOf(body)], [own.id, 1, [[sku, 3]]]);
  assertEquals((await eventsOf(app, "cart", own.id)).length, 1);
});

Deno.test("A guest's cart goes to nobody without its token, and to nobody else once it is merged", async () => {
  await using app = await startTestApp();
  const [user, other, staff] = [await app.user(), await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const { guest, cart, known } = await guestOf(app, user, { [sku]: 2 });
  const anonymous = await guest.merge(cart.id);
  assertEquals(anonymous.status, 401);
  for (const token of [other.token, staff.token]) {
    for (const cartToken of [undefined, "wrong"]) {
      assertEquals((await new Shopper(app, { token, cartToken }).merge(cart.id)).status, 404);
    }
  }
  assertEquals((await known.merge(cart.id, { "If-Match": '"7"' })).status, 412);
  const own = await new Shopper(app, user).create();
  assertEquals((await known.merge(cart.id, { "If-Match": '"1"' })).body.id, own.id);
  const late = await new Shopper(app, { token: other.token, cartToken: guest.cartToken }).merge(cart.id);
  assertEquals([late.status, late.body.code, late.body.errors[0].merged_into], [
    409,
    "cart_closed",
    undefined,
  ]);

  const expired = await guestOf(app, user, { [sku]: 2 });
  await expired.guest.giveUp(expired.cart.id);
  assertEquals((await expired.known.merge(expired.cart.id)).body.code, "cart_closed");
});

Deno.test("Carts that would be too large together are not merged, and both stay as they are", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  await app.deps.sql`
    insert into products (id, sku, name) select gen_random_uuid(), 'S' || n, 'N' from generate_series(1, 1001) n`;
  const lines = (from: number, to: number) =>
    Object.fromEntries(Array.from({ length: to - from + 1 }, (_, i) => [`S${from + i}`, 1]));
  const own = await new Shopper(app, user).create(lines(1, 600));
  const { guest, cart, known } = await guestOf(app, user, lines(500, 1001));
  const refused = await known.merge(cart.id);
  assertEquals([refused.status, refused.body.code], [422, "cart_refused"]);
  assertEquals(refused.body.errors[0].code, "too_many_lines");
  assertEquals((await guest.read(cart.id)).body.status, "open");
  assertEquals((await known.read(own.id)).body.version, 1);
  await guest.remove(cart.id, "S1001");
  assertEquals((await known.merge(cart.id)).body.items.length, 1000);
});

Deno.test("A guest's cart is not merged into one whose time is over, where its lines would be lost", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const own = await new Shopper(app, user).create({ [sku]: 2 });
  // Over, but the hourly round has not come yet.
  await app.deps.sql`update carts set expires_at = now() - interval '1 minute' where id = ${own.id}`;
  const guest = new Shopper(app);
  const cart = await guest.create({ [sku]: 1 });
  const merged = await new Shopper(app, { token: user.token, cartToken: guest.cartToken }).merge(cart.id);
  assertEquals([merged.status, merged.body.id, merged.body.user_id], [200, cart.id, user.id]);
  assert(new Date(merged.body.expires_at) > new Date());
});

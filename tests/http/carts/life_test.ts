import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { assertEventsValid } from "../../support/events.ts";
import { addProduct, eventsOf } from "../../support/orders.ts";
import { replayed, Shopper, unitsOf } from "./shopper.ts";

Deno.test("A guest's cart is created, changed and given up with its token, and every change is in the log", async () => {
  await using app = await startTestApp();
  const mug = await addProduct(app, { sku: "MUG/BLUE", prices: { EUR: 1499, USD: 1599 } });
  const pen = await addProduct(app, { sku: "PEN", prices: { EUR: 200 } });
  const guest = new Shopper(app);
  const created = await guest.call("POST", "", {
    body: {
      currency: "EUR",
      items: [{ sku: mug.sku, quantity: 1 }, { sku: mug.sku, quantity: 1 }],
      note: "Gift",
    },
  });
  assertEquals([created.status, created.headers.get("ETag")], [201, '"1"']);
  assertEquals(created.headers.get("Location"), `/v1/carts/${created.body.id}`);
  assertEquals(created.headers.get("Cache-Control"), "no-store");
  const { token, ...cart } = created.body;
  assertMatch(token, /^[\w-]{43}$/);
  assertEquals(cart.user_id, null);
  assertEquals(cart.items, [{
    sku: mug.sku,
    product_id: mug.id,
    name: "Name of MUG/BLUE",
    quantity: 2,
    unit_price: 1499,
    discount_amount: 0,
    line_total: 2998,
    available: 100,
  }]);
  assertEquals([cart.subtotal, cart.problems, cart.note, cart.version], [2998, [], "Gift", 1]);
  guest.cartToken = token;

  assertEquals((await guest.read(cart.id)).body, cart);
  const added = await guest.add(cart.id, mug.sku, 3);
  assertEquals([added.status, unitsOf(added.body)], [200, [[mug.sku, 5]]]);
  const more = await guest.set(cart.id, pen.sku, 7);
  assertEquals(unitsOf(more.body), [[mug.sku, 5], [pen.sku, 7]]);
  assertEquals(more.body.subtotal, 5 * 1499 + 7 * 200);
  const fewer = await guest.set(cart.id, mug.sku, 1);
  assertEquals(unitsOf(fewer.body), [[mug.sku, 1], [pen.sku, 7]]);
  const removed = await guest.remove(cart.id, mug.sku);
  assertEquals([removed.status, unitsOf(removed.body)], [200, [[pen.sku, 7]]]);
  const changed = await guest.patch(cart.id, {
    destination: "DE",
    note: null,
    coupon_code: "SPRING",
    metadata: { channel: "app" },
  });
  assertEquals(
    [changed.body.destination, changed.body.note, changed.body.coupon_code, changed.body.metadata],
    ["DE", null, "SPRING", { channel: "app" }],
  );
  assertEquals((await guest.patch(cart.id, { metadata: { channel: null, a: "1" } })).body.metadata, {
    a: "1",
  });
  assertEquals((await guest.giveUp(cart.id)).status, 204);
  assertEquals((await guest.giveUp(cart.id)).status, 204, "once more changes nothing");
  const last = await guest.read(cart.id);
  assertEquals([last.body.status, last.body.version, last.headers.get("ETag")], ["expired", 8, '"8"']);

  const log = await eventsOf(app, "cart", cart.id);
  assertEquals(log.map(({ type, sequence, user_id }) => [type, sequence, user_id]), [
    ["cart.created", 1, null],
    ...[2, 3, 4, 5, 6, 7].map((sequence) => ["cart.updated", sequence, null]),
    ["cart.expired", 8, null],
  ]);
  assertEquals(log[1]!.data.changes, {
    "items/MUG/BLUE": { from: { quantity: 2, added_price: 1499 }, to: { quantity: 5, added_price: 1499 } },
  });
  assertEquals(log[2]!.data.changes, { "items/PEN": { from: null, to: { quantity: 7, added_price: 200 } } });
  assertEquals(log[4]!.data.changes, {
    "items/MUG/BLUE": { from: { quantity: 1, added_price: 1499 }, to: null },
  });
  assertEquals(log[5]!.data.changes.note, { from: "Gift", to: null });
  assertEquals(log[7]!.data.changes, { status: { from: "open", to: "expired" } });
  const [stored] = await app.deps.sql`select * from carts where id = ${cart.id}`;
  const { token_hash: _, ...row } = stored!;
  assertEquals(replayed(log.map(({ data }) => data)), row);
  await assertEventsValid(app.deps.sql);
});

Deno.test("A user's cart is theirs without a token, and their list has it", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const shopper = new Shopper(app, user);
  const carts = [];
  for (let i = 0; i < 3; i++) carts.push(await shopper.create({ [sku]: i + 1 }));
  for (const cart of carts) assertEquals([cart.token, cart.user_id], [undefined, user.id]);
  await shopper.giveUp(carts[1].id);
  const { body: open } = await shopper.call("GET", "");
  assertEquals(open.data.map(({ id }: { id: string }) => id), [carts[2].id, carts[0].id]);
  assertEquals(open.data[0].items, [{ sku, quantity: 3, added_price: 1499 }]);
  const { body: page } = await shopper.call("GET", "?limit=1");
  const { body: next } = await shopper.call("GET", `?limit=1&cursor=${page.next_cursor}`);
  assertEquals([page.data[0].id, next.data[0].id, next.next_cursor], [carts[2].id, carts[0].id, null]);
  const { body: expired } = await shopper.call("GET", "?status=expired");
  assertEquals(expired.data.map(({ id }: { id: string }) => id), [carts[1].id]);
  const [created] = await eventsOf(app, "cart", carts[0].id);
  assertEquals([created!.user_id, created!.actor], [user.id, `user:${user.id}`]);
});

Deno.test("Staff find everybody's open carts without a look at those that are over", async () => {
  await using app = await startTestApp({ DATABASE_POOL_SIZE: "1" });
  const { sql } = app.deps;
  const over = 5000;
  await sql`
    insert into carts (id, token_hash, status, currency, created_at, updated_at, expires_at)
    select gen_random_uuid(), '', 'expired', 'EUR', now(), now(), now() from generate_series(1, ${over}::int)`;
  const open = await app.request("POST", "/v1/carts", { body: { currency: "EUR" } });
  await sql`vacuum (analyze) carts`;
  const looked = async () => {
    await sql`select pg_stat_force_next_flush()`;
    const [row] = await sql<{ rows: number }[]>`
      select seq_tup_read + idx_tup_fetch as rows from pg_stat_user_tables where relname = 'carts'`;
    return row!.rows;
  };
  const { token } = await app.user("staff");
  const before = await looked();
  const { body } = await app.request("GET", "/v1/carts", { token });
  assertEquals(body.data.map(({ id }: { id: string }) => id), [open.body.id]);
  const rows = await looked() - before;
  assert(rows < over / 10, `${rows} carts were looked at`);
});

Deno.test("What changes nothing leaves version, log and life as they are; every other change lengthens it", async () => {
  const clock = { ms: Date.parse("2026-03-01T12:00:00Z"), now: () => new Date(clock.ms) };
  await using app = await startTestApp({ CART_EXPIRATION_DAYS: "10" }, { clock });
  const { sku } = await addProduct(app);
  const guest = new Shopper(app);
  const cart = await guest.create({ [sku]: 2 }, { note: "A", metadata: { a: "1" } });
  assertEquals(cart.expires_at, "2026-03-11T12:00:00.000Z");
  clock.ms += 86_400_000;
  for (
    const answer of [
      await guest.set(cart.id, sku, 2),
      await guest.remove(cart.id, "NOT-THERE"),
      await guest.patch(cart.id, {}),
      await guest.patch(cart.id, {
        note: "A",
        currency: "EUR",
        destination: null,
        metadata: { a: "1", b: null },
      }),
    ]
  ) {
    assertEquals([answer.status, answer.body, answer.headers.get("ETag")], [200, answerOf(cart), '"1"']);
  }
  assertEquals((await eventsOf(app, "cart", cart.id)).length, 1);
  const { body: changed } = await guest.add(cart.id, sku, 1);
  assertEquals([changed.version, changed.updated_at, changed.expires_at], [
    2,
    "2026-03-02T12:00:00.000Z",
    "2026-03-12T12:00:00.000Z",
  ]);
});

// deno-lint-ignore no-explicit-any
function answerOf({ token: _, ...cart }: any) {
  return cart;
}

Deno.test("If-Match lets a change through for the version that was read, and for no other", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const shopper = new Shopper(app, user);
  const { id } = await shopper.create({ [sku]: 1 });
  const stale = { "If-Match": '"7"' };
  for (
    const answer of [
      await shopper.patch(id, { note: "A" }, stale),
      await shopper.set(id, sku, 5, stale),
      await shopper.add(id, sku, 5, stale),
      await shopper.remove(id, sku, stale),
      await shopper.giveUp(id, stale),
    ]
  ) {
    assertEquals([answer.status, answer.body.code], [412, "version_mismatch"]);
  }
  let version = 1;
  for (
    const change of [
      (headers: Record<string, string>) => shopper.patch(id, { note: "A" }, headers),
      (headers: Record<string, string>) => shopper.set(id, sku, 5, headers),
      (headers: Record<string, string>) => shopper.add(id, sku, 5, headers),
      (headers: Record<string, string>) => shopper.remove(id, sku, headers),
      (headers: Record<string, string>) => shopper.giveUp(id, headers),
    ]
  ) {
    const { status, headers } = await change({ "If-Match": `"${version}"` });
    assert(status < 300);
    assertEquals(headers.get("ETag"), `"${++version}"`);
  }
  const unread = await shopper.call("GET", `/${id}`, { headers: { "If-None-Match": `"${version}"` } });
  assertEquals(unread.status, 200, "prices may have changed without the cart");
});

Deno.test("A cart that is over can be read, and no longer changed", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const shopper = new Shopper(app, user);
  const { id } = await shopper.create({ [sku]: 1 });
  await shopper.giveUp(id);
  for (
    const answer of [
      await shopper.patch(id, { note: "A" }),
      await shopper.set(id, sku, 5),
      await shopper.add(id, sku, 5),
      await shopper.remove(id, sku),
    ]
  ) {
    assertEquals([answer.status, answer.body.code, answer.body.errors[0].code], [
      409,
      "cart_closed",
      "expired",
    ]);
  }
  assertEquals(unitsOf((await shopper.read(id)).body), [[sku, 1]]);
  const [stored] = await app.deps.sql`
    update carts set status = 'checked_out', order_id = gen_random_uuid() where id = ${id} returning order_id`;
  const ordered = await shopper.giveUp(id);
  assertEquals([ordered.status, ordered.body.errors[0].order_id], [409, stored!.order_id]);
});

Deno.test("What is not sold cannot be put into a cart; each line at fault is named", async () => {
  await using app = await startTestApp();
  const sold = await addProduct(app);
  const draft = await addProduct(app, { status: "draft" });
  const archived = await addProduct(app, { status: "archived" });
  const guest = new Shopper(app);
  const quantity = 1;
  const { status, body } = await guest.call("POST", "", {
    body: {
      currency: "EUR",
      items: [
        { sku: sold.sku, quantity },
        { sku: draft.sku, quantity },
        { sku: archived.sku, quantity },
        { sku: "NONE", quantity },
        { sku: sold.sku, quantity: 1_000_000 },
      ],
    },
  });
  const faults = body.errors.map(({ pointer, code }: Record<string, string>) => [pointer, code]);
  assertEquals([status, body.code, faults], [422, "cart_refused", [
    ["/items/1/sku", "unknown_product"],
    ["/items/2/sku", "product_archived"],
    ["/items/3/sku", "unknown_product"],
    ["/items/4/quantity", "too_many"],
  ]]);
  assertEquals((await app.deps.sql`select from carts`).length, 0);

  const { id } = await guest.create({ [sold.sku]: 1 });
  for (const sku of [draft.sku, archived.sku, "NONE"]) {
    const [set, add] = [await guest.set(id, sku, 1), await guest.add(id, sku, 1)];
    assertEquals([set.status, set.body.code, set.body.errors[0].pointer], [422, "cart_refused", "path/sku"]);
    assertEquals([add.status, add.body.code, add.body.errors[0].pointer], [422, "cart_refused", "/sku"]);
  }
  const over = await guest.add(id, sold.sku, 1_000_000);
  assertEquals([over.status, over.body.errors[0].pointer], [422, "/quantity"]);
  assertEquals((await guest.read(id)).body.version, 1);
});

Deno.test("A cart holds a thousand lines and not one more", async () => {
  await using app = await startTestApp();
  await app.deps.sql`
    insert into products (id, sku, name) select gen_random_uuid(), 'S' || n, 'N' from generate_series(1, 1001) n`;
  const guest = new Shopper(app);
  const skus = Array.from({ length: 1000 }, (_, i) => `S${i + 1}`);
  const cart = await guest.create(Object.fromEntries(skus.map((sku) => [sku, 1])));
  assertEquals([cart.items.length, cart.problems.length], [1000, 2000]);
  const refused = await guest.set(cart.id, "S1001", 1);
  assertEquals([refused.status, refused.body.errors[0].code], [422, "too_many_lines"]);
  assertEquals((await guest.set(cart.id, "S1000", 2)).status, 200);
  await guest.remove(cart.id, "S1");
  assertEquals((await guest.set(cart.id, "S1001", 1)).body.items.length, 1000);
});

Deno.test("Garbage is refused with the name of what is wrong, and changes nothing", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app);
  const guest = new Shopper(app);
  const { id } = await guest.create({ [sku]: 1 });
  const bodies: [string, string, unknown, string][] = [
    ["POST", "", {}, "/currency"],
    ["POST", "", { currency: "eur" }, "/currency"],
    ["POST", "", { currency: "EUR", destination: "XX" }, "/destination"],
    ["POST", "", { currency: "EUR", items: [{ sku, quantity: 0 }] }, "/items/0/quantity"],
    ["POST", "", { currency: "EUR", items: [{ sku, quantity: 1.5 }] }, "/items/0/quantity"],
    ["POST", "", { currency: "EUR", items: [{ sku: "\u0000", quantity: 1 }] }, "/items/0/sku"],
    ["POST", "", { currency: "EUR", note: "a\u0000" }, "/note"],
    ["POST", "", { currency: "EUR", note: "x".repeat(2001) }, "/note"],
    ["POST", "", { currency: "EUR", user_id: id }, "/user_id"],
    ["POST", "", { currency: "EUR", metadata: { a: 1 } }, "/metadata/a"],
    ["PATCH", `/${id}`, { currency: null }, "/currency"],
    ["PATCH", `/${id}`, { coupon_code: "" }, "/coupon_code"],
    ["PATCH", `/${id}`, { status: "open" }, "/status"],
    ["PUT", `/${id}/items/${sku}`, { quantity: 0 }, "/quantity"],
    ["PUT", `/${id}/items/${sku}`, { quantity: 1_000_001 }, "/quantity"],
    ["PUT", `/${id}/items/${sku}`, { quantity: 1, sku }, "/sku"],
    ["PUT", `/${id}/items/%20`, { quantity: 1 }, "path/sku"],
    ["POST", `/${id}/items`, { sku, quantity: -1 }, "/quantity"],
    ["POST", `/${id}/items`, [], ""],
    ["GET", "/not-a-uuid", undefined, "path/id"],
  ];
  for (const [method, path, body, pointer] of bodies) {
    const answer = await guest.call(method, path, { body });
    const what = `${method} ${path} ${JSON.stringify(body)}`;
    assertEquals([answer.status, answer.body.code], [422, "invalid_request"], what);
    assertEquals(answer.body.errors[0].pointer, pointer, what);
  }
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`a${i}`, "x"]));
  const others = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`b${i}`, "x"]));
  await guest.patch(id, { metadata: many });
  const refused = await guest.patch(id, { metadata: others });
  assertEquals([refused.status, refused.body.errors[0].pointer], [422, "/metadata"]);
  assertEquals((await guest.read(id)).body.version, 2);
  assertNotEquals((await guest.call("PATCH", `/${id}`, { body: "{" })).status, 500);
});

import { assertEquals } from "@std/assert";
import { orderOf } from "../../src/checkout/order_of.ts";
import { FROM_QUOTES } from "../../src/checkout/queries.ts";
import { systemCtx } from "../../src/deps.ts";
import { deleteExpiredTokens } from "../../src/identity/mod.ts";
import { revokeFamilies } from "../../src/identity/queries.ts";
import { commitOrders, type PlacedOrder } from "../../src/orders/mod.ts";
import { insertCharges, type SandboxCharge } from "../../src/payments/providers/sandbox_queries.ts";
import { type Sql, transaction } from "../../src/platform/db.ts";
import { newId } from "../../src/platform/id.ts";
import type { Promotion } from "../../src/promotions/promotion.ts";
import { expireDueQuotes } from "../../src/quotes/mod.ts";
import { startTestApp, type TestApp, type TestUser } from "../support/app.ts";
import {
  ADA_IN_LEEDS,
  addExport,
  askQuote,
  checkedOut,
  fillCart,
  openBorders,
  quoted,
  tryCheckOut,
} from "../support/checkout.ts";
import { countDeadlocks, untilWaiting } from "../support/lock_waits.ts";
import { assertBooksBalance, read } from "../support/orders.ts";
import {
  DAY_MS,
  expire,
  MINUTE_MS,
  type PaidShop,
  startPaidShop,
  tryToPay,
  tryToRefund,
} from "../support/payments.ts";
import { addPromotion, redeemedOf } from "../support/promotions.ts";

/** The order of a quote, as it is committed beside others. */
function placedOf(user: TestUser, { cart, quote }: Awaited<ReturnType<typeof quoted>>): PlacedOrder {
  const actor = { kind: "user", userId: user.id, role: "customer" } as const;
  return {
    order: orderOf(quote, new Date(), 60_000, actor, { ship_to: ADA_IN_LEEDS }),
    actor: `user:${user.id}`,
    requestId: "test",
    cartVersion: cart.version,
  };
}

for (const way of ["in the order of their ids", "in the opposite order"]) {
  Deno.test(`Carts that are checked out together ${way} are held in that of their ids`, async () => {
    await using app = await startTestApp();
    await openBorders(app);
    const user = await app.user();
    const { sku } = await addExport(app);
    const quotes = [];
    for (let i = 0; i < 3; i++) quotes.push(await quoted(app, user, { [sku]: 1 }));
    quotes.sort((a, b) => a.cart.id < b.cart.id ? -1 : 1);
    const ids = quotes.map(({ cart }) => cart.id);
    const placed = quotes.map((each) => placedOf(user, each));
    if (way === "in the opposite order") placed.reverse();
    const { committing } = await app.deps.sql.begin(async (tx) => {
      await tx`select from carts where id = ${ids[1]} for no key update`;
      const committing = commitOrders(app.deps.sql, placed, FROM_QUOTES);
      await untilWaiting(tx);
      const free = await tx`
        select id from carts where id = any(${ids}::uuid[]) order by id for no key update skip locked`;
      assertEquals(free.map(({ id }) => id), ids.slice(1));
      return { committing };
    });
    assertEquals((await committing).map((number) => typeof number), ["string", "string", "string"]);
    await assertBooksBalance(app.deps.sql);
  });
}

Deno.test("Orders that are placed together take all their keys before any reference, whoever of them has which", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app);
  const one = await quoted(app, user, { [sku]: 1 });
  const [named, keyed] = [placedOf(user, one), placedOf(user, one)];
  named.order = { ...named.order, quote_id: null, external_reference: "PO-1" };
  keyed.order = { ...keyed.order, quote_id: null };
  const actor = `user:${user.id}`;
  keyed.idempotency = { actor, route: "POST /v1/orders", key: "one", requestHash: "0".repeat(64) };
  const { committing } = await app.deps.sql.begin(async (tx) => {
    await tx`
      insert into idempotency_keys (actor, route, key, request_hash, response)
      values (${actor}, 'POST /v1/orders', 'one', ${"0".repeat(64)}, '{}')`;
    const committing = commitOrders(app.deps.sql, [named, keyed]);
    await untilWaiting(tx, { text: "insert into idempotency_keys" });
    await tx`set local lock_timeout = '200ms'`; // a reference that the other had would be waited for
    await tx`set local session_replication_role = 'replica'`; // there is no such order
    await tx`insert into order_references (external_reference, order_id) values ('PO-1', ${newId()})`;
    await tx`delete from order_references`;
    return { committing };
  });
  assertEquals((await committing).map((number) => typeof number), ["string", "undefined"]);
  assertEquals(await countDeadlocks(app), 0);
});

type Quoted = Awaited<ReturnType<typeof quoted>>;

/** Three promotions in the order of their ids, and a quote with the coupon of each, of the last one first. */
async function quotedWithCoupons(app: TestApp, user: TestUser, sku: string) {
  const promotions: Promotion[] = [];
  for (let i = 0; i < 3; i++) promotions.push(await addPromotion(app));
  const quotes: Quoted[] = [];
  for (const { code } of promotions.toReversed()) {
    const cart = await fillCart(app, user, { [sku]: 1 }, { coupon_code: code });
    quotes.push({ cart, quote: (await askQuote(app, user, cart.id)).body });
  }
  return { promotions, quotes };
}

for (
  const [what, work] of [
    [
      "Orders that are placed together with coupons take them",
      ({ app, user }: PaidShop, quotes: Quoted[]) => {
        const placed = quotes.map((each) => placedOf(user, each));
        for (const each of placed) each.order = { ...each.order, quote_id: null };
        return commitOrders(app.deps.sql, placed);
      },
    ],
    ["Quotes that expire together give their coupons back", async ({ app, pass }: PaidShop) => {
      await pass(16 * MINUTE_MS);
      return await expireDueQuotes(systemCtx(app.deps, "test"));
    }],
    [
      "Orders that expire together give their coupons back",
      async ({ app, user, pass }: PaidShop, quotes: Quoted[]) => {
        for (const { quote } of quotes) await tryCheckOut(app, user, quote);
        await pass(DAY_MS);
        return await expire(app);
      },
    ],
  ] as const
) {
  Deno.test(`${what} in the order of their promotions, before any stock`, async () => {
    await using shop = await startPaidShop();
    const { app, user, sku } = shop;
    const { promotions, quotes } = await quotedWithCoupons(app, user, sku);
    const { working } = await app.deps.sql.begin(async (tx) => {
      await tx`select from promotions where id = ${promotions[1]!.id} for no key update`;
      const working = work(shop, quotes);
      await untilWaiting(tx);
      const free = await tx`select id from promotions order by id for no key update skip locked`;
      assertEquals(free.map(({ id }) => id), promotions.slice(1).map(({ id }) => id));
      await tx`select from stock_levels where sku = ${sku} for no key update nowait`;
      return { working };
    });
    await working;
    await assertBooksBalance(app.deps.sql);
  });
}

Deno.test("A cart that is quoted again with another coupon holds both promotions in their order, before any stock", async () => {
  await using shop = await startPaidShop();
  const { app, user, sku } = shop;
  const { promotions, quotes } = await quotedWithCoupons(app, user, sku);
  const [first, last] = [promotions[0]!, promotions[2]!];
  const { cart } = quotes[0]!;
  await app.request("PATCH", `/v1/carts/${cart.id}`, {
    token: user.token,
    body: { coupon_code: first.code },
  });
  const { quoting } = await app.deps.sql.begin(async (tx) => {
    await tx`select from promotions where id = ${first.id} for no key update`;
    const quoting = askQuote(app, user, cart.id);
    await untilWaiting(tx);
    await tx`select from promotions where id = ${last.id} for no key update nowait`;
    await tx`select from stock_levels where sku = ${sku} for no key update nowait`;
    return { quoting };
  });
  const { status, body } = await quoting;
  assertEquals([status, body.coupon_code], [201, first.code]);
  assertEquals([await redeemedOf(app, first), await redeemedOf(app, last)], [2, 0]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Units that staff refund by two payments free their stock with what the order's end frees, in one order", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  const gift = await addExport(app, { sku: "A-GIFT", prices: { EUR: 0 } });
  const mug = await addExport(app, { sku: "MUG", prices: { EUR: 1000 } });
  const { order } = await checkedOut(app, user, { [gift.sku]: 1, [mug.sku]: 2 });
  await tryToPay(app, user, order.id, "tok_success", { amount: order.total_price / 2 });
  await tryToPay(app, user, order.id, "tok_success");
  const { line } = order.items.find(({ sku }: { sku: string }) => sku === mug.sku);
  const { refunding } = await app.deps.sql.begin(async (tx) => {
    await tx`select from stock_levels where sku = ${gift.sku} for no key update`;
    const refunding = tryToRefund(app, staff, order.id, {
      items: [{ line, quantity: 2 }],
      include_shipping: true,
      manual: true,
    });
    await untilWaiting(tx);
    await tx`select from stock_levels where sku = ${mug.sku} for no key update nowait`;
    return { refunding };
  });
  assertEquals((await refunding).status, 201);
  const { body: { data } } = await app.request("GET", `/v1/orders/${order.id}/refunds`, {
    token: user.token,
  });
  assertEquals(data.length, 2);
  assertEquals((await read(app, user, order.id)).body.status, "REFUNDED");
  await assertBooksBalance(app.deps.sql);
});

for (
  const [what, work] of [
    ["swept", (sql: Sql) => deleteExpiredTokens(sql, new AbortController().signal)],
    [
      "ended with their user's password",
      (sql: Sql, userId: string) =>
        transaction(sql, (tx) => revokeFamilies(tx, userId, "password_changed", new Date().toISOString())),
    ],
  ] as const
) {
  Deno.test(`Sessions that are ${what} are held in the order of their ids`, async () => {
    await using app = await startTestApp();
    const { sql } = app.deps;
    const { id: userId } = await app.user();
    const ids = Array.from({ length: 5 }, () => newId());
    for (const id of ids.toReversed()) {
      await sql`insert into refresh_families (id, user_id) values (${id}, ${userId})`;
      await sql`
        insert into refresh_tokens (hash, family_id, expires_at)
        values (sha256(${id}::text::bytea), ${id}, now() - interval '1 hour')`;
    }
    const { working } = await sql.begin(async (tx) => {
      await tx`select from refresh_families where id = ${ids[2]!} for no key update`;
      const working = work(sql, userId);
      await untilWaiting(tx);
      const free = await tx`select id from refresh_families order by id for no key update skip locked`;
      assertEquals(free.map(({ id }) => id), ids.slice(2));
      return { working };
    });
    await working;
    assertEquals((await sql`select from refresh_families where revoked_at is null`).length, 0);
  });
}

Deno.test("Sessions that a sweep finds just ended go all the same", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const { id: userId } = await app.user();
  const id = newId();
  await sql`insert into refresh_families (id, user_id) values (${id}, ${userId})`;
  await sql`
    insert into refresh_tokens (hash, family_id, expires_at)
    select sha256(n::text::bytea), ${id}, now() - interval '1 hour' from generate_series(1, 2) n`;
  const { sweeping } = await transaction(sql, async (tx) => {
    await revokeFamilies(tx, userId, "password_changed", new Date().toISOString());
    const sweeping = deleteExpiredTokens(sql, new AbortController().signal);
    await untilWaiting(tx);
    return { sweeping };
  });
  assertEquals(await sweeping, 2);
  assertEquals((await sql`select from refresh_families`).length, 0);
});

Deno.test("The sandbox's bank writes charges that come together in the order of their ids", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const charges = [newId(), newId()].map((id): SandboxCharge => ({
    id,
    reference: `sandbox_${id}`,
    payment_method: "tok_success",
    currency: "EUR",
    amount: 100,
    status: "captured",
    capture_method: "automatic",
    return_url: null,
    amount_captured: 100,
    amount_refunded: 0,
  }));
  const [first, last] = charges;
  const { writing } = await transaction(sql, async (tx) => {
    await insertCharges(tx, [first!]);
    const writing = insertCharges(sql, [last!, first!]);
    await untilWaiting(tx);
    await tx`set local lock_timeout = '200ms'`; // a charge that the other had would be waited for
    await insertCharges(tx, [last!]);
    return { writing };
  });
  assertEquals(await writing, [undefined, undefined]);
  assertEquals(await countDeadlocks(app), 0);
});

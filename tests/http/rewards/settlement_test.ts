import { assert, assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { transaction } from "../../../src/platform/db.ts";
import { settlePoints } from "../../../src/rewards/mod.ts";
import type { Answer } from "../../support/app.ts";
import { addExport, askQuote, fillCart, tryCheckOut } from "../../support/checkout.ts";
import { assertEventsValid } from "../../support/events.ts";
import { assertBooksBalance, eventsOf, patch, place, read } from "../../support/orders.ts";
import {
  expire,
  letWorkerCatchUp,
  MINUTE_MS,
  type PaidShop,
  payLate,
  startPaidShop,
  TOTAL,
  tryToPay,
  tryToRecord,
  tryToRefund,
} from "../../support/payments.ts";
import { addPromotion } from "../../support/promotions.ts";
import { countingRows } from "../../support/rows_read.ts";
import {
  addCampaign,
  addReward,
  balanceOf,
  givePoints,
  movementsOf,
  pointsOf,
  redeem,
  settle,
} from "./rewards.ts";

const HOUR_MS = 60 * MINUTE_MS;
/** What the goods of {@link TOTAL}, 44.97, earn at two points for each euro. */
const FULL = 89;

const later = ({ clock }: PaidShop, ms: number) => new Date(clock.at.getTime() + ms).toISOString();

/** Of the points of such an order, those that are left of it now, rounded down. */
async function leftOf({ app, user }: PaidShop, { id }: { id: string }): Promise<number> {
  const { body } = await read(app, user, id);
  return Math.floor(FULL * (body.amount_paid - body.amount_refunded) / TOTAL);
}

async function refund({ app, staff }: PaidShop, { id }: { id: string }, ask: Record<string, unknown> = {}) {
  const { status, body } = await tryToRefund(app, staff, id, ask);
  assertEquals([status, body.status], [201, "succeeded"], JSON.stringify(body));
  await settle(app);
}

/** An order that is paid by card at once, and has its points. */
async function paid({ app, checkOut }: PaidShop) {
  const { order } = await checkOut("tok_success");
  await settle(app);
  return order;
}

Deno.test("Campaigns add up, each for its own goods in its own currency: by SKU or the product's category, after the discount, and nothing for shipping, duty and tax", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  const cup = await addExport(app, { prices: { EUR: 1001 } });
  const pan = await addExport(app, { prices: { EUR: 2000 } });
  await app.deps.sql`update products set category = 'Kitchen' where id = ${pan.id}`;
  const one = { points: 1 };
  await addCampaign(app, staff, { name: "All" });
  await addCampaign(app, staff, { name: "Cups", ...one, skus: [cup.sku, "NO-SUCH"] });
  await addCampaign(app, staff, { name: "Dollars", per_amount: [{ currency: "USD", amount: 1 }] });
  await addCampaign(app, staff, { name: "Kitchen", ...one, categories: ["Kitchen"] });
  await addCampaign(app, staff, {
    name: "Either",
    ...one,
    skus: [cup.sku, pan.sku],
    categories: ["Kitchen"],
  });
  await addCampaign(app, staff, { name: "Garden", categories: ["Garden"] });
  const { code } = await addPromotion(app, { starts_at: "2026-01-01T00:00:00.000Z" });

  const cart = await fillCart(app, user, { [cup.sku]: 3, [pan.sku]: 1 }, { coupon_code: code });
  const { body: quote } = await askQuote(app, user, cart.id);
  const { body: { order } } = await tryCheckOut(app, user, quote, {
    payment: { provider: "sandbox", payment_method: "tok_success" },
  });
  const totals = order.items.map(({ line_total }: { line_total: number }) => line_total);
  assertEquals([totals, order.total_price > 4503], [[2703, 1800], true]);
  await settle(app);
  const { body } = await app.request("GET", `/v1/orders/${order.id}/points`, { token: user.token });
  assertEquals(
    [
      body.points,
      body.campaigns.map((each: Record<string, unknown>) => [each.name, each.points, each.full_points]),
    ],
    [90 + 27 + 18 + 45, [["All", 90, 90], ["Cups", 27, 27], ["Kitchen", 18, 18], ["Either", 45, 45]]],
  );
  assertEquals(await balanceOf(app, user), body.points);
  assertEquals((await movementsOf(app, user)).length, 4, "one for each campaign");
  await assertEventsValid(app.deps.sql);
});

Deno.test("An order earns by the campaigns in whose time it was placed, to the millisecond, whenever it is paid", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut, pass } = shop;
  await addCampaign(app, staff, { name: "Soon", starts_at: later(shop, 20), ends_at: later(shop, 40) });
  const placedAt = [];
  for (let i = 0; i < 5; i++) {
    if (i % 2 === 0) placedAt.push((await checkOut()).order); // at 0, 20 and 40
    await pass(i % 2 === 0 ? 19 : 1);
    if (i % 2 === 0) placedAt.push((await checkOut()).order); // at 19, 39 and 59
  }
  for (const { id } of placedAt) assertEquals((await tryToPay(app, user, id)).body.status, "captured");
  await settle(app);
  const earned = [];
  for (const order of placedAt) earned.push((await pointsOf(app, user, order)).length);
  assertEquals(earned, [0, 0, 1, 1, 0, 0]);
});

Deno.test("An order that staff date back earns by the campaign that ran then, and by none that runs now", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const days = (day: number) => `2026-01-0${day}T00:00:00.000Z`;
  await addCampaign(app, staff);
  const ran = await addCampaign(app, staff, { points: 3, starts_at: days(2), ends_at: days(4) });
  const order = await place(app, staff, { [sku]: 1 }, { user_id: user.id, placed_at: days(3) });
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  await settle(app);
  const { body } = await app.request("GET", `/v1/orders/${order.id}/points`, { token: staff.token });
  assertEquals(body.campaigns.map((each: Record<string, unknown>) => [each.campaign_id, each.points]), [[
    ran.id,
    44,
  ]]);
  assertEquals(await balanceOf(app, user), 44);
});

Deno.test("What an order earned stays as its campaign was when it was paid: none that ends, begins or is added later changes it", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const change = async (id: string, body: object) => {
    const answer = await app.request("PATCH", `/v1/campaigns/${id}`, { token: staff.token, body });
    assertEquals(answer.status, 200, JSON.stringify(answer.body));
  };
  const before = await paid(shop);
  const campaign = await addCampaign(app, staff, { starts_at: later(shop, -HOUR_MS) });
  const order = await paid(shop);
  const { order: waits } = await checkOut();
  await change(campaign.id, { active: false });
  assertEquals((await tryToPay(app, user, waits.id)).body.status, "captured");
  await settle(app);
  const other = await addCampaign(app, staff, { name: "Other", points: 7, starts_at: later(shop, -HOUR_MS) });
  for (const each of [before, order, waits]) await refund(shop, each, { amount: 600 });
  await change(campaign.id, { active: true });
  await change(other.id, { starts_at: later(shop, -2 * HOUR_MS) });
  for (const each of [before, order, waits]) await refund(shop, each, { amount: 600 });
  assertEquals(await pointsOf(app, user, before), []);
  assertEquals(await pointsOf(app, user, waits), []);
  assertEquals(await pointsOf(app, user, order), [[await leftOf(shop, order), FULL]]);
  await change(campaign.id, { active: false, ends_at: later(shop, -1) });
  await refund(shop, order);
  assertEquals(await pointsOf(app, user, order), [[0, FULL]]);
  assertEquals(await balanceOf(app, user), 0);
});

Deno.test("An order that is paid in part earns nothing, and all of its points once with the rest, by bank as by what staff record", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  await addCampaign(app, staff);
  const [{ order: byBank }, { order: byStatus }] = [await checkOut(), await checkOut()];
  for (const order of [byBank, byStatus]) {
    assertEquals((await tryToRecord(app, staff, order.id, { amount: TOTAL - 1 })).status, 201);
  }
  const { order: unpaid } = await checkOut();
  assertEquals((await patch(app, user, unpaid.id, { status: "CANCELLED" })).status, 200);
  assertEquals(await settle(app), 0, "there is nothing to be done before");
  assertEquals(await balanceOf(app, user), 0);
  assertEquals((await tryToRecord(app, staff, byBank.id)).status, 201);
  assertEquals((await patch(app, staff, byStatus.id, { status: "PAID" })).status, 200);
  await settle(app);
  for (const order of [byBank, byStatus]) assertEquals(await pointsOf(app, user, order), [[FULL, FULL]]);
  assertEquals(await movementsOf(app, user), [`earned ${FULL} → ${FULL}`, `earned ${FULL} → ${2 * FULL}`]);
  assertEquals((await patch(app, staff, byBank.id, { note: "Ring twice" })).status, 200);
  assertEquals(await settle(app), 0, "what moves no money moves no points");
});

Deno.test("An order of which a part went back before the rest was paid earns by what is left of it", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  await addCampaign(app, staff);
  const { order } = await checkOut();
  assertEquals(
    (await tryToPay(app, user, order.id, "tok_success", { amount: 3000 })).body.status,
    "captured",
  );
  await refund(shop, order, { amount: 1000 });
  assertEquals(await pointsOf(app, user, order), []);
  assertEquals((await tryToPay(app, user, order.id)).body.status, "captured");
  await settle(app);
  assertEquals(await pointsOf(app, user, order), [[Math.floor(FULL * (TOTAL - 1000) / TOTAL), FULL]]);
});

Deno.test("What is paid too much earns nothing, and takes no points when it goes back", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  await addCampaign(app, staff);
  const { order } = await checkOut();
  const { paying, letItArrive } = await payLate(shop, order.id);
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  letItArrive();
  await paying;
  assertEquals((await read(app, user, order.id)).body.amount_due, -TOTAL);
  await settle(app);
  assertEquals(await pointsOf(app, user, order), [[FULL, FULL]]);
  await refund(shop, order, { amount: 1000 });
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  await settle(app);
  assertEquals((await read(app, user, order.id)).body.amount_due, 0);
  assertEquals(await movementsOf(app, user), [`earned ${FULL} → ${FULL}`]);
});

Deno.test("An order that was paid before there was a campaign earns nothing by it, even if it is paid once more", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut();
  const { paying, letItArrive } = await payLate(shop, order.id);
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  await settle(app);
  await addCampaign(app, staff, { starts_at: later(shop, -HOUR_MS) });
  letItArrive();
  await paying;
  assertEquals((await read(app, user, order.id)).body.amount_due, -TOTAL);
  assertEquals(await settle(app), 1);
  assertEquals(await pointsOf(app, user, order), []);
});

Deno.test("Points go with the money of a unit, of the shipping and of any amount, in proportion, until none are left", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  await addCampaign(app, staff);
  const order = await paid(shop);
  const asks = [
    { items: [{ line: 1, quantity: 1 }] },
    { include_shipping: true },
    { amount: 1 },
    { amount: 1234 },
  ];
  const left = [];
  for (const ask of asks) {
    await refund(shop, order, ask);
    left.push(await leftOf(shop, order));
    assertEquals(await pointsOf(app, user, order), [[left.at(-1), FULL]], JSON.stringify(ask));
  }
  assertEquals(left.toSorted((a, b) => b - a), left);
  await refund(shop, order);
  assertEquals(await pointsOf(app, user, order), [[0, FULL]]);
  assertEquals(await balanceOf(app, user), 0);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Points that went back after they were spent are owed: nothing is redeemed or taken then, and the next order pays them off", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  await addCampaign(app, staff);
  const reward = await addReward(app, staff, { points: 60 });
  const order = await paid(shop);
  assertEquals((await redeem(app, user, reward)).status, 201);
  await refund(shop, order);
  assertEquals(await balanceOf(app, user), -60);
  const refused = await redeem(app, user, reward);
  assertEquals([refused.status, refused.body.errors[0].code, refused.body.errors[0].balance], [
    422,
    "insufficient_points",
    -60,
  ]);
  const path = `/v1/users/${user.id}/points/adjustments`;
  const take = async (points: number) => {
    const { status, body } = await app.request("POST", path, {
      token: staff.token,
      body: { points: -points, reason: "Test" },
    });
    const { code, message, balance } = body.errors[0];
    return [status, code, message, balance];
  };
  assertEquals(await take(1), [422, "insufficient_points", "must be more than 0: there are none", -60]);
  await givePoints(app, staff, user, 10);
  assertEquals(await balanceOf(app, user), -50, "what is given may leave less than nothing");
  await paid(shop);
  assertEquals(await balanceOf(app, user), FULL - 50);
  assertEquals((await redeem(app, user, reward)).status, 422);
  await givePoints(app, staff, user, 60 - (FULL - 50));
  assertEquals((await redeem(app, user, reward)).status, 201);
  await givePoints(app, staff, user, 5);
  assertEquals(await take(6), [422, "insufficient_points", "must be at least -5: there are no more", 5]);
  await givePoints(app, staff, user, -5);
  assertEquals(await take(1), [422, "insufficient_points", "must be more than 0: there are none", 0]);
  await assertEventsValid(app.deps.sql);
});

Deno.test("An order that is cancelled has no points from then on, wherever its money is, and one that was never paid in full gets none", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  await addCampaign(app, staff);
  const [{ order }, { order: partly }] = [await checkOut(), await checkOut()];
  assertEquals((await tryToRecord(app, staff, order.id)).status, 201);
  for (let i = 0; i < 2; i++) {
    assertEquals((await tryToRecord(app, staff, partly.id, { amount: 2000 })).status, 201);
  }
  await settle(app);
  assertEquals(await pointsOf(app, user, order), [[FULL, FULL]]);
  for (const { id } of [order, partly]) {
    assertEquals((await patch(app, staff, id, { status: "CANCELLED" })).status, 200);
  }
  await settle(app);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals((await read(app, user, order.id)).body.amount_due, -TOTAL, "staff have not given it back yet");
  assertEquals(await pointsOf(app, user, order), [[0, FULL]]);
  for (const { id } of [order, partly]) {
    for (const amount of [1000, 500]) {
      assertEquals((await tryToRefund(app, staff, id, { amount, manual: true })).status, 201);
      await settle(app);
    }
  }
  assertEquals(await pointsOf(app, user, partly), []);
  assertEquals(await movementsOf(app, user), [`earned ${FULL} → ${FULL}`, `reversed ${-FULL} → 0`]);
});

Deno.test("Money that comes after an order was cancelled earns nothing, nor does what an expired order has, nor an order of nothing", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut, pass } = shop;
  await addCampaign(app, staff);
  const standing = async ({ id }: { id: string }) => {
    const { status, amount_paid } = (await read(app, user, id)).body;
    return [status, amount_paid];
  };
  const { order: cancelled } = await checkOut();
  const { paying, letItArrive } = await payLate(shop, cancelled.id);
  assertEquals((await patch(app, user, cancelled.id, { status: "CANCELLED" })).status, 200);
  letItArrive();
  await paying;
  assertEquals(await standing(cancelled), ["CANCELLED", TOTAL]);
  await settle(app);

  const { order: expired } = await checkOut();
  await tryToPay(app, user, expired.id, "tok_success", { amount: 3000 });
  await refund(shop, expired, { amount: 1000 });
  await pass(31 * MINUTE_MS);
  assertEquals(await expire(app), 1);
  assertEquals(await standing(expired), ["EXPIRED", 3000]);
  await settle(app);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  await settle(app);

  const { sku } = await addExport(app, { prices: { EUR: 0 } });
  const gift = await place(app, staff, { [sku]: 1 }, { user_id: user.id });
  assertEquals([gift.total_price, gift.payment_status], [0, "PAID"]);
  await settle(app);
  for (const each of [cancelled, expired, gift]) assertEquals(await pointsOf(app, user, each), []);
  assertEquals(await movementsOf(app, user), []);
});

Deno.test("However late, in whatever order and how often its jobs are done, an order has the points of its money", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  await addCampaign(app, staff);
  const ctx = systemCtx(app.deps, "test");
  const settleNow = (...orders: { order_id: string; first_paid: boolean }[]) =>
    transaction(app.deps.sql, (tx) => settlePoints(tx, ctx, orders));
  const refunded = async (ask: Record<string, unknown>) => {
    const { order } = await checkOut("tok_success");
    assertEquals((await tryToRefund(app, staff, order.id, ask)).body.status, "succeeded");
    return order;
  };
  const partly = await refunded({ amount: 1000 });
  const wholly = await refunded({});
  await settle(app); // both jobs of each, together
  const left = await leftOf(shop, partly);
  assertEquals(await pointsOf(app, user, partly), [[left, FULL]]);
  assertEquals(await pointsOf(app, user, wholly), []);
  assertEquals(await movementsOf(app, user), [`earned ${left} → ${left}`]);

  const reversed = await refunded({ amount: 1000 });
  const [first, more] = [{ order_id: reversed.id, first_paid: true }, {
    order_id: reversed.id,
    first_paid: false,
  }];
  await settleNow(more);
  assertEquals(await pointsOf(app, user, reversed), []);
  await settleNow(first);
  assertEquals(await pointsOf(app, user, reversed), [[left, FULL]]);
  await settleNow(more, first, more);
  await settleNow({ order_id: partly.id, first_paid: true }, first);
  await settle(app);
  assertEquals(await movementsOf(app, user), [`earned ${left} → ${left}`, `earned ${left} → ${2 * left}`]);
  await assertEventsValid(app.deps.sql);
});

Deno.test("A customer's points are read again only if they moved, and are told as they move; what an order has of them is its customer's to read", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const stranger = await app.user();
  const path = `/v1/users/${user.id}/points`;
  const get = (path: string, token?: string, etag?: string): Promise<Answer> =>
    app.request("GET", path, { token, headers: etag ? { "If-None-Match": etag } : {} });

  await addCampaign(app, staff, { per_amount: [{ currency: "USD", amount: 1 }] });
  await paid(shop);
  const none = await get(path, user.token);
  assertEquals(none.body, { user_id: user.id, balance: 0, version: 0, updated_at: null });
  await addCampaign(app, staff);
  const order = await paid(shop);
  await refund(shop, order, { amount: 1000 });
  await givePoints(app, staff, user, 3);
  const { body, headers } = await get(path, user.token, none.headers.get("ETag")!);
  const left = await leftOf(shop, order);
  assertEquals(body, {
    user_id: user.id,
    balance: left + 3,
    version: 3,
    updated_at: shop.clock.at.toISOString(),
  });
  const etag = headers.get("ETag")!;
  assertEquals((await get(path, user.token, etag)).status, 304);
  assertEquals((await get(path, staff.token)).body, body);
  await givePoints(app, staff, user, 1);
  assertEquals((await get(path, user.token, etag)).body.balance, left + 4);

  const { body: all } = await get(`${path}/movements`, user.token);
  const told = await eventsOf(app, "points", user.id);
  assertEquals(
    told.map(({ type, sequence, user_id }) => [type, sequence, user_id]),
    [1, 2, 3, 4].map((sequence) => ["points.moved", sequence, user.id]),
  );
  assertEquals(all, { data: told.map(({ data }) => data).toReversed(), next_cursor: null });

  const own = `/v1/orders/${order.id}/points`;
  assertEquals((await get(own, staff.token)).body, (await get(own, user.token)).body);
  assertEquals([(await get(own, stranger.token)).status, (await get(own)).status], [404, 401]);
  const unpaid = await place(app, staff, { [sku]: 1 }, { user_id: user.id });
  assertEquals((await get(`/v1/orders/${unpaid.id}/points`, user.token)).body, {
    order_id: unpaid.id,
    points: 0,
    campaigns: [],
  });
  await assertEventsValid(app.deps.sql);
});

Deno.test("Settling reads the orders that it is about and no others, whatever else there is", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const { sql } = app.deps;
  const order = await place(app, staff, { [sku]: 3 }, { user_id: user.id });
  assertEquals((await patch(app, staff, order.id, { status: "PAID" })).status, 200);
  const rowsRead = async (table: string) => {
    const jobs = [{ order_id: order.id, first_paid: true }];
    const { rows } = await countingRows(
      sql,
      table,
      (tx) => settlePoints(tx, systemCtx(app.deps, "test"), jobs),
    );
    return rows;
  };
  await addCampaign(app, staff);
  await settle(app);
  assertEquals(await pointsOf(app, user, order), [[FULL, FULL]]);
  await sql`
    insert into orders select r.*
    from orders o, generate_series(1, 500) as i, lateral jsonb_populate_record(null::orders, to_jsonb(o) || jsonb_build_object(
      'id', gen_random_uuid(), 'number', 'COPY-' || i)) as r`;
  await sql`
    insert into order_items select r.*
    from order_items i, orders o, lateral jsonb_populate_record(null::order_items, to_jsonb(i) || jsonb_build_object('order_id', o.id)) as r
    where o.id <> i.order_id`;
  await sql`
    insert into order_points select o.id, p.campaign_id, p.full_points, p.points
    from order_points p, orders o where o.id <> p.order_id`;
  await sql`
    insert into users (id, email, name, role)
    select gen_random_uuid(), 'copy-' || i || '@example.com', 'Copy', 'customer' from generate_series(1, 500) as i`;
  await sql`insert into points_accounts (user_id, updated_at) select id, now() from users on conflict do nothing`;
  const most = { orders: 2, order_items: 1, order_points: 1, points_accounts: 2, products: 1 };
  for (const [table, rows] of Object.entries(most)) {
    const read = await rowsRead(table);
    assert(read > 0 && read <= rows, `${read} rows of ${table} were read`);
  }
});

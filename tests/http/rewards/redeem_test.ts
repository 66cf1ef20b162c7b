import { assertEquals, assertMatch } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { type Answer, startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { ADA_IN_LEEDS, askQuote, fillCart, tryCheckOut } from "../../support/checkout.ts";
import { assertEventsValid } from "../../support/events.ts";
import { assertBooksBalance, eventsOf, tryToPlace, typesOf } from "../../support/orders.ts";
import { idsOf } from "../../support/pages.ts";
import { DAY_MS, startPaidShop } from "../../support/payments.ts";
import { Shopper } from "../carts/shopper.ts";
import * as promotions from "../promotions/promotions.ts";
import { addReward, balanceOf, givePoints, movementsOf, redeem } from "./rewards.ts";

const NOW = "2026-05-01T08:00:00.000Z";

/** A shop whose customer has 100 points. */
async function startWithPoints() {
  const app = await startTestApp({}, { clock: { now: () => new Date(NOW) } });
  const [staff, customer] = [await app.user("staff"), await app.user()];
  await givePoints(app, staff, customer, 100);
  return { app, staff, customer, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

/** Staff redeem a customer's points. */
const redeemFor = (
  app: TestApp,
  { token }: TestUser,
  user: { id: string },
  { id }: { id: string },
) => app.request("POST", `/v1/rewards/${id}/redemptions`, { token, body: { user_id: user.id } });

async function redeemed(...call: Parameters<typeof redeem>): Promise<Answer["body"]> {
  const { status, body } = await redeem(...call);
  assertEquals(status, 201, JSON.stringify(body));
  return body;
}

const read = (app: TestApp, { token }: TestUser, path: string, headers: Record<string, string> = {}) =>
  app.request("GET", path, { token, headers });

const codesOf = ({ status, body }: Answer) => [
  status,
  ...(body.errors ?? []).map(({ code }: { code: string }) => code),
];

Deno.test("Redeeming takes the points and gives a coupon of the customer's own, good once, for the reward's days, of all that the reward says", async () => {
  await using shop = await startWithPoints();
  const { app, staff, customer } = shop;
  const gives = {
    name: "Five off mugs",
    percent_off: null,
    amount_off: [{ currency: "EUR", amount: 500 }, { currency: "GBP", amount: 400 }],
    minimum_subtotal: [{ currency: "EUR", amount: 2000 }, { currency: "GBP", amount: 0 }],
    skus: ["MUG", "CUP"],
    categories: ["Kitchen"],
  };
  const reward = await addReward(app, staff, {
    ...gives,
    points: 60,
    valid_days: 30,
    max_redemptions: 5,
    max_per_customer: 5,
  });
  const { status, body: redemption, headers } = await redeem(app, customer, reward);
  const { id, promotion_id, coupon_code } = redemption;
  assertEquals([status, headers.get("Location")], [201, `/v1/reward-redemptions/${id}`]);
  assertMatch(coupon_code, /^R-[0-9A-Z]{12}$/);
  const asTold = {
    id,
    reward_id: reward.id,
    user_id: customer.id,
    points: 60,
    promotion_id,
    coupon_code,
    created_at: NOW,
    expires_at: "2026-05-31T08:00:00.000Z",
  };
  assertEquals(redemption, { ...asTold, order_id: null });
  const { body: promotion } = await read(app, staff, `/v1/promotions/${promotion_id}`);
  assertEquals(promotion, {
    ...gives,
    id: promotion_id,
    code: coupon_code,
    user_id: customer.id,
    active: true,
    starts_at: NOW,
    ends_at: "2026-05-31T08:00:00.000Z",
    max_redemptions: 1,
    max_per_customer: null,
    redeemed: 0,
    version: 1,
    created_at: NOW,
    updated_at: NOW,
  });
  assertEquals(await movementsOf(app, customer), ["adjusted 100 → 100", "redeemed -60 → 40"]);
  const { body: { data: [movement] } } = await read(
    app,
    customer,
    `/v1/users/${customer.id}/points/movements`,
  );
  assertEquals([movement.redemption_id, movement.created_at], [id, NOW]);
  assertEquals((await read(app, customer, `/v1/rewards/${reward.id}`)).body, { ...reward, redeemed: 1 });

  const by = { actor: `user:${customer.id}`, user_id: customer.id };
  assertEquals(await eventsOf(app, "reward_redemption", id), [
    { type: "reward_redemption.created", sequence: 1, ...by, data: asTold },
  ]);
  const { redeemed: _, ...told } = promotion;
  assertEquals(await eventsOf(app, "promotion", promotion_id), [
    { type: "promotion.created", sequence: 1, ...by, data: told },
  ]);
  assertEquals((await eventsOf(app, "points", customer.id))[1], {
    type: "points.moved",
    sequence: 2,
    ...by,
    data: movement,
  });
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A redemption that is refused says every reason, and does nothing", async () => {
  await using shop = await startWithPoints();
  const { app, staff, customer } = shop;
  const early = { starts_at: "2026-05-01T08:00:00.001Z" };
  const over = { starts_at: "2026-01-01T00:00:00.000Z", ends_at: NOW };
  const TOO_DEAR = { points: 101 };
  const cases: [Record<string, unknown>, string[]][] = [
    [TOO_DEAR, ["insufficient_points"]],
    [{ active: false }, ["reward_inactive"]],
    [early, ["reward_not_started"]],
    [over, ["reward_expired"]],
    [{ ...over, ...TOO_DEAR }, ["reward_expired", "insufficient_points"]],
  ];
  const told = await assertEventsValid(app.deps.sql);
  for (const [more, codes] of cases) {
    const reward = await addReward(app, staff, more);
    const refused = await redeemFor(app, staff, customer, reward);
    assertEquals([refused.body.code, ...codesOf(refused)], ["reward_refused", 422, ...codes]);
    assertEquals((await read(app, staff, `/v1/rewards/${reward.id}`)).body, reward);
    // What a customer cannot have now, they do not know of.
    const asCustomer = await redeem(app, customer, reward);
    assertEquals(codesOf(asCustomer), more === TOO_DEAR ? [422, ...codes] : [404], codes.join());
  }
  const { body: { errors } } = await redeem(app, customer, await addReward(app, staff, TOO_DEAR));
  assertEquals([errors[0].points, errors[0].balance], [101, 100]);
  assertEquals((await redeem(app, customer, { id: newId() })).status, 404);
  assertEquals(await assertEventsValid(app.deps.sql), { ...told, "reward.created": cases.length + 1 });
  assertEquals((await read(app, customer, "/v1/reward-redemptions")).body.data, []);
  assertEquals(await movementsOf(app, customer), ["adjusted 100 → 100"]);
});

Deno.test("A reward is had so often in all, and so often by each customer, and no more", async () => {
  await using shop = await startWithPoints();
  const { app, staff, customer } = shop;
  const another = await app.user();
  await givePoints(app, staff, another, 100);
  const once = await addReward(app, staff, { points: 10, max_per_customer: 1 });
  const last = await addReward(app, staff, { points: 10, max_redemptions: 1 });
  await redeemed(app, customer, last);
  await redeemed(app, customer, once); // which another reward does not count for
  assertEquals(codesOf(await redeem(app, customer, once)), [422, "reward_used_before"]);
  assertEquals(codesOf(await redeem(app, customer, last)), [422, "reward_used_up"]);
  await redeemed(app, another, once);
  assertEquals(codesOf(await redeem(app, another, last)), [422, "reward_used_up"]);
  assertEquals([await balanceOf(app, customer), await balanceOf(app, another)], [80, 90]);
});

Deno.test("Staff redeem a customer's points for them by their id, and nobody else does", async () => {
  await using shop = await startWithPoints();
  const { app, staff, customer } = shop;
  const stranger = await app.user();
  const reward = await addReward(app, staff);
  assertEquals((await redeemFor(app, stranger, customer, reward)).status, 403);
  assertEquals((await redeem(app, {} as TestUser, reward)).status, 401);
  assertEquals(codesOf(await redeemFor(app, staff, { id: newId() }, reward)), [422, "unknown_user"]);
  const closed = await app.user();
  await app.deps.sql`update users set disabled_at = now() where id = ${closed.id}`;
  assertEquals(codesOf(await redeemFor(app, staff, closed, reward)), [422, "unknown_user"]);
  // Without an id, staff redeem their own.
  assertEquals(codesOf(await redeem(app, staff, reward)), [422, "insufficient_points"]);
  assertEquals(await balanceOf(app, customer), 100);

  const { status, body } = await redeemFor(app, staff, customer, reward);
  assertEquals([status, body.user_id, await balanceOf(app, customer)], [201, customer.id, 50]);
  const [event] = await eventsOf(app, "reward_redemption", body.id);
  assertEquals([event!.actor, event!.user_id], [`user:${staff.id}`, customer.id]);
  assertEquals((await redeemFor(app, customer, customer, reward)).status, 201, "one's own id will do");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A customer whose token is good and of whom the database knows nothing is to log in again", async () => {
  await using shop = await startWithPoints();
  const { app, staff } = shop;
  const reward = await addReward(app, staff);
  const id = newId();
  const token = await app.deps.accessTokens.sign({ userId: id, role: "customer" }, app.deps.clock.now());
  const { status, body } = await redeem(app, { id, email: "", token }, reward);
  assertEquals([status, body.code], [401, "unauthenticated"]);
});

Deno.test("The same Idempotency-Key redeems once and gives the same coupon again; a refusal leaves it free", async () => {
  await using shop = await startWithPoints();
  const { app, staff, customer } = shop;
  const reward = await addReward(app, staff, { points: 150 });
  const key = { "Idempotency-Key": "k-1" };
  assertEquals(codesOf(await redeem(app, customer, reward, key)), [422, "insufficient_points"]);
  await givePoints(app, staff, customer, 300);
  const first = await redeem(app, customer, reward, key);
  assertEquals([first.status, first.headers.get("Idempotency-Replayed")], [201, null]);
  const again = await redeem(app, customer, reward, key);
  assertEquals([again.status, again.headers.get("Idempotency-Replayed")], [201, "true"]);
  assertEquals([again.body, again.headers.get("Location")], [first.body, first.headers.get("Location")]);
  const other = await addReward(app, staff);
  assertEquals((await redeem(app, customer, other, key)).body.code, "idempotency_key_reused");
  assertEquals(await balanceOf(app, customer), 250);
});

Deno.test("To another customer, and to a guest, the coupon is not known; its customer has it once, sees which order used it, and has it again where that is cancelled", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  await givePoints(app, staff, user, 100);
  const { id, coupon_code, order_id } = await redeemed(app, user, await addReward(app, staff));
  assertEquals(order_id, null);
  const usedBy = async () => (await read(app, user, `/v1/reward-redemptions/${id}`)).body.order_id;
  const more = { coupon_code };
  const order = (by: TestUser, about: Record<string, unknown> = {}) =>
    tryToPlace(app, by, { [sku]: 1 }, {
      more: { ship_to: ADA_IN_LEEDS, shipping_option: "standard", ...more, ...about },
    });

  const another = await app.user();
  const guests = await new Shopper(app).create({ [sku]: 1 }, { destination: "GB", ...more });
  const others = await fillCart(app, another, { [sku]: 1 }, more);
  const unknown = (await fillCart(app, another, { [sku]: 1 }, { coupon_code: "NO-SUCH" })).problems[0];
  for (const { problems, discount_total } of [guests, others]) {
    const [problem, ...rest] = problems;
    assertEquals([problem.reason, rest, discount_total], ["coupon_unknown", [], 0]);
    assertEquals(problem.message, unknown.message.replace("NO-SUCH", coupon_code));
  }
  assertEquals(codesOf(await askQuote(app, another, others.id)), [422, "coupon_unknown"]);
  for (
    const refused of [await order(another), await order(staff, { user_id: another.id }), await order(staff)]
  ) {
    assertEquals(codesOf(refused), [422, "coupon_unknown"]);
  }

  const cart = await fillCart(app, user, { [sku]: 1 }, more);
  assertEquals([cart.problems, cart.discount_total], [[], 150]);
  const { body: quote } = await askQuote(app, user, cart.id);
  assertEquals(await usedBy(), null, "a quote only holds it");
  const bought = await tryCheckOut(app, user, quote);
  assertEquals([bought.status, bought.body.order?.discount_total], [201, 150]);
  assertEquals(codesOf(await order(user)), [422, "coupon_used_up"]);
  assertEquals(await usedBy(), bought.body.order.id);
  const gone = await app.request("POST", `/v1/orders/${bought.body.order.id}/cancellation`, {
    token: user.token,
    body: {},
  });
  assertEquals([gone.body.status, await usedBy()], ["CANCELLED", null]);
  const next = await order(staff, { user_id: user.id });
  assertEquals([next.status, next.body.discount_total], [201, 150], "staff order for its customer");
  assertEquals(await usedBy(), next.body.id);
  assertEquals(codesOf(await order(user)), [422, "coupon_used_up"]);
  assertEquals(await balanceOf(app, user), 50, "points do not come back with the coupon");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A guest who becomes the customer has the coupon of their own in the cart that they filled before", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  await givePoints(app, staff, user, 50);
  const { coupon_code } = await redeemed(app, user, await addReward(app, staff));
  const guest = new Shopper(app);
  const { id } = await guest.create({ [sku]: 1 }, { destination: "GB", coupon_code });
  const { body: cart } = await new Shopper(app, { token: user.token, cartToken: guest.cartToken }).merge(id);
  assertEquals([cart.problems, cart.discount_total], [[], 150]);
});

Deno.test("The coupon can be used until the last of its days is over", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, clock, pass } = shop;
  await givePoints(app, staff, user, 50);
  const { coupon_code, expires_at } = await redeemed(
    app,
    user,
    await addReward(app, staff, { valid_days: 2 }),
  );
  assertEquals(Date.parse(expires_at), clock.at.getTime() + 2 * DAY_MS);
  await pass(2 * DAY_MS - 1);
  assertEquals((await fillCart(app, user, { [sku]: 1 }, { coupon_code })).problems, []);
  await pass(1);
  const { problems: [problem] } = await fillCart(app, user, { [sku]: 1 }, { coupon_code });
  assertEquals(problem.reason, "coupon_expired");
});

Deno.test("A redemption's events are for its customer and for staff, and for nobody else", async () => {
  await using shop = await startWithPoints();
  const { app, staff, customer } = shop;
  const stranger = await app.user();
  const { promotion_id } = await redeemed(app, customer, await addReward(app, staff));
  const change = await promotions.change(app, staff, { id: promotion_id }, { active: false });
  assertEquals(change.status, 200);
  const own = [
    ["points.moved", "staff"],
    ["promotion.created", "customer"],
    ["points.moved", "customer"],
    ["reward_redemption.created", "customer"],
    ["promotion.updated", "staff"],
  ];
  const seenBy = async (user: TestUser) =>
    (await read(app, user, "/v1/events")).body.data.map((event: { type: string; actor: string }) => [
      event.type,
      event.actor,
    ]);
  assertEquals(await seenBy(customer), own);
  assertEquals(await seenBy(stranger), []);
  assertEquals((await seenBy(staff)).length, own.length + 1, "and that the reward was added");
  await assertEventsValid(app.deps.sql);
});

Deno.test("Customers see redemptions of their own, staff everyone's, by customer and by reward, newest first and page by page", async () => {
  await using shop = await startWithPoints();
  const { app, staff, customer } = shop;
  const another = await app.user();
  await givePoints(app, staff, another, 100);
  const [one, two] = [
    await addReward(app, staff, { points: 1 }),
    await addReward(app, staff, { points: 1 }),
  ];
  const first = await redeemed(app, customer, one);
  const theirs = await redeemed(app, another, one);
  const second = await redeemed(app, customer, two);
  const third = await redeemed(app, customer, one);
  const PATH = "/v1/reward-redemptions";
  const listed = (user: TestUser, query: Record<string, string> = {}) => idsOf(app, user, PATH, query);

  assertEquals(await listed(customer, { limit: "2" }), [[third.id, second.id], [first.id]]);
  assertEquals(await listed(customer, { reward_id: two.id }), [[second.id]]);
  assertEquals(await listed(customer, { user_id: customer.id, reward_id: one.id }), [[third.id, first.id]]);
  assertEquals(await listed(another), [[theirs.id]]);
  assertEquals(await listed(staff), [[third.id, second.id, theirs.id, first.id]]);
  assertEquals(await listed(staff, { user_id: another.id }), [[theirs.id]]);
  assertEquals(await listed(staff, { reward_id: one.id, limit: "2" }), [[third.id, theirs.id], [first.id]]);
  assertEquals((await read(app, customer, PATH)).body.data, [third, second, first]);
  assertEquals((await read(app, customer, `${PATH}?user_id=${another.id}`)).status, 403);
  assertEquals((await read(app, {} as TestUser, PATH)).status, 401);

  const of = (user: TestUser, { id }: { id: string }) => read(app, user, `${PATH}/${id}`);
  assertEquals((await of(customer, first)).body, first);
  assertEquals((await of(staff, theirs)).body, theirs);
  assertEquals((await of(customer, theirs)).status, 404);
  assertEquals((await of(staff, { id: newId() })).status, 404);
});

Deno.test("A redemption says until when its coupon can be used as staff have it now, and is answered with 304 until then", async () => {
  await using shop = await startWithPoints();
  const { app, staff, customer } = shop;
  const redemption = await redeemed(app, customer, await addReward(app, staff));
  const path = `/v1/reward-redemptions/${redemption.id}`;
  const tag = (await read(app, customer, path)).headers.get("ETag")!;
  const again = () => read(app, customer, path, { "If-None-Match": tag });
  assertEquals((await again()).status, 304);
  await promotions.change(app, staff, { id: redemption.promotion_id }, { ends_at: null });
  const { status, body } = await again();
  assertEquals([status, body], [200, { ...redemption, expires_at: null }]);
});

Deno.test("Staff add a promotion for one customer alone, who cannot become another, and find it by them", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const nobody = newId();
  const refused = await promotions.send(app, staff, { ...promotions.TEN_OFF, user_id: nobody });
  assertEquals([...promotions.wrong(refused), ...codesOf(refused)], [422, "/user_id", 422, "unknown_user"]);
  assertEquals(await assertEventsValid(app.deps.sql), {});

  const theirs = await promotions.create(app, staff, { code: "YOURS", user_id: customer.id });
  assertEquals(theirs.user_id, customer.id);
  await promotions.create(app, staff);
  const listed = (user: { id: string }) => idsOf(app, staff, "/v1/promotions", { user_id: user.id });
  assertEquals(await listed(customer), [[theirs.id]]);
  assertEquals(await listed(staff), [[]]);
  for (const user_id of [null, staff.id]) {
    assertEquals(promotions.wrong(await promotions.change(app, staff, theirs, { user_id })), [
      422,
      "/user_id",
    ]);
  }
  assertEquals((await promotions.change(app, staff, theirs, { active: false })).body.user_id, customer.id);
  const events = await eventsOf(app, "promotion", theirs.id);
  assertEquals(events.map(({ user_id, data }) => [user_id, data.user_id]), [
    [customer.id, customer.id],
    [customer.id, customer.id],
  ]);
  assertEquals(await typesOf(app, "promotion", theirs.id), ["promotion.created", "promotion.updated"]);
  await assertEventsValid(app.deps.sql);
});

import { assertEquals } from "@std/assert";
import { addExport, askQuote, fillCart, tryCheckOut } from "../../support/checkout.ts";
import { assertEventsValid } from "../../support/events.ts";
import { assertBooksBalance } from "../../support/orders.ts";
import { startPaidShop, tryToRefund } from "../../support/payments.ts";
import { readLog } from "../../support/worker.ts";
import { addCampaign, addReward, balanceOf, movementsOf, pointsOf, redeem, settle } from "./rewards.ts";

const PAID_AT_ONCE = { payment: { provider: "sandbox", payment_method: "tok_success" } };

Deno.test("A shop without campaigns makes no jobs for points; what was paid before the first one earns nothing later", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut("tok_success");
  await readLog(app.deps);
  assertEquals((await app.deps.sql`select from pgboss.job where name = 'rewards.settle'`).length, 0);
  await addCampaign(app, staff);
  assertEquals((await tryToRefund(app, staff, order.id, { amount: 1 })).status, 201);
  await settle(app);
  assertEquals([await pointsOf(app, user, order), await balanceOf(app, user)], [[], 0]);
});

Deno.test("An order earns points once it is paid, loses them with its money, and they buy a coupon that the next order takes", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  await addCampaign(app, staff);
  const { sku } = await addExport(app, { prices: { EUR: 1001 } });
  const buy = async (more: Record<string, unknown> = {}) => {
    const had = await balanceOf(app, user);
    const cart = await fillCart(app, user, { [sku]: 3 }, more);
    const { body: quote } = await askQuote(app, user, cart.id);
    const { status, body } = await tryCheckOut(app, user, quote, PAID_AT_ONCE);
    assertEquals(status, 201, JSON.stringify(body));
    assertEquals([await balanceOf(app, user), await pointsOf(app, user, body.order)], [had, []]);
    await settle(app);
    return body.order;
  };

  const order = await buy();
  assertEquals([await balanceOf(app, user), await pointsOf(app, user, order)], [60, [[60, 60]]]);
  await settle(app);
  assertEquals(await balanceOf(app, user), 60, "once");

  const reward = await addReward(app, staff);
  const { status, body: { coupon_code } } = await redeem(app, user, reward);
  assertEquals([status, await balanceOf(app, user)], [201, 10]);
  const cheaper = await buy({ coupon_code });
  assertEquals([cheaper.coupon_code, cheaper.discount_total], [coupon_code, 300]);

  const half = Math.floor(order.total_price / 2);
  assertEquals((await tryToRefund(app, staff, order.id, { amount: half })).status, 201);
  await settle(app);
  const left = Math.floor(60 * (order.total_price - half) / order.total_price);
  assertEquals(await pointsOf(app, user, order), [[left, 60]]);
  assertEquals((await tryToRefund(app, staff, order.id)).status, 201);
  await settle(app);
  assertEquals(await pointsOf(app, user, order), [[0, 60]]);
  assertEquals(await movementsOf(app, user), [
    "earned 60 → 60",
    "redeemed -50 → 10",
    "earned 54 → 64",
    `reversed ${left - 60} → ${64 + left - 60}`,
    `reversed ${-left} → 4`,
  ]);
  await assertEventsValid(app.deps.sql);
  await assertBooksBalance(app.deps.sql);
});

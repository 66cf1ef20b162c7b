import { assertEquals } from "@std/assert";
import { systemCtx } from "../../src/deps.ts";
import { expireDueQuotes } from "../../src/quotes/mod.ts";
import { Shopper } from "../http/carts/shopper.ts";
import type { Answer, TestApp, TestUser } from "../support/app.ts";
import { ADA_IN_LEEDS, addExport, askQuote, fillCart, tryCheckOut } from "../support/checkout.ts";
import { countDeadlocks } from "../support/lock_waits.ts";
import { assertBooksBalance, startAnother, tryToPlace } from "../support/orders.ts";
import { MINUTE_MS, startPaidShop } from "../support/payments.ts";
import { addPromotion, redeemedOf } from "../support/promotions.ts";
import { Dice } from "../support/random.ts";

const CUSTOMERS = 16;
const ROUNDS = 4;
const COUPONS = [
  { code: "FOR-ALL", percent_off: "5" },
  { code: "SCARCE", max_redemptions: 5 },
  { code: "ONCE-EACH", max_per_customer: 1, amount_off: [{ currency: "EUR", amount: 100 }] },
];

/** One customer who takes coupons and gives them back, by quotes and by orders of all products in any order, while all that is quoted may expire. */
async function goShopping(
  app: TestApp,
  user: TestUser,
  { dice, skus, sweep }: { dice: Dice; skus: string[]; sweep: () => Promise<unknown> },
): Promise<Answer[]> {
  const shopper = new Shopper(app, user);
  const someGoods = () => ({ [dice.pick(...skus)]: dice.upTo(2), [dice.pick(...skus)]: dice.upTo(2) });
  const coupon = () => ({ coupon_code: dice.pick(...COUPONS).code });
  const answers: Answer[] = [];
  const ask = async (answer: Promise<Answer>) => answers[answers.push(await answer) - 1]!;
  for (let round = 0; round < ROUNDS; round++) {
    const cart = await fillCart(app, user, someGoods(), coupon());
    await ask(askQuote(app, user, cart.id));
    await ask(shopper.patch(cart.id, coupon()));
    const { status, body: quote } = await ask(askQuote(app, user, cart.id));
    const orders = [];
    if (dice.chance(0.2)) await sweep();
    if (status === 201 && dice.chance(0.5)) {
      orders.push((await ask(tryCheckOut(app, user, quote))).body.order);
    } else if (dice.chance(0.5)) await ask(shopper.giveUp(cart.id));
    const more = { ship_to: ADA_IN_LEEDS, shipping_option: "standard", ...coupon() };
    const placed = await ask(tryToPlace(app, user, someGoods(), { more }));
    if (placed.status === 201) orders.push(placed.body);
    for (const order of orders.filter((order) => order && dice.chance(0.7))) {
      const path = `/v1/orders/${order.id}/cancellation`;
      await ask(app.request("POST", path, { token: user.token, body: {} }));
    }
  }
  return answers;
}

Deno.test("Coupons that many take and give back at once, by two processes, are counted to the last use, and nobody waits in a circle", async () => {
  await using shop = await startPaidShop();
  const { app, clock } = shop;
  await using other = await startAnother(app);
  const skus: string[] = [];
  for (let i = 0; i < 3; i++) skus.push((await addExport(app, { stock: 10_000 })).sku);
  const promotions = [];
  for (const coupon of COUPONS) promotions.push(await addPromotion(app, coupon));
  const users = await Promise.all(Array.from({ length: CUSTOMERS }, () => app.user()));

  const later = new Date(clock.at.getTime() + 16 * MINUTE_MS);
  const sweep = () => expireDueQuotes({ ...systemCtx(app.deps, "test"), clock: { now: () => later } });
  const answers = await Promise.all(
    users.map((user, i) => goShopping(i % 2 ? app : other, user, { dice: new Dice(i + 1), skus, sweep })),
  );
  assertEquals(answers.flat().filter(({ status }) => status >= 500).map(({ body }) => body), []);
  await assertBooksBalance(app.deps.sql);

  // What quotes hold still comes back; what orders have is what is left.
  await sweep();
  for (const promotion of promotions) {
    const [{ had }] = await app.deps.sql<[{ had: number }]>`
      select count(*)::int as had from orders where coupon_code = ${promotion.code} and status <> 'CANCELLED'`;
    assertEquals(await redeemedOf(app, promotion), had, promotion.code);
  }
  await assertBooksBalance(app.deps.sql);
  assertEquals(await countDeadlocks(app), 0);
});

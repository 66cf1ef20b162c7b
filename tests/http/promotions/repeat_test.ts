import { assertEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { addProduct, assertBooksBalance, tryToPlace } from "../../support/orders.ts";
import { addPromotion, redeemedOf } from "../../support/promotions.ts";

Deno.test("A hundred identical requests at once with one key, for the last use of a coupon, are all answered the one order", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const promotion = await addPromotion(app, { code: "LAST", max_redemptions: 1 });
  const answers = await Promise.all(
    Array.from(
      { length: 100 },
      () => tryToPlace(app, user, { [sku]: 1 }, { key: "one", more: { coupon_code: "LAST" } }),
    ),
  );
  assertEquals(answers.map(({ status }) => status), Array(100).fill(201));
  assertEquals(new Set(answers.map(({ body }) => body.id)).size, 1);
  assertEquals(await redeemedOf(app, promotion), 1);
  await assertBooksBalance(app.deps.sql);
});

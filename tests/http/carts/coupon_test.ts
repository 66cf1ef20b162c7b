import { assertEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { addExport, askQuote, fillCart, openBorders } from "../../support/checkout.ts";
import { addPromotion } from "../../support/promotions.ts";
import { sendRates } from "../trade/support.ts";

Deno.test("A cart holds no want of worth against its coupon while it has goods that only a quote has a price of", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const [user, staff] = [await app.user(), await app.user("staff")];
  await sendRates(app, staff.token, "Date,KWD,\n2026-01-02,0.5,\n");
  const mug = await addExport(app, { prices: { EUR: 1000, KWD: 5000 } });
  const bowl = await addExport(app, { prices: { EUR: 2000 } });
  await addPromotion(app, { code: "FROM-15", minimum_subtotal: [{ currency: "KWD", amount: 15_000 }] });
  await addPromotion(app, { code: "BOWLS", skus: [bowl.sku] });
  const reasons = async (quantities: Record<string, number>, coupon_code: string) => {
    const { id, problems } = await fillCart(app, user, quantities, { currency: "KWD", coupon_code });
    const { body } = await askQuote(app, user, id);
    return {
      cart: problems.map(({ code, reason }: { code: string; reason?: string }) => reason ?? code),
      quote: body.discount_total ?? body.errors.map(({ code }: { code: string }) => code),
    };
  };
  // A bowl is converted to 10.000: with a mug it is worth 15.000.
  assertEquals(await reasons({ [mug.sku]: 1, [bowl.sku]: 1 }, "FROM-15"), {
    cart: ["no_price"],
    quote: 1500,
  });
  assertEquals(await reasons({ [bowl.sku]: 1 }, "BOWLS"), { cart: ["no_price"], quote: 1000 });
  assertEquals(await reasons({ [mug.sku]: 1 }, "FROM-15"), {
    cart: ["coupon_minimum_not_met"],
    quote: ["coupon_minimum_not_met"],
  });
  assertEquals(await reasons({ [mug.sku]: 1 }, "BOWLS"), {
    cart: ["coupon_not_applicable"],
    quote: ["coupon_not_applicable"],
  });
});

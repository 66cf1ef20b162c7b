import { assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { importSchedule } from "../../../src/trade/mod.ts";
import type { PaymentProvider } from "../../../src/payments/providers/provider.ts";
import { addExport, checkedOut, lawOf } from "../../support/checkout.ts";
import { payThrough, sandboxOf, startPaidShop, tryToPay, tryToRefund } from "../../support/payments.ts";

const TAX = {
  name: "VAT",
  rates: [{ rate: "0.2" }],
  de_minimis: null,
  collected_by_seller_up_to: null,
  scheme: null,
};

for (
  const [what, tax, ofGoods] of [
    ["goods and duty", { ...TAX, base: ["goods", "duty"] }, 999],
    ["goods and shipping, where the seller collects it", {
      ...TAX,
      base: ["goods", "shipping", "duty"],
      seller_base: ["goods", "shipping"],
      collected_by_seller_up_to: { amount: 1_000_000, basis: "goods" },
      scheme: "IOSS",
    }, 899],
  ] as const
) {
  Deno.test(`All units without their shipping give back exactly the tax that they bore, which is on ${what}`, async () => {
    await using shop = await startPaidShop();
    const { app, user, staff } = shop;
    await importSchedule(
      systemCtx(app.deps, "test"),
      lawOf("GB", { effective_from: "2026-11-01", tax }),
    );
    const { sku } = await addExport(app, { prices: { EUR: 1499 }, stock: 10 });
    const { order } = await checkedOut(app, user, { [sku]: 3 }, "tok_success");
    assertEquals([order.subtotal, order.shipping_total, order.duty_total, order.tax_total], [
      4497,
      500,
      500,
      999,
    ]);
    const { body } = await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 3 }] });
    assertEquals([body.goods_amount, body.shipping_amount, body.duty_amount, body.tax_amount], [
      4497,
      0,
      500,
      ofGoods,
    ]);
  });
}

Deno.test("A provider that says it took more than it was asked for answers no 500 and leaves nothing in doubt for ever", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order } = await checkOut();
  const sandbox = sandboxOf(app);
  payThrough(app, {
    ...sandbox,
    async charge(request, signal) {
      const state = await sandbox.charge(request, signal);
      return {
        ...state,
        amountCaptured: state.amountCaptured + 1,
        amountAuthorised: state.amountAuthorised + 1,
      };
    },
  } as PaymentProvider);
  const { status } = await tryToPay(app, user, order.id, "tok_success", { amount: 2000 });
  assertEquals(status, 201);
  const reserved = await tryToPay(app, user, order.id, "tok_success", { capture_method: "manual" });
  assertEquals([reserved.status, reserved.body.status], [201, "created"]);
});

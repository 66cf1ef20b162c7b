import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { consignments } from "../../tests/support/consignments.ts";
import type { Actor } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import { newId } from "../platform/id.ts";
import { landedCost, type ProductFacts } from "../trade/mod.ts";
import { draftOrder, type OrderItem, type PlaceOrder } from "./order.ts";
import { isLanded } from "./pricing.ts";

const NOW = new Date("2026-01-31T12:00:00.000Z");
const HALF_AN_HOUR_MS = 1_800_000;
const CUSTOMER: Actor = { kind: "user", userId: newId(), role: "customer" };
const STAFF: Actor = { kind: "user", userId: newId(), role: "staff" };

const TOTALS = [
  "discount_total",
  "subtotal",
  "shipping_total",
  "duty_total",
  "tax_total",
  "total_price",
] as const;

/** Any consignment as a call of POST /orders. */
const baskets = consignments.map(({ input, facts }) => {
  const products = input.lines.map(({ product }, index): ProductFacts => ({
    ...product,
    sku: `${product.sku}-${index}`,
    status: "active",
    available: 50,
  }));
  const ask: PlaceOrder = {
    items: products.map(({ sku }, index) => ({ sku, quantity: input.lines[index]!.quantity })),
    currency: input.currency,
    ship_to: { name: "Ada", lines: ["1 High St"], city: "Town", country: input.destination },
    incoterm: input.incoterm,
    shipping_option: input.shippingOption,
  };
  const promotion = input.coupon?.promotion;
  const skus = promotion?.skus.flatMap((sku) => products.map((_, index) => `${sku}-${index}`));
  const coupon = input.coupon && { ...input.coupon, promotion: { ...promotion!, skus: skus! } };
  const known = {
    bySku: new Map(products.map((product) => [product.sku, product])),
    byId: new Map(),
    ownerActive: true,
    keepsSchedules: true,
  };
  return { input, ask, known, landed: { trade: facts, shipFrom: input.shipFrom }, coupon };
});

Deno.test("For all goods and laws an order costs to the minor unit what a quote for it would", () => {
  fc.assert(
    fc.property(baskets, ({ input, ask, known, landed, coupon }) => {
      const quote = landedCost(input, landed.trade);
      const { order, explanation } = draftOrder(NOW, HALF_AN_HOUR_MS, CUSTOMER, ask, known, landed, coupon);
      for (const total of TOTALS) assertEquals(order[total], quote[total], total);
      order.items.forEach((item, index) => {
        const { duty_on_delivery: _, tax_on_delivery: __, sku: ___, ...line } = quote.lines[index]!;
        const { list_price: ____, sku: _____, cancelled: ______, shipped: _7, returned: _8, ...charged } =
          item;
        assertEquals(charged, line);
      });
      assertEquals([order.incoterm, order.shipping_option], [input.incoterm, input.shippingOption]);
      assertEquals(explanation, quote.explanation);
    }),
    { numRuns: 500 },
  );
});

Deno.test("Staff's own unit price is what duty and tax are charged on, beside the list price", () => {
  fc.assert(
    fc.property(baskets, fc.nat(100_000), ({ input, ask, known, landed, coupon }, unit_price) => {
      const items = ask.items.map((item) => ({ ...item, unit_price }));
      const { order, explanation } = draftOrder(
        NOW,
        HALF_AN_HOUR_MS,
        STAFF,
        { ...ask, items, user_id: newId() },
        known,
        landed,
        unit_price > 0 ? coupon : undefined,
      );
      const lines = input.lines.map(({ product, quantity }) => ({
        product: { ...product, prices: { [input.currency]: unit_price } },
        quantity,
      }));
      assertEquals(
        order.total_price,
        landedCost({
          ...input,
          lines,
          coupon: unit_price > 0 ? input.coupon : undefined,
        }, landed.trade).total_price,
      );
      for (const { kind, rule } of explanation!) {
        if (kind === "goods") assertMatch(rule, /, the agreed price$/);
      }
      order.items.forEach(({ list_price }, index) => {
        const listed = input.lines[index]!.product.prices[input.currency] ?? null;
        assertEquals(list_price, listed === unit_price ? null : listed);
      });
    }),
    { numRuns: 200 },
  );
});

Deno.test("For all goods a coupon takes off of list prices to the minor unit what it takes off in a quote, for the same reasons", () => {
  fc.assert(
    fc.property(baskets, ({ input, ask, known, landed, coupon }) => {
      const quote = landedCost(input, landed.trade);
      const prices = quote.lines.map(({ unit_price }) => ({ [input.currency]: unit_price }));
      const products = [...known.bySku.values()].map((product, index) => ({
        ...product,
        prices: prices[index]!,
      }));
      const bySku = new Map(products.map((product) => [product.sku, product]));
      const { items, currency, ship_to } = ask;
      const { order, explanation } = draftOrder(
        NOW,
        HALF_AN_HOUR_MS,
        STAFF,
        { items, currency, ship_to, user_id: newId() },
        { ...known, bySku },
        undefined,
        coupon,
      );
      const goodsOf = (
        of: Pick<OrderItem, "unit_price" | "discount_amount" | "line_total">,
      ) => [of.unit_price, of.discount_amount, of.line_total];
      assertEquals(order.items.map(goodsOf), quote.lines.map(goodsOf));
      assertEquals([order.total_price, order.discount_total], [quote.subtotal, quote.discount_total]);
      if (!coupon) return assertEquals(explanation, undefined);
      const told = explanation!.filter(({ kind }) => kind === "discount");
      assertEquals(told, quote.explanation.filter(({ kind }) => kind === "discount"));
      assertEquals(explanation!.reduce((sum, { amount }) => sum + amount, 0), order.total_price);
    }),
    { numRuns: 500 },
  );
});

Deno.test("What trade holds against an order is told with what else is wrong, by the order's own fields", () => {
  const { ask, known, landed } = fc.sample(baskets, { numRuns: 1, seed: 7 })[0]!;
  const [first] = ask.items;
  const { hs_code } = known.bySku.get(first!.sku!)!;
  const restriction = {
    hs_prefix: hs_code,
    category: null,
    verdict: "forbidden" as const,
    reason: "None of it",
  };
  const { rules, ...schedule } = landed.trade.schedule!;
  const forbidden = { ...schedule, rules: { ...rules, restrictions: [restriction] } };
  const error: AppError = assertThrows(
    () =>
      draftOrder(
        NOW,
        HALF_AN_HOUR_MS,
        CUSTOMER,
        { ...ask, items: [{ sku: "UNHEARD", quantity: 1 }, { ...first!, quantity: 51 }] },
        known,
        { ...landed, trade: { ...landed.trade, schedule: forbidden } },
      ),
    AppError,
  );
  assertEquals(error.code, "order_refused");
  assertEquals(error.errors.map(({ pointer, code }) => `${pointer} ${code}`), [
    "/items/0/sku unknown_product",
    "/items/1 restricted",
    "/items/1/quantity insufficient_stock",
  ]);
});

Deno.test("Trade prices whatever names a shipping option or an incoterm, and customers' orders where schedules are kept", () => {
  const plain = { items: [], currency: "EUR", ship_to: { name: "", lines: [], city: "", country: "DE" } };
  const asked = { ...plain, shipping_option: "post" };
  const table = [
    [CUSTOMER, plain, false, false],
    [CUSTOMER, plain, true, true],
    [CUSTOMER, asked, false, true],
    [STAFF, plain, true, false],
    [STAFF, asked, true, true],
    [STAFF, { ...plain, incoterm: "DAP" as const }, false, true],
  ] as const;
  for (const [actor, input, keepsSchedules, expected] of table) {
    assertEquals(isLanded(actor, { ...input, items: [] }, keepsSchedules), expected);
  }
});

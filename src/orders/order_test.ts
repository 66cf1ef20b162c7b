import { assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Actor } from "../platform/ctx.ts";
import { MAX_TOTAL } from "../platform/money.ts";
import { AppError } from "../platform/errors.ts";
import type { ProductFacts } from "../trade/mod.ts";
import { draftOrder, type PlaceOrder, type PlacingFacts } from "./order.ts";

const NOW = new Date("2026-03-01T12:00:00.000Z");
const HALF_AN_HOUR_MS = 1_800_000;
const OWNER = "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20";
const OTHER = "0192f0c0-22bb-7e0f-8c55-4d1a9c3e7b21";
const CUSTOMER: Actor = { kind: "user", userId: OWNER, role: "customer" };
const STAFF: Actor = { kind: "user", userId: "0192f0c0-33cc-7e0f-8c55-4d1a9c3e7b22", role: "staff" };
const SHIP_TO = { name: "Ada Lovelace", lines: ["Hauptstr. 1"], city: "Berlin", country: "DE" };

function product(sku: string, known: Partial<ProductFacts> = {}): ProductFacts {
  return {
    id: `id of ${sku}`,
    sku,
    name: `Name of ${sku}`,
    status: "active",
    prices: { EUR: 100 },
    available: 10,
    category: null,
    hs_code: null,
    country_of_origin: null,
    weight_grams: null,
    ...known,
  };
}

function facts(products: ProductFacts[], known: Partial<PlacingFacts> = {}): PlacingFacts {
  return {
    bySku: new Map(products.map((each) => [each.sku, each])),
    byId: new Map(products.map((each) => [each.id, each])),
    ownerActive: true,
    keepsSchedules: false,
    ...known,
  };
}

function ask(items: PlaceOrder["items"], more: Partial<PlaceOrder> = {}): PlaceOrder {
  return { items, currency: "EUR", ship_to: SHIP_TO, ...more };
}

const draft = (input: PlaceOrder, known: PlacingFacts, actor: Actor = CUSTOMER) =>
  draftOrder(NOW, HALF_AN_HOUR_MS, actor, input, known).order;

function refusal(input: PlaceOrder, known: PlacingFacts, actor: Actor = CUSTOMER): AppError {
  return assertThrows(() => draft(input, known, actor), AppError);
}

const pointers = (error: AppError) => error.errors.map(({ pointer, code }) => `${pointer} ${code}`);

Deno.test("An order is drafted with the names and prices of the moment, unpaid, and expires in half an hour", () => {
  const order = draft(
    ask([{ sku: "A", quantity: 2 }, { product_id: "id of B", quantity: 1 }]),
    facts([
      product("A"),
      product("B", {
        prices: { EUR: 250, USD: 300 },
        hs_code: "69120023",
        country_of_origin: "PT",
        weight_grams: 350,
      }),
    ]),
  );
  assertMatch(order.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  assertEquals({ ...order, id: "" }, {
    id: "",
    number: "",
    user_id: OWNER,
    status: "PENDING",
    payment_status: "UNPAID",
    fulfilment_status: "UNFULFILLED",
    currency: "EUR",
    items: [
      {
        line: 1,
        product_id: "id of A",
        sku: "A",
        name: "Name of A",
        quantity: 2,
        cancelled: 0,
        shipped: 0,
        returned: 0,
        unit_price: 100,
        list_price: null,
        discount_amount: 0,
        line_total: 200,
        shipping_amount: 0,
        duty_amount: 0,
        tax_amount: 0,
        shipping_tax_amount: 0,
        hs_code: null,
        country_of_origin: null,
        weight_grams: null,
      },
      {
        line: 2,
        product_id: "id of B",
        sku: "B",
        name: "Name of B",
        quantity: 1,
        cancelled: 0,
        shipped: 0,
        returned: 0,
        unit_price: 250,
        list_price: null,
        discount_amount: 0,
        line_total: 250,
        shipping_amount: 0,
        duty_amount: 0,
        tax_amount: 0,
        shipping_tax_amount: 0,
        hs_code: "69120023",
        country_of_origin: "PT",
        weight_grams: 350,
      },
    ],
    coupon_code: null,
    discount_total: 0,
    subtotal: 450,
    shipping_total: 0,
    duty_total: 0,
    tax_total: 0,
    total_price: 450,
    amount_authorised: 0,
    amount_paid: 0,
    amount_refunded: 0,
    amount_due: 450,
    units: 3,
    units_shipped: 0,
    units_delivered: 0,
    units_returned: 0,
    quote_id: null,
    incoterm: null,
    shipping_option: null,
    ship_to: SHIP_TO,
    note: null,
    metadata: {},
    external_reference: null,
    placed_by: `user:${OWNER}`,
    placed_at: "2026-03-01T12:00:00.000Z",
    created_at: "2026-03-01T12:00:00.000Z",
    updated_at: "2026-03-01T12:00:00.000Z",
    expires_at: "2026-03-01T12:30:00.000Z",
    pay_by: null,
    cancelled_at: null,
    cancel_reason: null,
    version: 1,
  });
});

Deno.test("A refusal names every line at fault, each with its own reason", () => {
  const error = refusal(
    ask([
      { sku: "GONE", quantity: 1 },
      { sku: "GOOD", quantity: 1 },
      { product_id: "id of NOBODY", quantity: 1 },
      { sku: "DRAFT", quantity: 1 },
      { sku: "DOLLARS", quantity: 1 },
      { sku: "FEW", quantity: 3 },
      { sku: "UNHEARD", quantity: 1 },
    ]),
    facts([
      product("GONE", { status: "archived" }),
      product("GOOD"),
      product("DRAFT", { status: "draft" }),
      product("DOLLARS", { prices: { USD: 5 } }),
      product("FEW", { available: 2 }),
    ]),
  );
  assertEquals(error.code, "order_refused");
  assertEquals(pointers(error), [
    "/items/0 product_archived",
    "/items/2/product_id unknown_product",
    "/items/3/sku unknown_product",
    "/items/6/sku unknown_product",
    "/items/4 no_price",
    "/items/5/quantity insufficient_stock",
  ]);
  assertEquals(error.errors.at(-1)!.available, 2);
});

Deno.test("A draft product is refused in the same words as one that does not exist", () => {
  const draftError = refusal(ask([{ sku: "D", quantity: 1 }]), facts([product("D", { status: "draft" })]));
  const unknownError = refusal(ask([{ sku: "D", quantity: 1 }]), facts([]));
  assertEquals(draftError.errors, unknownError.errors);
  assertEquals(draftError.message, unknownError.message);
});

Deno.test("Too little stock alone is another code than an order that can never be placed", () => {
  const error = refusal(ask([{ sku: "A", quantity: 11 }]), facts([product("A")]));
  assertEquals(error.code, "insufficient_stock");
  assertEquals(error.errors, [{
    pointer: "/items/0/quantity",
    code: "insufficient_stock",
    message: "10 of A are available.",
    sku: "A",
    requested: 11,
    available: 10,
  }]);
});

Deno.test("The same SKU in several lines, by SKU or by id, is one demand", () => {
  const lines = [{ sku: "A", quantity: 6 }, { sku: "B", quantity: 1 }, {
    product_id: "id of A",
    quantity: 5,
  }];
  const error = refusal(ask(lines), facts([product("A"), product("B")]));
  assertEquals(error.code, "insufficient_stock");
  assertEquals(pointers(error), [
    "/items/0/quantity insufficient_stock",
    "/items/2/quantity insufficient_stock",
  ]);
  assertEquals(error.errors.map(({ requested }) => requested), [11, 11]);
  assertEquals(draft(ask(lines), facts([product("A", { available: 11 }), product("B")])).items.length, 3);
});

Deno.test("A customer who sets what only staff may is told of every such field, and nothing else is looked at", () => {
  const input = ask([{ sku: "UNHEARD", quantity: 1 }, { sku: "A", quantity: 1, unit_price: 1 }], {
    user_id: OTHER,
    placed_at: "2026-01-01T00:00:00Z",
    external_reference: "ERP-1",
  });
  const error = refusal(input, facts([]));
  assertEquals(error.code, "forbidden");
  assertEquals(pointers(error), [
    "/user_id staff_only",
    "/placed_at staff_only",
    "/external_reference staff_only",
    "/items/1/unit_price staff_only",
  ]);
});

Deno.test("A customer may name himself as the owner", () => {
  assertEquals(
    draft(ask([{ sku: "A", quantity: 1 }], { user_id: OWNER }), facts([product("A")])).user_id,
    OWNER,
  );
});

Deno.test("Staff place for another user, at another price, in the past, and the order says all of it", () => {
  const order = draft(
    ask([{ sku: "A", quantity: 3, unit_price: 70 }, { sku: "A", quantity: 1, unit_price: 100 }, {
      sku: "FREE",
      quantity: 1,
      unit_price: 0,
    }], {
      user_id: OTHER,
      placed_at: "2025-12-24T19:00:00.123456+01:00",
      external_reference: "ERP-1",
    }),
    facts([product("A"), product("FREE", { prices: {} })]),
    STAFF,
  );
  assertEquals(order.user_id, OTHER);
  assertEquals(order.placed_by, "user:0192f0c0-33cc-7e0f-8c55-4d1a9c3e7b22");
  assertEquals(order.placed_at, "2025-12-24T18:00:00.123Z");
  assertEquals(order.created_at, NOW.toISOString());
  assertEquals(order.expires_at, null);
  assertEquals(order.external_reference, "ERP-1");
  assertEquals(order.items.map(({ unit_price, list_price }) => [unit_price, list_price]), [[70, 100], [
    100,
    null,
  ], [0, null]]);
  assertEquals(order.total_price, 310);
});

Deno.test("An order of nothing to pay is PAID from the start, and never expires", () => {
  const order = draft(ask([{ sku: "FREE", quantity: 2 }]), facts([product("FREE", { prices: { EUR: 0 } })]));
  assertEquals([order.status, order.payment_status, order.amount_due], ["PAID", "PAID", 0]);
  assertEquals(order.expires_at, null);
});

Deno.test("An order cannot be placed in the future, nor for an account that is not active", () => {
  const error = refusal(
    ask([{ sku: "A", quantity: 1 }], { user_id: OTHER, placed_at: "2026-03-01T12:00:00.001Z" }),
    facts([product("A")], { ownerActive: false }),
    STAFF,
  );
  assertEquals(pointers(error), ["/user_id unknown_user", "/placed_at in_future"]);
  assertEquals(
    draft(
      ask([{ sku: "A", quantity: 1 }], { placed_at: "2026-03-01T12:00:00Z" }),
      facts([product("A")]),
      STAFF,
    ).placed_at,
    NOW.toISOString(),
  );
});

Deno.test("A reference that is taken names the order that has it", () => {
  const error = refusal(
    ask([{ sku: "A", quantity: 1 }], { external_reference: "ERP-1" }),
    facts([product("A")], { takenBy: OTHER }),
    STAFF,
  );
  assertEquals(error.code, "reference_taken");
  assertEquals(error.errors[0]!.order_id, OTHER);
});

Deno.test("The system must say whose order it is", () => {
  const system: Actor = { kind: "system", name: "import" };
  assertEquals(
    refusal(ask([{ sku: "A", quantity: 1 }]), facts([product("A")]), system).code,
    "invalid_request",
  );
  const order = draft(ask([{ sku: "A", quantity: 1 }], { user_id: OWNER }), facts([product("A")]), system);
  assertEquals([order.user_id, order.placed_by], [OWNER, "system:import"]);
});

Deno.test("A total that is too large to be summed over many orders is refused at the line that goes beyond it", () => {
  const known = facts([product("A", { prices: { EUR: MAX_TOTAL } }), product("B")]);
  const one = draft(ask([{ sku: "A", quantity: 1 }]), known);
  assertEquals(one.total_price, MAX_TOTAL);
  const byProduct = refusal(ask([{ sku: "B", quantity: 1 }, { sku: "A", quantity: 2 }]), known);
  assertEquals(pointers(byProduct), ["/items/1 amount_too_large"]);
  const bySum = refusal(ask([{ sku: "A", quantity: 1 }, { sku: "B", quantity: 1 }]), known);
  assertEquals(pointers(bySum), ["/items/1 amount_too_large"]);
});

Deno.test("Two drafts of the same request differ in their ids only", () => {
  const one = draft(ask([{ sku: "A", quantity: 1 }]), facts([product("A")]));
  const two = draft(ask([{ sku: "A", quantity: 1 }]), facts([product("A")]));
  assertNotEquals(one.id, two.id);
  assertEquals({ ...one, id: "" }, { ...two, id: "" });
});

const SKUS = ["A", "B", "C", "D"];
const lines = fc.array(
  fc.record({ sku: fc.constantFrom(...SKUS), quantity: fc.integer({ min: 1, max: 1_000_000 }) }),
  { minLength: 1, maxLength: 60 },
);

Deno.test("For all orders the total is the sum of the lines, and each line is price times quantity", () => {
  fc.assert(fc.property(
    lines,
    fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: SKUS.length, maxLength: SKUS.length }),
    (items, prices) => {
      const known = facts(
        SKUS.map((sku, i) => product(sku, { prices: { EUR: prices[i]! }, available: Infinity })),
      );
      const order = draft(ask(items), known);
      // Counted in integers of any size, so that rounding could not hide.
      const total = items.reduce(
        (sum, { sku, quantity }) => sum + BigInt(prices[SKUS.indexOf(sku)]!) * BigInt(quantity),
        0n,
      );
      assertEquals(BigInt(order.total_price), total);
      assertEquals(
        BigInt(order.subtotal),
        order.items.reduce((sum, item) => sum + BigInt(item.line_total), 0n),
      );
      assertEquals(
        order.items.map(({ line, sku, quantity }) => ({ line, sku, quantity })),
        items.map((item, i) => ({ line: i + 1, ...item })),
      );
    },
  ));
});

Deno.test("For all orders exactly those are refused of which some SKU is wanted more than there is", () => {
  fc.assert(fc.property(
    lines,
    fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: SKUS.length, maxLength: SKUS.length }),
    (items, available) => {
      const known = facts(SKUS.map((sku, i) => product(sku, { available: available[i]! })));
      const wanted = new Map(
        SKUS.map((sku) => [
          sku,
          items.filter((item) => item.sku === sku).reduce((sum, item) => sum + item.quantity, 0),
        ]),
      );
      const short = new Set(SKUS.filter((sku, i) => wanted.get(sku)! > available[i]!));
      if (short.size === 0) return void draft(ask(items), known);
      const error = refusal(ask(items), known);
      assertEquals(error.code, "insufficient_stock");
      const named = items.flatMap(({ sku }, i) =>
        short.has(sku) ? [`/items/${i}/quantity insufficient_stock`] : []
      );
      assertEquals(pointers(error), named);
      for (const each of error.errors) assertEquals(each.requested, wanted.get(each.sku as string));
    },
  ));
});

import { assertEquals, assertThrows } from "@std/assert";
import type { ProductFacts } from "../trade/mod.ts";
import type { Cart, Products } from "./cart.ts";
import { addLines, merged } from "./change.ts";

function cart(known: Partial<Cart> = {}): Cart {
  return {
    id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
    user_id: null,
    status: "open",
    currency: "EUR",
    destination: null,
    items: [],
    note: null,
    coupon_code: null,
    metadata: {},
    order_id: null,
    merged_into: null,
    version: 1,
    created_at: "2026-01-31T12:00:00.000Z",
    updated_at: "2026-01-31T12:00:00.000Z",
    expires_at: "2026-03-02T12:00:00.000Z",
    ...known,
  };
}

const line = (sku: string, quantity: number, added_price: number | null = 100) => ({
  sku,
  quantity,
  added_price,
});

Deno.test("Of two lines with one SKU the larger comes along with its own price, and of equal ones the user's stays", () => {
  const own = cart({ items: [line("A", 2, 100), line("B", 2, 100)] });
  const guest = cart({ items: [line("C", 1, 300), line("B", 3, 110), line("A", 2, 110)] });
  assertEquals(merged(own, guest).items, [line("A", 2, 100), line("B", 3, 110), line("C", 1, 300)]);
});

Deno.test("Destination, note and coupon are the user's where set, and the guest's where not", () => {
  const [own, guest] = [
    { destination: "AT", note: "Mine", coupon_code: "OWN" },
    { destination: "DE", note: "Guest's", coupon_code: "GUEST" },
  ];
  assertEquals(merged(cart(own), cart(guest)), cart(own));
  assertEquals(merged(cart({}), cart(guest)), cart(guest));
});

Deno.test("The user's metadata stay whole; the guest's come along while there is room for fifty keys", () => {
  const keys = (name: string, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`${name}${i}`, name]));
  const own = cart({ metadata: { ...keys("own", 30), both: "own" } });
  const guest = cart({ metadata: { both: "guest", ...keys("guest", 49) } });
  const { metadata } = merged(own, guest);
  assertEquals(metadata, { ...keys("own", 30), both: "own", ...keys("guest", 19) });
});

Deno.test("A guest's metadata whose keys are numbers push none of the user's out", () => {
  const own = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`own${i}`, "own"]));
  assertEquals(merged(cart({ metadata: own }), cart({ metadata: { 7: "guest" } })).metadata, own);
});

Deno.test("The same SKU in several lines is one line of all its units, and too many of them are refused together", () => {
  const products: Products = new Map([[
    "A",
    { prices: { EUR: 250 }, status: "active" } as unknown as ProductFacts,
  ]]);
  const wish = (quantity: number, index: number) => ({
    sku: "A",
    quantity,
    pointers: { sku: `/items/${index}/sku`, quantity: `/items/${index}/quantity` },
  });
  const before = { currency: "EUR", items: [line("A", 1, 200)] };
  assertEquals(addLines(before, [wish(2, 0), wish(3, 1)], products), [line("A", 6, 250)]);
  assertEquals(addLines({ ...before, currency: "USD" }, [wish(1, 0)], products), [line("A", 2, null)]);
  const refusal = assertThrows(() => addLines(before, [wish(600_000, 0), wish(400_000, 1)], products));
  assertEquals((refusal as { errors?: unknown[] }).errors?.length, 1);
});

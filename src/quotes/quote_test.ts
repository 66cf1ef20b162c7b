import { assertEquals, assertThrows } from "@std/assert";
import { AppError } from "../platform/errors.ts";
import { destinationOf, type QuotedCart } from "./quote.ts";

const CART: QuotedCart = {
  id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  version: 1,
  user_id: null,
  status: "open",
  order_id: null,
  merged_into: null,
  currency: "EUR",
  destination: "CH",
  items: [],
  expires_at: "2026-12-31T00:00:00.000Z",
};
const ASK = { shipping_option: "parcel-world", incoterm: "DDP" as const };

Deno.test("A quote is for the destination that it is asked for, else for the cart's, and says if there is none", () => {
  assertEquals(destinationOf(CART, { ...ASK, destination: "US" }), "US");
  assertEquals(destinationOf(CART, ASK), "CH");
  const error = assertThrows(() => destinationOf({ ...CART, destination: null }, ASK), AppError);
  assertEquals(
    error.message,
    "There is no quote for this: the destination is needed, as the cart has none",
  );
  assertEquals(error.errors, [{
    pointer: "/destination",
    code: "required",
    message: "the destination is needed, as the cart has none",
  }]);
});

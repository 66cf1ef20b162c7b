import { z } from "@hono/zod-openapi";
import { PageQuery } from "../http/pagination.ts";
import {
  Amount,
  Country,
  Currency,
  Id,
  Metadata,
  MetadataChange,
  Sku,
  text,
  Timestamp,
} from "../http/schemas.ts";
import { MAX_LINES, MAX_QUANTITY } from "./cart.ts";

const Status = z.enum(["open", "checked_out", "merged", "expired"]);
const Quantity = z.int().min(1).max(MAX_QUANTITY).openapi({ description: "Units", example: 2 });
const Note = text(0, 2000);
const CouponCode = text(1, 100).openapi({
  description: "The code of a promotion, whatever its case. One that cannot be used is among the problems",
  example: "WELCOME10",
});

const ItemSchema = z.object({
  sku: Sku,
  quantity: z.int(),
  added_price: Amount.nullable().openapi({
    description: "The list price when the line was last set; null: there was none in the cart's currency",
  }),
}).openapi("StoredCartItem");

/** A cart as it is kept, listed and told in events: what was chosen, without today's prices. */
export const CartSchema = z.object({
  id: Id,
  user_id: Id.nullable().openapi({ description: "Whose it is; null: a guest's" }),
  status: Status,
  currency: Currency,
  destination: Country.nullable(),
  items: z.array(ItemSchema).openapi({ description: "Each SKU once, in the order in which they were added" }),
  note: z.string().nullable(),
  coupon_code: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  order_id: Id.nullable().openapi({ description: "The order that it became" }),
  merged_into: Id.nullable().openapi({ description: "The cart that took over its lines" }),
  version: z.int().openapi({ description: "Counts the changes; also the ETag" }),
  created_at: Timestamp,
  updated_at: Timestamp,
  expires_at: Timestamp.openapi({ description: "Left alone until then, it expires; each change moves it" }),
}).openapi("StoredCart");

const PricedItem = z.object({
  sku: Sku,
  product_id: Id.nullable().openapi({ description: "Null for a product that is not to be seen any more" }),
  name: z.string().nullable(),
  quantity: z.int(),
  unit_price: Amount.nullable().openapi({
    description: "Today's; null: it is not sold, or has no price in this currency",
  }),
  discount_amount: Amount.openapi({ description: "What the coupon takes off of it", example: 0 }),
  line_total: Amount.nullable().openapi({ description: "After the discount" }),
  available: z.int().openapi({ description: "Units that can be sold now" }),
}).openapi("CartItem");

const Problem = z.object({
  code: z.enum(["gone", "short", "price_changed", "no_price", "not_shippable", "amount_too_large", "coupon"]),
  sku: Sku.nullable().openapi({ description: "Of which line; null: `coupon`" }),
  pointer: z.string().openapi({ description: "JSON Pointer into the cart", example: "/items/0" }),
  message: z.string(),
  available: z.int().optional().openapi({ description: "`short`: so many can be had" }),
  from: Amount.optional().openapi({ description: "`price_changed`: when the line was last set" }),
  to: Amount.optional().openapi({ description: "`price_changed`: now" }),
  currency: Currency.optional().openapi({ description: "`no_price`: the one that it has no price in" }),
  destination: Country.optional().openapi({ description: "`not_shippable`: where to" }),
  verdict: z.enum(["forbidden", "licence_required"]).optional().openapi({ description: "`not_shippable`" }),
  reason: z.string().optional().openapi({
    description: "`not_shippable`: what the trade rules say; `coupon`: why, as a code",
  }),
}).openapi("CartProblem");

/** A cart as it is answered, with prices and stock as they are at that moment. */
export const PricedCartSchema = CartSchema.omit({ items: true }).extend({
  items: z.array(PricedItem),
  discount_total: Amount.openapi({
    description: "What the coupon takes off; not in the subtotal any more",
    example: 0,
  }),
  subtotal: Amount.openapi({ description: "The sum of the lines that have a price" }),
  problems: z.array(Problem).openapi({
    description:
      "What a customer should know before an order: `gone`, not sold any more; `short`, more than there is; " +
      "`price_changed` since the line was last set; `no_price` in this currency (a quote can convert one); " +
      "`not_shippable` to the destination; `amount_too_large` to be counted; `coupon`, the code cannot be used: a quote is " +
      "refused until it is another, or none.",
  }),
}).openapi("Cart");

/** The only answer that ever holds a guest's token. */
export const NewCartSchema = PricedCartSchema.extend({
  token: z.string().optional().openapi({
    description: "A guest's key to the cart, said only this once: send it as `Cart-Token`",
  }),
}).openapi("CreatedCart");

const Item = z.strictObject({ sku: Sku, quantity: Quantity }).openapi("CreateCartItem");

export const CreateCartBody = z.strictObject({
  currency: Currency,
  destination: Country.optional().openapi({ description: "Where it is to be sent" }),
  items: z.array(Item).max(MAX_LINES).optional().openapi({
    description: "The same SKU in several lines is one line",
  }),
  note: Note.optional(),
  coupon_code: CouponCode.optional(),
  metadata: Metadata.optional(),
}).openapi("CreateCart");

export const ChangeCartBody = z.strictObject({
  currency: Currency.optional().openapi({ description: "The prices of all lines count as seen in it" }),
  destination: Country.nullable().optional(),
  note: Note.nullable().optional(),
  coupon_code: CouponCode.nullable().optional(),
  metadata: MetadataChange.optional(),
}).openapi("ChangeCart");

export const AddItemBody = Item.openapi("AddCartItem");
export const SetItemBody = z.strictObject({ quantity: Quantity }).openapi("SetCartItem");

export const ItemParam = z.object({ id: Id, sku: Sku });
// Of any shape: a wrong token answers like a cart that is not there, whatever is wrong with it.
export const TokenHeader = z.object({
  "Cart-Token": z.string().optional().openapi({ description: "A guest's key to the cart" }),
});

export const ListQuery = z.strictObject({
  status: Status.default("open").openapi({ description: "Only carts in this status" }),
  user_id: Id.optional().openapi({ description: "Whose; customers only ever see their own" }),
  ...PageQuery.shape,
});

import { z } from "@hono/zod-openapi";
import { PricesByCurrency } from "../catalogue/mod.ts";
import { cursor, Limit, PageQuery } from "../http/pagination.ts";
import { Amount, Currency, Id, Sku, text, Timestamp } from "../http/schemas.ts";
import { parseDecimal } from "../platform/money.ts";

const MAX_INT4 = 2_147_483_647;
const MAX_NAMED = 1000;
/** PostgreSQL has no year 0. */
const FIRST_TIME = Date.parse("0001-01-01T00:00:00.000Z");

/** Kept in capitals: codes are the same whatever their case. */
const Code = z.string().trim().regex(
  /^[A-Za-z0-9][A-Za-z0-9_-]{2,39}$/,
  "must be 3 to 40 letters, digits, dashes or underscores, beginning with a letter or digit",
).toUpperCase().openapi({
  description: "What customers write; the same whatever its case",
  example: "WELCOME10",
});

const PercentOff = z.string().regex(
  /^\d{1,3}(\.\d{1,2})?$/,
  { error: "must be a percentage in text with at most two decimals, such as 12.5", abort: true },
).refine((percent) => {
  const { n, d } = parseDecimal(percent);
  return n > 0n && n <= 100n * d;
}, "must be more than 0 and at most 100").openapi({
  description: "A percentage in text: of each line that it applies to, rounded once, half to even",
  example: "10",
});

const AmountsOff = PricesByCurrency.min(1).refine(
  (amounts) => amounts.every(({ amount }) => amount > 0),
  "must be more than 0 in each currency",
);

const Moment = Timestamp.refine(
  (time) => !(Date.parse(time) < FIRST_TIME),
  "must be in the year 1 or later, in UTC",
);

/** How often something may be. */
export const Count = z.int().min(1).max(MAX_INT4);

/** When, how often and whether something can be had: what staff may change later. */
export const running = {
  name: text(1, 200).openapi({ description: "For people, as on a receipt", example: "Welcome" }),
  active: z.boolean().openapi({ description: "False: refused from now on; what is under way stays" }),
  starts_at: Moment.openapi({ description: "Refused before; from now on unless said" }),
  ends_at: Moment.nullable().openapi({ description: "Refused from then on; null: never" }),
  max_redemptions: Count.nullable().openapi({
    description: "So often in all; null: any number of times",
    example: 500,
  }),
  max_per_customer: Count.nullable().openapi({
    description: "So often for each customer, a guest being a new one each time; null: any number of times",
    example: 1,
  }),
};

/** The same of something new: from now on, and for ever. */
export const newRunning = {
  name: running.name,
  active: running.active.default(true),
  starts_at: running.starts_at.optional(),
  ends_at: running.ends_at.default(null),
  max_redemptions: running.max_redemptions.default(null),
  max_per_customer: running.max_per_customer.default(null),
};

/** Which goods something is about, for as long as it is there. */
export const goods = {
  skus: z.array(Sku).max(MAX_NAMED).openapi({ description: "It applies to these products …", example: [] }),
  categories: z.array(text(1, 100)).max(MAX_NAMED).openapi({
    description: "… and to those of these categories; to all where neither are named",
    example: ["Kitchen"],
  }),
};
export const newGoods = { skus: goods.skus.default([]), categories: goods.categories.default([]) };

/** What a code takes off, for as long as it is there. */
export const discount = {
  percent_off: PercentOff.nullable(),
  amount_off: AmountsOff.nullable().openapi({
    description:
      "So much, of all goods that it applies to together, split over their lines by largest remainder; in another " +
      "currency the code is refused. Null where there is a `percent_off`",
  }),
  minimum_subtotal: PricesByCurrency.min(1).nullable().openapi({
    description:
      "So much the goods that it applies to must cost before; in another currency the code is refused. Null: nothing",
  }),
  ...goods,
};
export const newDiscount = {
  percent_off: discount.percent_off.default(null),
  amount_off: discount.amount_off.default(null),
  minimum_subtotal: discount.minimum_subtotal.default(null),
  ...newGoods,
};

/** What takes something off says how much in one of two ways. */
export const eitherOff = {
  holds: ({ percent_off, amount_off }: { percent_off: string | null; amount_off: object[] | null }) =>
    (percent_off === null) !== (amount_off === null),
  error: { path: ["percent_off"], message: "give either percent_off or amount_off" },
};

export const PromotionSchema = z.object({
  id: Id,
  code: Code,
  user_id: Id.nullable().openapi({
    description: "The one customer who can use it: to others its code is not known; null: everyone",
    example: null,
  }),
  ...running,
  ...discount,
  redeemed: z.int().openapi({ description: "Times that open quotes and orders hold it", example: 17 }),
  version: z.int().openapi({ description: "Counts the changes; also the ETag", example: 1 }),
  created_at: Timestamp,
  updated_at: Timestamp,
}).openapi("Promotion");

export const NewPromotionBody = z.strictObject({
  code: Code,
  user_id: PromotionSchema.shape.user_id.default(null),
  ...newRunning,
  ...newDiscount,
}).refine(eitherOff.holds, eitherOff.error).openapi("CreatePromotion");

export const ChangePromotionBody = z.strictObject(running).partial().openapi("ChangePromotion");

export const ListQuery = z.strictObject({
  code: text(1, 100).optional().openapi({ description: "The one with this code", example: "WELCOME10" }),
  user_id: Id.optional().openapi({ description: "Only those that are this customer's alone" }),
  active: z.enum(["true", "false"]).transform((value) => value === "true").optional().openapi({
    description: "Only those that are, or are not",
  }),
  ...PageQuery.shape,
});

export const RedemptionSchema = z.object({
  id: z.string().openapi({ example: "1042" }),
  user_id: Id,
  quote_id: Id.nullable().openapi({
    description: "The quote that held it first; null: it was ordered at once",
  }),
  order_id: Id.nullable(),
  status: z.enum(["held", "used", "released"]).openapi({
    description:
      "held by an open quote; used by an order; released, as the quote ended or the order was cancelled or expired",
  }),
  currency: Currency,
  amount: Amount.openapi({ description: "What it takes off" }),
  created_at: Timestamp,
  released_at: Timestamp.nullable(),
}).openapi("PromotionRedemption");

export const RedemptionsQuery = z.strictObject({
  status: RedemptionSchema.shape.status.optional().openapi({ description: "Only uses in this status" }),
  cursor: cursor(z.tuple([z.int().min(1)])),
  limit: Limit,
});

import { z } from "@hono/zod-openapi";
import {
  Amount,
  Country,
  Currency,
  Id,
  Incoterm,
  Metadata,
  MetadataChange,
  Sku,
  text,
  Timestamp,
  uniqueText,
} from "../http/schemas.ts";
import { ConsigneeBody } from "../consignees/mod.ts";
import { cursor, CursorTime, Limit } from "../http/pagination.ts";
import {
  FULFILMENT_STATUSES,
  MAX_LINES,
  MAX_QUANTITY,
  ORDER_STATUSES,
  PAYMENT_STATUSES,
  SORTS,
} from "./order.ts";
import { ChangesSchema } from "../platform/changes.ts";
import { ExplanationSchema } from "../trade/mod.ts";

export const ShipTo = z.strictObject({
  name: text(1, 200).openapi({ example: "Ada Lovelace" }),
  lines: z.array(text(1, 200)).min(1).max(5).openapi({
    description: "Street and house",
    example: ["Hauptstr. 1"],
  }),
  city: text(1, 100).openapi({ example: "Berlin" }),
  postal_code: text(1, 20).optional().openapi({
    description: "Left out where a country has none",
    example: "10115",
  }),
  region: text(1, 100).optional().openapi({ description: "State or province, where an address needs it" }),
  country: Country,
  phone: text(3, 40).optional(),
}).openapi("Address");

const Status = z.enum(ORDER_STATUSES);
const PaymentStatus = z.enum(PAYMENT_STATUSES);
const FulfilmentStatus = z.enum(FULFILMENT_STATUSES);

export const OrderItemSchema = z.object({
  line: z.int(),
  product_id: Id,
  sku: Sku,
  name: z.string().openapi({ description: "As it was called when the order was placed" }),
  quantity: z.int(),
  cancelled: z.int().openapi({
    description: "Refunded before they were shipped: not sent any more",
    example: 0,
  }),
  shipped: z.int().openapi({
    description:
      "Left in shipments that are not cancelled; still to be sent of an order that is not over are " +
      "`quantity` − `cancelled` − `shipped`",
    example: 0,
  }),
  returned: z.int().openapi({ description: "Of those shipped, came back", example: 0 }),
  unit_price: Amount,
  list_price: Amount.nullable().openapi({
    description: "The price list's, where staff charged another unit price",
  }),
  discount_amount: Amount.openapi({ description: "What the coupon took off of it", example: 0 }),
  line_total: Amount.openapi({ description: "Of the goods alone, after the discount", example: 2998 }),
  shipping_amount: Amount.openapi({ description: "Its share of the shipping", example: 590 }),
  duty_amount: Amount.openapi({ description: "Duty that was collected for it", example: 0 }),
  tax_amount: Amount.openapi({ description: "Tax that was collected for it", example: 0 }),
  shipping_tax_amount: Amount.nullable().openapi({
    description:
      "Of `tax_amount`, what is on the shipping; null: not known of orders from before this was kept",
    example: 0,
  }),
  hs_code: z.string().nullable().openapi({
    description: "As the destination classifies it",
    example: "69120023",
  }),
  country_of_origin: Country.nullable(),
  weight_grams: z.int().nullable().openapi({ description: "Of one unit", example: 350 }),
}).openapi("OrderItem");

export const OrderSchema = z.object({
  id: Id,
  number: z.string().openapi({ description: "For people", example: "WB-100001" }),
  user_id: Id,
  status: Status,
  payment_status: PaymentStatus,
  fulfilment_status: FulfilmentStatus,
  currency: Currency,
  items: z.array(OrderItemSchema),
  coupon_code: z.string().nullable().openapi({ description: "The coupon that made it cheaper" }),
  discount_total: Amount.openapi({
    description: "What that took off; not in the subtotal any more",
    example: 0,
  }),
  subtotal: Amount.openapi({ description: "The sum of the lines", example: 2998 }),
  shipping_total: Amount.openapi({ example: 0 }),
  duty_total: Amount.openapi({ description: "Duty that was collected", example: 0 }),
  tax_total: Amount.openapi({ description: "Tax that was collected", example: 0 }),
  total_price: Amount.openapi({
    description: "subtotal + shipping_total + duty_total + tax_total",
    example: 2998,
  }),
  amount_authorised: Amount.openapi({
    description: "Reserved on the customer's account and not captured yet",
    example: 0,
  }),
  amount_paid: Amount.openapi({ description: "What was captured, refunds not taken off", example: 0 }),
  amount_refunded: Amount.openapi({ example: 0 }),
  amount_due: z.int().openapi({
    description: "What is still to be paid, by the ledger; negative: what is owed to the customer",
    example: 2998,
  }),
  units: z.int().openapi({ description: "Of all lines, without those that were cancelled", example: 2 }),
  units_shipped: z.int().openapi({ example: 0 }),
  units_delivered: z.int().openapi({ example: 0 }),
  units_returned: z.int().openapi({ example: 0 }),
  quote_id: Id.nullable().openapi({
    description: "The quote that it took at its word: there is the working",
  }),
  incoterm: Incoterm.nullable().openapi({
    description: "DDP: duty and tax are paid; DAP: they are due on delivery; null: nothing was agreed",
  }),
  shipping_option: z.string().nullable(),
  ship_to: ShipTo,
  note: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  external_reference: z.string().nullable(),
  placed_by: z.string().openapi({
    description: "Who placed it: `user:<id>`. Where that was staff, its customer learns `staff`, not who",
  }),
  placed_at: Timestamp,
  created_at: Timestamp,
  updated_at: Timestamp,
  expires_at: Timestamp.nullable().openapi({
    description:
      "Unpaid by then, it expires. It matters only while the order is PENDING; null for back-dated imports, and where nothing " +
      "is to be paid",
  }),
  pay_by: Timestamp.nullable().openapi({
    description:
      "Until when staff let its customer pay: it does not expire before; null: as long as any order",
  }),
  cancelled_at: Timestamp.nullable(),
  cancel_reason: z.string().nullable(),
  version: z.int().openapi({ description: "Counts the changes; also the ETag" }),
}).openapi("Order");

const Item = z.strictObject({
  sku: Sku.optional(),
  product_id: Id.optional(),
  quantity: z.int().min(1).max(MAX_QUANTITY).openapi({ example: 2 }),
  unit_price: Amount.optional().openapi({ description: "Staff only: charge this instead of the list price" }),
}).refine((item) => (item.sku === undefined) !== (item.product_id === undefined), {
  path: ["sku"],
  message: "give either sku or product_id",
}).openapi("PlaceOrderItem");

export const PlaceOrderBody = z.strictObject({
  items: z.array(Item).min(1).max(MAX_LINES).openapi({
    description: "The same SKU in several lines is one demand",
  }),
  currency: Currency,
  ship_to: ShipTo,
  shipping_option: text(1, 40).optional().openapi({
    description:
      "`code` of one of `GET /v1/shipping-options`. With it the order costs what a quote would: shipping, duty and tax are " +
      "added, and goods that may not go there are refused. Customers must name one where the shop keeps schedules of duty " +
      "and tax; staff's orders cost their lines alone without it",
    example: "parcel-de",
  }),
  incoterm: Incoterm.optional().openapi({ description: "With `shipping_option`; DDP unless said" }),
  coupon_code: text(1, 100).optional().openapi({
    description:
      "The code of a promotion, whatever its case. One that cannot be used refuses the order, and says why",
    example: "WELCOME10",
  }),
  consignee: ConsigneeBody.optional().openapi({
    description: "Who receives the goods, where customs of the destination want to know; kept encrypted",
  }),
  note: text(0, 2000).optional(),
  metadata: Metadata.optional(),
  user_id: Id.optional().openapi({ description: "Staff only: whose order it is" }),
  placed_at: Timestamp.optional().openapi({
    description: "Staff only: when it was placed, for imports; not in the future",
  }),
  external_reference: uniqueText(100).optional()
    .openapi({
      description:
        "Staff only: its name in the system it comes from, kept in Unicode's form NFC; can be there only once",
    }),
}).openapi("PlaceOrder");

export const ChangeOrderBody = z.strictObject({
  status: Status.optional().openapi({ description: "The next status" }),
  note: text(0, 2000).nullable().optional(),
  metadata: MetadataChange.optional(),
  ship_to: ShipTo.optional().openapi({
    description: "Only while PENDING; to another country only by staff, and never once it was priced for one",
  }),
  pay_by: Timestamp.optional().openapi({
    description:
      "While PENDING, and by staff: until when its customer may pay, as by bank transfer. Until then its stock is held",
  }),
  cancel_reason: text(1, 500).optional().openapi({ description: "With status CANCELLED" }),
}).openapi("ChangeOrder");

export const CancelBody = z.strictObject({
  reason: text(1, 500).optional().openapi({ example: "Ordered twice" }),
}).openapi("CancelOrder");

export const OrderQuery = z.strictObject({
  as_of: Timestamp.optional().openapi({
    description: "The order as it was then, rebuilt from its events; write a `+` of an offset as `%2B`",
  }),
});
export const UserParam = z.object({ user_id: Id });

export const ListQuery = z.strictObject({
  status: Status.optional().openapi({ description: "Only orders in this status" }),
  payment_status: PaymentStatus.optional().openapi({ description: "Only orders with this payment status" }),
  fulfilment_status: FulfilmentStatus.optional().openapi({
    description: "Only orders with this fulfilment status",
  }),
  owed_to_customer: z.enum(["true", "false"]).transform((value) => value === "true").optional().openapi({
    description:
      "Only orders whose `amount_due` is negative: money is to be given back, or is on its way back",
  }),
  user_id: Id.optional().openapi({ description: "Whose; customers only ever see their own" }),
  sku: Sku.optional().openapi({ description: "Orders with a line of this SKU" }),
  number: text(1, 40).optional().openapi({ description: "The order with this number", example: "WB-100001" }),
  external_reference: text(1, 100).optional().openapi({ description: "The order with this reference" }),
  created_from: Timestamp.optional().openapi({ description: "Created at this time or later" }),
  created_to: Timestamp.optional().openapi({ description: "Created before this time" }),
  placed_from: Timestamp.optional().openapi({ description: "Placed at this time or later" }),
  placed_to: Timestamp.optional().openapi({ description: "Placed before this time" }),
  sort: z.enum(SORTS).optional().openapi({
    description:
      "`-` is newest first. `-created_at` unless you filter by when orders were placed: then `-placed_at`",
  }),
  // The sort it came from, then the sort key of the last row.
  cursor: cursor(
    z.union([z.tuple([z.enum(SORTS), z.uuid()]), z.tuple([z.enum(SORTS), CursorTime, z.uuid()])]),
  ),
  limit: Limit,
});
export const UserOrdersQuery = ListQuery.omit({ user_id: true });

export const OrderExplanationSchema = z.object({
  order_id: Id,
  quote_id: Id.nullable(),
  currency: Currency,
  total_price: Amount,
  duty_on_delivery: Amount.openapi({
    description: "Paid by whoever receives the goods, not a part of the total",
  }),
  tax_on_delivery: Amount.openapi({
    description: "Paid by whoever receives the goods, not a part of the total",
  }),
  explanation: z.array(ExplanationSchema).openapi({
    description: "Those that are `collected` sum to total_price; the others to what is due on delivery",
  }),
}).openapi("OrderExplanation");

export const TimelineEntrySchema = z.object({
  sequence: z.int().openapi({ description: "1, 2, 3 … among the order's events" }),
  type: z.string().openapi({ example: "order.updated" }),
  at: Timestamp,
  actor: z.string().openapi({ description: "`customer`, `staff` or `system`; staff see who exactly" }),
  changes: ChangesSchema
    .openapi({
      description: "What changed, field by field",
      example: { status: { from: "PENDING", to: "PAID" } },
    }),
}).openapi("OrderTimelineEntry");

export const TimelineQuery = z.strictObject({ cursor: cursor(z.tuple([z.int32()])), limit: Limit });

import type { z } from "@hono/zod-openapi";
import { insufficientStock, shortageOf } from "../inventory/mod.ts";
import { type Actor, actorName, isStaff } from "../platform/ctx.ts";
import { AppError, type FieldError } from "../platform/errors.ts";
import { newId } from "../platform/id.ts";
import type { Coupon } from "../promotions/mod.ts";
import type { ExplanationEntry, ProductFacts } from "../trade/mod.ts";
import { type LandedFacts, priceByList, priceLanded, type WantedLine } from "./pricing.ts";
import type { OrderSchema, PlaceOrderBody } from "./schemas.ts";
import { withState } from "./state.ts";

/** The most lines of an order. */
export const MAX_LINES = 1000;
/** The most units of one line. */
export const MAX_QUANTITY = 1_000_000;

export const ORDER_STATUSES = [
  "PENDING",
  "PAID",
  "PROCESSING",
  "SHIPPED",
  "DELIVERED",
  "CANCELLED",
  "EXPIRED",
  "REFUNDED",
] as const;
export const PAYMENT_STATUSES = [
  "UNPAID",
  "AUTHORISED",
  "PARTIALLY_PAID",
  "PAID",
  "PARTIALLY_REFUNDED",
  "REFUNDED",
] as const;
export const FULFILMENT_STATUSES = [
  "UNFULFILLED",
  "PARTIALLY_SHIPPED",
  "SHIPPED",
  "DELIVERED",
  "PARTIALLY_RETURNED",
  "RETURNED",
] as const;

/** How a list can be sorted. */
export const SORTS = ["-created_at", "created_at", "-placed_at", "placed_at"] as const;

export type OrderStatus = typeof ORDER_STATUSES[number];
export type Sort = typeof SORTS[number];

/** An order as it is stored, cached, told in events and answered: plain data, amounts in minor units. */
export type Order = z.infer<typeof OrderSchema>;
/** One of its lines; how many units of it left and came back is counted there. */
export type OrderItem = Order["items"][number];
/** What a caller asks for. */
export type PlaceOrder = z.infer<typeof PlaceOrderBody>;

/** Everything a decision needs. */
export interface PlacingFacts {
  bySku: ReadonlyMap<string, ProductFacts>;
  byId: ReadonlyMap<string, ProductFacts>;
  /** May the order's owner order: an account that exists and is not disabled? */
  ownerActive: boolean;
  /** The order that has this external reference already. */
  takenBy?: string;
  /** Does the shop keep schedules of duty and tax? */
  keepsSchedules: boolean;
}

/** An order that was decided on, still without a number. */
export interface OrderDraft {
  order: Order;
  /** How its price came to be, where trade or a coupon had a say in it. */
  explanation?: ExplanationEntry[];
}

/**
 * Makes the order that `input` asks for. Pure: the same facts give the same order.
 *
 * @param landed needed where {@link isLanded} says so
 * @param coupon needed where `input` names one
 * @throws forbidden, order_refused, insufficient_stock, reference_taken; each names every line at fault
 */
export function draftOrder(
  now: Date,
  expiresAfterMs: number,
  actor: Actor,
  input: PlaceOrder,
  facts: PlacingFacts,
  landed?: LandedFacts,
  coupon?: Coupon,
): OrderDraft {
  refuseStaffFields(actor, input);
  refuseHeader(now, input, facts);
  const refusals: FieldError[] = [];
  const wanted: WantedLine[] = [];
  input.items.forEach((item, index) => {
    const product = productOf(facts, item);
    const refusal = refuseLine(product, item, `/items/${index}`);
    if (refusal) return void refusals.push(refusal);
    const { quantity, unit_price: unitPrice } = item;
    wanted.push({ line: index + 1, product: product!, quantity, unitPrice });
  });
  const priced = landed
    ? priceLanded(input, wanted, landed, coupon)
    : priceByList(input.currency, wanted, coupon);
  refusals.push(...priced.refusals);
  const shortages = findShortages(wanted);
  if (refusals.length > 0) throw refused([...refusals, ...shortages]);
  if (shortages.length > 0) throw insufficientStock(shortages);

  const time = now.toISOString();
  const order = newOrder(now, actor, {
    user_id: ownerOf(actor, input),
    currency: input.currency,
    items: priced.items!,
    ship_to: input.ship_to,
    coupon_code: coupon?.code,
    incoterm: landed && (input.incoterm ?? "DDP"),
    shipping_option: input.shipping_option,
    note: input.note ?? null,
    metadata: input.metadata ?? {},
    external_reference: input.external_reference ?? null,
    placed_at: input.placed_at === undefined ? time : new Date(input.placed_at).toISOString(),
    expires_at: input.placed_at === undefined ? new Date(now.getTime() + expiresAfterMs).toISOString() : null,
  });
  return { order, explanation: priced.explanation };
}

/** The product that a line names, if there is one. */
export function productOf(
  { bySku, byId }: Pick<PlacingFacts, "bySku" | "byId">,
  { sku, product_id }: PlaceOrder["items"][number],
): ProductFacts | undefined {
  return sku === undefined ? byId.get(product_id!) : bySku.get(sku);
}

/** What is decided about an order before it is one. */
export type NewOrder =
  & Pick<
    Order,
    | "user_id"
    | "currency"
    | "items"
    | "ship_to"
    | "note"
    | "metadata"
    | "external_reference"
    | "placed_at"
    | "expires_at"
  >
  & Partial<Pick<Order, "quote_id" | "coupon_code" | "incoterm" | "shipping_option">>;

/** An order as it begins, without a number: its totals are the sums of its lines, and the sale is what is due. */
export function newOrder(now: Date, actor: Actor, order: NewOrder): Order {
  const sum = (amount: (item: OrderItem) => number) => order.items.reduce((s, item) => s + amount(item), 0);
  const subtotal = sum((item) => item.line_total);
  const shipping_total = sum((item) => item.shipping_amount);
  const duty_total = sum((item) => item.duty_amount);
  const tax_total = sum((item) => item.tax_amount);
  const total_price = subtotal + shipping_total + duty_total + tax_total;
  const time = now.toISOString();
  return withState({
    id: newId(),
    number: "",
    user_id: order.user_id,
    status: "PENDING",
    payment_status: "UNPAID",
    fulfilment_status: "UNFULFILLED",
    currency: order.currency,
    items: order.items,
    coupon_code: order.coupon_code ?? null,
    discount_total: sum((item) => item.discount_amount),
    subtotal,
    shipping_total,
    duty_total,
    tax_total,
    total_price,
    amount_authorised: 0,
    amount_paid: 0,
    amount_refunded: 0,
    amount_due: total_price,
    units: sum((item) => item.quantity),
    units_shipped: 0,
    units_delivered: 0,
    units_returned: 0,
    quote_id: order.quote_id ?? null,
    incoterm: order.incoterm ?? null,
    shipping_option: order.shipping_option ?? null,
    ship_to: order.ship_to,
    note: order.note,
    metadata: order.metadata,
    external_reference: order.external_reference,
    placed_by: actorName(actor),
    placed_at: order.placed_at,
    created_at: time,
    updated_at: time,
    expires_at: total_price === 0 ? null : order.expires_at,
    pay_by: null,
    cancelled_at: null,
    cancel_reason: null,
    version: 1,
  });
}

/** Whose order it will be: the caller's own, unless staff say otherwise. */
export function ownerOf(actor: Actor, input: PlaceOrder): string {
  const owner = input.user_id ?? (actor.kind === "user" ? actor.userId : undefined);
  if (owner) return owner;
  throw new AppError("invalid_request", "Say whose order it is.", {
    errors: [{ pointer: "/user_id", code: "required", message: "is required here" }],
  });
}

function refuseStaffFields(actor: Actor, input: PlaceOrder): void {
  if (isStaff(actor)) return;
  const pointers = (["user_id", "placed_at", "external_reference"] as const)
    .filter((field) =>
      input[field] !== undefined &&
      !(field === "user_id" && input.user_id === ownerOf(actor, { ...input, user_id: undefined }))
    )
    .map((field) => `/${field}`);
  input.items.forEach((item, index) => {
    if (item.unit_price !== undefined) pointers.push(`/items/${index}/unit_price`);
  });
  if (pointers.length === 0) return;
  throw new AppError("forbidden", "Only staff may set these.", {
    errors: pointers.map((pointer) => ({ pointer, code: "staff_only", message: "Leave it out." })),
  });
}

const FIRST_TIME = Date.parse("0001-01-01T00:00:00Z");

function refuseHeader(now: Date, input: PlaceOrder, facts: PlacingFacts): void {
  const errors: FieldError[] = [];
  if (!facts.ownerActive) {
    errors.push({ pointer: "/user_id", code: "unknown_user", message: "There is no such active account." });
  }
  const wrongTime = refusePlacedAt(now, input);
  if (wrongTime) errors.push(wrongTime);
  if (errors.length > 0) throw refused(errors);
  if (facts.takenBy) throw referenceTaken(facts.takenBy);
}

/** What is wrong with the time that an order is said to have been placed at. */
export function refusePlacedAt(now: Date, { placed_at }: PlaceOrder): FieldError | undefined {
  if (placed_at === undefined) return undefined;
  const time = Date.parse(placed_at);
  if (time > now.getTime()) {
    return { pointer: "/placed_at", code: "in_future", message: "must not be in the future" };
  }
  if (time < FIRST_TIME) {
    return { pointer: "/placed_at", code: "too_early", message: "must be in the year 1 or later, in UTC" };
  }
}

function refuseLine(
  product: ProductFacts | undefined,
  item: PlaceOrder["items"][number],
  pointer: string,
): FieldError | undefined {
  const named = item.sku === undefined ? { product_id: item.product_id } : { sku: item.sku };
  if (!product || product.status === "draft") {
    const field = item.sku === undefined ? "product_id" : "sku";
    return {
      pointer: `${pointer}/${field}`,
      code: "unknown_product",
      message: "There is no such product.",
      ...named,
    };
  }
  if (product.status === "archived") {
    return { pointer, code: "product_archived", message: `${product.sku} is not sold any more.`, ...named };
  }
}

/** However many lines name a SKU, it is one demand. */
function findShortages(wanted: readonly WantedLine[]): FieldError[] {
  const requested = new Map<string, number>();
  for (const { product: { sku }, quantity } of wanted) {
    requested.set(sku, (requested.get(sku) ?? 0) + quantity);
  }
  return wanted.filter(({ product: { sku, available } }) => requested.get(sku)! > available)
    .map(({ product, line }) => shortageOf(line - 1, product, requested.get(product.sku)!));
}

function refused(errors: FieldError[]): AppError {
  return new AppError("order_refused", `The order cannot be placed: ${errors[0]!.message}`, { errors });
}

export function referenceTaken(orderId: string | null): AppError {
  return new AppError("reference_taken", "There is an order with this external reference already.", {
    errors: [{
      pointer: "/external_reference",
      code: "reference_taken",
      message: "Each reference is placed once.",
      order_id: orderId,
    }],
  });
}

import type { z } from "@hono/zod-openapi";
import { type Actor, actorName, isStaff } from "../platform/ctx.ts";
import { AppError, type FieldError } from "../platform/errors.ts";
import { newId } from "../platform/id.ts";
import type { OrderSchema, PlaceOrderBody } from "./schemas.ts";

export const MAX_LINES = 1000;
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
export const PAYMENT_STATUSES = ["UNPAID", "PAID", "REFUNDED"] as const;
export const FULFILMENT_STATUSES = ["UNFULFILLED", "SHIPPED", "DELIVERED"] as const;

/** How a list can be sorted. */
export const SORTS = ["-created_at", "created_at", "-placed_at", "placed_at"] as const;

export type OrderStatus = typeof ORDER_STATUSES[number];
export type Sort = typeof SORTS[number];

/** An order as it is stored, cached, told in events and answered: plain data, amounts in minor units. */
export type Order = z.infer<typeof OrderSchema>;
export type OrderItem = Order["items"][number];
/** What a caller asks for. */
export type PlaceOrder = z.infer<typeof PlaceOrderBody>;

/** What the database knew of a product when the order was placed. */
export interface ProductFacts {
  id: string;
  sku: string;
  name: string;
  status: "draft" | "active" | "archived";
  /** List prices in minor units, by currency. */
  prices: Record<string, number>;
  available: number;
}

/** Everything a decision needs. */
export interface PlacingFacts {
  bySku: ReadonlyMap<string, ProductFacts>;
  byId: ReadonlyMap<string, ProductFacts>;
  /** May the order's owner order: an account that exists and is not disabled? */
  ownerActive: boolean;
  /** The order that has this external reference already. */
  takenBy?: string;
}

/**
 * Makes the order that `input` asks for, still without a number. Pure: the same facts give the same order.
 *
 * @throws forbidden, order_refused, insufficient_stock, reference_taken; each names every line at fault
 */
export function draftOrder(
  now: Date,
  expiresAfterMs: number,
  actor: Actor,
  input: PlaceOrder,
  facts: PlacingFacts,
): Order {
  refuseStaffFields(actor, input);
  refuseHeader(now, input, facts);
  const refusals: FieldError[] = [];
  const items: OrderItem[] = [];
  input.items.forEach((item, index) => {
    const product = item.sku === undefined ? facts.byId.get(item.product_id!) : facts.bySku.get(item.sku);
    const refusal = refuseLine(product, item, input.currency, `/items/${index}`);
    if (refusal) return void refusals.push(refusal);
    const { id: product_id, sku, name, prices } = product!;
    const listPrice = prices[input.currency] ?? null;
    const unit_price = item.unit_price ?? listPrice!;
    items.push({
      line: index + 1,
      product_id,
      sku,
      name,
      quantity: item.quantity,
      unit_price,
      list_price: unit_price === listPrice ? null : listPrice,
      line_total: unit_price * item.quantity,
    });
  });
  if (refusals.length === 0) refusals.push(...refuseAmounts(items));
  const shortages = findShortages(items, facts.bySku);
  if (refusals.length > 0) throw refused([...refusals, ...shortages]);
  if (shortages.length > 0) throw insufficientStock(shortages);

  const subtotal = items.reduce((sum, item) => sum + item.line_total, 0);
  const time = now.toISOString();
  return {
    id: newId(),
    number: "",
    user_id: ownerOf(actor, input),
    status: "PENDING",
    payment_status: "UNPAID",
    fulfilment_status: "UNFULFILLED",
    currency: input.currency,
    items,
    subtotal,
    total_price: subtotal,
    ship_to: input.ship_to,
    note: input.note ?? null,
    metadata: input.metadata ?? {},
    external_reference: input.external_reference ?? null,
    placed_by: actorName(actor),
    placed_at: input.placed_at === undefined ? time : new Date(input.placed_at).toISOString(),
    created_at: time,
    updated_at: time,
    expires_at: input.placed_at === undefined ? new Date(now.getTime() + expiresAfterMs).toISOString() : null,
    cancelled_at: null,
    cancel_reason: null,
    version: 1,
  };
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

function refuseHeader(now: Date, input: PlaceOrder, facts: PlacingFacts): void {
  const errors: FieldError[] = [];
  if (!facts.ownerActive) {
    errors.push({ pointer: "/user_id", code: "unknown_user", message: "There is no such active account." });
  }
  if (input.placed_at !== undefined && new Date(input.placed_at) > now) {
    errors.push({ pointer: "/placed_at", code: "in_future", message: "must not be in the future" });
  }
  if (errors.length > 0) throw refused(errors);
  if (facts.takenBy) throw referenceTaken(facts.takenBy);
}

function refuseLine(
  product: ProductFacts | undefined,
  item: PlaceOrder["items"][number],
  currency: string,
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
  if (product.prices[currency] === undefined && item.unit_price === undefined) {
    return {
      pointer,
      code: "no_price",
      message: `${product.sku} has no price in ${currency}.`,
      ...named,
      currency,
    };
  }
}

/** Sums beyond 2^53 would lose cents. */
function refuseAmounts(items: OrderItem[]): FieldError[] {
  let sum = 0;
  for (const item of items) {
    sum += item.line_total;
    if (!Number.isSafeInteger(item.line_total) || !Number.isSafeInteger(sum)) {
      return [{
        pointer: `/items/${item.line - 1}`,
        code: "amount_too_large",
        message: "The total is too large.",
      }];
    }
  }
  return [];
}

/** However many lines name a SKU, it is one demand. */
function findShortages(items: OrderItem[], bySku: PlacingFacts["bySku"]): FieldError[] {
  const requested = new Map<string, number>();
  for (const { sku, quantity } of items) requested.set(sku, (requested.get(sku) ?? 0) + quantity);
  return items.filter(({ sku }) => requested.get(sku)! > bySku.get(sku)!.available).map(({ sku, line }) => ({
    pointer: `/items/${line - 1}/quantity`,
    code: "insufficient_stock",
    message: `${bySku.get(sku)!.available} of ${sku} are available.`,
    sku,
    requested: requested.get(sku)!,
    available: bySku.get(sku)!.available,
  }));
}

function refused(errors: FieldError[]): AppError {
  return new AppError("order_refused", `The order cannot be placed: ${errors[0]!.message}`, { errors });
}

function insufficientStock(errors: FieldError[]): AppError {
  return new AppError("insufficient_stock", `Not enough in stock: ${errors[0]!.message}`, { errors });
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

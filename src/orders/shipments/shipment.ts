import type { z } from "@hono/zod-openapi";
import type { StockHolder } from "../../inventory/mod.ts";
import { AppError, type FieldError } from "../../platform/errors.ts";
import type { Order } from "../order.ts";
import type { ChangeShipmentBody, ShipmentSchema } from "./schemas.ts";

/** Goods of an order that left together. */
export type Shipment = z.infer<typeof ShipmentSchema>;

/** What is known of a shipment besides its goods. */
export type ShipmentDetails = Partial<
  Pick<Shipment, "carrier" | "tracking_number" | "tracking_url" | "weight_grams">
>;

export type ChangeShipment = z.infer<typeof ChangeShipmentBody>;

/** Units of a line of an order. */
export type LineUnits = Pick<Shipment["items"][number], "line" | "quantity">;

/** Units of a line of an order that left, and neither came back nor are in an open return. */
export interface ReturnableLine {
  line: number;
  sku: string;
  returnable: number;
}

/** What refunds under way will give back: money, and units by line. */
export interface Refunding {
  amount: number;
  items: LineUnits[];
}

/** What of an order is still to leave, or never will as it is over, by line. Pure. */
export function unshippedLines({ items }: Pick<Order, "items">): LineUnits[] {
  return items.flatMap(({ line, quantity, cancelled, shipped }) => {
    const left = quantity - cancelled - shipped;
    return left > 0 ? [{ line, quantity: left }] : [];
  });
}

/** Units of lines of an order, as stock that is moved for it. Pure. */
export function stockOf({ id, user_id, items }: Order, units: readonly LineUnits[]): StockHolder {
  const skus = new Map(items.map(({ line, sku }) => [line, sku]));
  const stock = units.map(({ line, quantity }) => ({ sku: skus.get(line)!, quantity }));
  return { order_id: id, user_id, items: stock };
}

/** Can goods of this order leave? @throws invalid_transition */
export function refuseUnlessShippable({ status }: Order): void {
  if (status === "PAID" || status === "PROCESSING") return;
  throw new AppError("invalid_transition", `Nothing of an order that is ${status} can be shipped.`, {
    errors: [{
      pointer: "path/id",
      code: "invalid_transition",
      message: "The order must be PAID or PROCESSING.",
      status,
    }],
  });
}

/**
 * What can leave of what has not: not the units whose money is on its way back, and nothing where all of it is. Pure.
 */
export function shippableLines(order: Order, { amount, items }: Refunding): LineUnits[] {
  if (amount > 0 && amount >= order.amount_paid - order.amount_refunded) return [];
  return unshippedLines(order).flatMap(({ line, quantity }) => {
    const refunding = items.reduce((sum, item) => item.line === line ? sum + item.quantity : sum, 0);
    return refunding < quantity ? [{ line, quantity: quantity - refunding }] : [];
  });
}

/**
 * What leaves: the units asked for, or all that can. Several items of one line are one demand. Pure.
 *
 * @param shippable of its lines, as {@link shippableLines} gives them
 * @throws shipment_refused, naming every item that the order has not, or not so many of
 */
export function linesToShip(
  order: Order,
  shippable: readonly LineUnits[],
  wanted?: readonly LineUnits[],
): LineUnits[] {
  if (shippable.length === 0) throw refuseRefunded();
  if (wanted === undefined) return [...shippable];
  const requested = new Map<number, number>();
  for (const { line, quantity } of wanted) requested.set(line, (requested.get(line) ?? 0) + quantity);
  const errors = wanted.flatMap(({ line }, index) =>
    refuseItem(order, shippable, line, requested.get(line)!, `/items/${index}`) ?? []
  );
  if (errors.length > 0) {
    throw new AppError("shipment_refused", `This cannot be shipped: ${errors[0]!.message}`, { errors });
  }
  return shippable.filter(({ line }) => requested.has(line))
    .map(({ line }) => ({ line, quantity: requested.get(line)! }));
}

/** All that has not left is being refunded. */
function refuseRefunded(): AppError {
  const message = "All that is left of the order is being refunded.";
  return new AppError("shipment_refused", `This cannot be shipped: ${message}`, {
    errors: [{ pointer: "", code: "refund_under_way", message, unshipped: 0 }],
  });
}

function refuseItem(
  order: Order,
  shippable: readonly LineUnits[],
  line: number,
  requested: number,
  pointer: string,
): FieldError | undefined {
  if (!order.items.some((item) => item.line === line)) {
    const message = `The order has no line ${line}; its lines are 1 to ${order.items.length}.`;
    return { pointer: `${pointer}/line`, code: "unknown_line", message, line };
  }
  const left = shippable.find((item) => item.line === line)?.quantity ?? 0;
  if (requested <= left) return undefined;
  return {
    pointer: `${pointer}/quantity`,
    code: "more_than_unshipped",
    message: `${left} units of line ${line} are left to be shipped, and not being refunded.`,
    line,
    requested,
    unshipped: left,
  };
}

/**
 * Can a shipment be cancelled, so that its units are the order's to send again? Not once any unit of its lines came back or is
 * to, be it of another parcel: if it had been refunded before, a unit that is to be sent would be taken for the one. Pure.
 *
 * @throws invalid_transition, naming everything in the way
 */
export function refuseUnlessCancellable(
  order: Order,
  { status, items }: Shipment,
  returnable: readonly ReturnableLine[],
): void {
  const code = "invalid_transition";
  const errors: FieldError[] = [];
  if (status === "delivered") {
    const message = "It was delivered: what comes back of it is a return.";
    errors.push({ pointer: "path/id", code, message, status });
  } else if (order.status !== "PROCESSING" && order.status !== "SHIPPED") {
    const message =
      `Its order is ${order.status} and sends nothing more: book units that never left as an adjustment.`;
    errors.push({ pointer: "path/id", code, message, status: order.status });
  }
  for (const { line } of items) {
    const left = returnable.find((each) => each.line === line)!.returnable;
    if (left === order.items.find((item) => item.line === line)!.shipped) continue;
    const message = `Units of line ${line} came back, or are to: book what never left as an adjustment.`;
    errors.push({ pointer: "path/id", code: "returned", message, line, returnable: left });
  }
  if (errors.length === 0) return;
  throw new AppError(code, `This shipment cannot be cancelled: ${errors[0]!.message}`, { errors });
}

/** What is known of a shipment that never left does not change any more. @throws invalid_transition */
export function refuseIfCancelled({ status }: Shipment): void {
  if (status !== "cancelled") return;
  const message = "This shipment was cancelled: ship the units again.";
  throw new AppError("invalid_transition", message, {
    errors: [{ pointer: "path/id", code: "invalid_transition", message, status }],
  });
}

/** The order after units of its lines left, or `-1`: after it turned out that they had not. Pure. */
export function withShipped(
  { items, units_shipped }: Order,
  units: readonly LineUnits[],
  sign: 1 | -1 = 1,
): Pick<Order, "items" | "units_shipped"> {
  const moved = new Map(units.map(({ line, quantity }) => [line, sign * quantity]));
  return {
    items: items.map((item) => ({ ...item, shipped: item.shipped + (moved.get(item.line) ?? 0) })),
    units_shipped: [...moved.values()].reduce((sum, quantity) => sum + quantity, units_shipped),
  };
}

/** The order without units of its lines: as many as are asked for, but none that has left. Pure. */
export function withoutUnits(
  { items, units }: Pick<Order, "items" | "units">,
  wanted: readonly LineUnits[],
): Pick<Order, "items" | "units"> {
  const dropped = new Map(
    unshippedLines({ items }).map(({ line, quantity: left }) => {
      const asked = wanted.find((item) => item.line === line)?.quantity ?? 0;
      return [line, Math.min(asked, left)];
    }),
  );
  return {
    items: items.map((item) => ({ ...item, cancelled: item.cancelled + (dropped.get(item.line) ?? 0) })),
    units: [...dropped.values()].reduce((left, quantity) => left - quantity, units),
  };
}

/** The shipment after a change; one that arrives does so now. Pure: what changes nothing gives an equal shipment. */
export function changedShipment(
  now: Date,
  before: Shipment,
  { status, ...details }: ChangeShipment,
): Shipment {
  const after = { ...before, ...details };
  return status === "delivered" && before.status !== "delivered" ? deliveredShipment(now, after) : after;
}

/** The shipment, arrived now. */
export function deliveredShipment(now: Date, shipment: Shipment): Shipment {
  return { ...shipment, status: "delivered", delivered_at: now.toISOString() };
}

/** The shipment, found now never to have left. */
export function cancelledShipment(now: Date, shipment: Shipment): Shipment {
  return { ...shipment, status: "cancelled", cancelled_at: now.toISOString() };
}

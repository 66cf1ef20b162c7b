import type { z } from "@hono/zod-openapi";
import { type Actor, isStaff } from "../platform/ctx.ts";
import type { LineUnits, Order, OrderItem, ReturnableLine } from "../orders/mod.ts";
import { owedPart, type PastRefund, type Refund } from "../payments/mod.ts";
import { AppError, type FieldError } from "../platform/errors.ts";
import type { ChangeReturnBody, ReceiptBody, ReturnSchema } from "./schemas.ts";

/** Units of an order that come back, as they are stored, answered and told in events. */
export type Return = z.output<typeof ReturnSchema>;
export type ReturnStatus = Return["status"];
export type ReturnItem = Return["items"][number];
export type ChangeReturn = z.output<typeof ChangeReturnBody>;
export type Receipt = z.output<typeof ReceiptBody>;

/** Every change of status, and who may make it; staff may do all that an owner may. What is not here is refused. */
export const TRANSITIONS: Record<ReturnStatus, Partial<Record<ReturnStatus, "owner" | "staff">>> = {
  requested: { approved: "staff", rejected: "staff", cancelled: "owner" },
  approved: { received: "staff", cancelled: "owner" },
  received: { refunded: "staff" },
  refunded: {},
  rejected: {},
  cancelled: {},
};

/**
 * Lets a return go on to a status, or not. Pure.
 *
 * @param pointer what of the request asks for it
 * @throws invalid_transition (with what is possible), forbidden
 */
export function refuseTransition(
  actor: Actor,
  { status, refund }: Return,
  to: ReturnStatus,
  pointer: string,
): void {
  // Money that its provider would not give back can be asked for again.
  if (status === "refunded" && to === "refunded" && refund?.status === "failed" && isStaff(actor)) return;
  const by = TRANSITIONS[status][to];
  if (!by) throw wrongTransition(status, to, pointer);
  if (by === "staff" && !isStaff(actor)) {
    throw new AppError("forbidden", `Only staff may set a return to ${to}.`);
  }
}

export function wrongTransition(from: ReturnStatus, to: ReturnStatus, pointer: string): AppError {
  const allowed = Object.keys(TRANSITIONS[from]);
  return new AppError("invalid_transition", `A return that is ${from} cannot become ${to}.`, {
    errors: [{
      pointer,
      code: "invalid_transition",
      message: allowed.length > 0 ? `It can become ${allowed.join(" or ")}.` : `${from} is final`,
      status: from,
      allowed,
    }],
  });
}

/**
 * The units that are to come back. Several items of one line are one demand. Pure.
 *
 * @throws return_refused, naming every item that the order has not, or not so many of to return
 */
export function itemsToReturn(
  lines: readonly ReturnableLine[],
  asked: readonly LineUnits[],
): ReturnItem[] {
  const requested = unitsByLine(asked, ({ quantity }) => quantity);
  refuseIfAny(asked.flatMap(({ line }, index): FieldError[] => {
    const known = lines.find((each) => each.line === line);
    if (!known) {
      const message = `The order has no line ${line}; its lines are 1 to ${lines.length}.`;
      return [{ pointer: `/items/${index}/line`, code: "unknown_line", message, line }];
    }
    if (requested.get(line)! <= known.returnable) return [];
    return [{
      pointer: `/items/${index}/quantity`,
      code: "more_than_returnable",
      message:
        `${known.returnable} units of line ${line} can be returned: shipped, and neither back nor in another open return.`,
      line,
      requested: requested.get(line)!,
      returnable: known.returnable,
    }];
  }));
  return [...requested].sort(([a], [b]) => a - b)
    .map(([line, quantity]) => {
      const { sku } = lines.find((each) => each.line === line)!;
      return { line, sku, quantity, restocked: 0, written_off: 0 };
    });
}

/**
 * The return's items with what came back of them; a line that the receipt does not name did not. Pure.
 *
 * @throws return_refused, naming every item of which more would come back than was to, or if nothing does
 */
export function receivedItems(before: readonly ReturnItem[], receipt: Receipt["items"]): ReturnItem[] {
  const restocked = unitsByLine(receipt, (item) => item.restocked);
  const writtenOff = unitsByLine(receipt, (item) => item.written_off);
  const received = (line: number) => (restocked.get(line) ?? 0) + (writtenOff.get(line) ?? 0);
  refuseIfAny(receipt.flatMap(({ line }, index): FieldError[] => {
    const asked = before.find((item) => item.line === line);
    if (!asked) {
      const message = `The return has no line ${line}; it has ${before.map((item) => item.line).join(", ")}.`;
      return [{ pointer: `/items/${index}/line`, code: "unknown_line", message, line }];
    }
    if (received(line) <= asked.quantity) return [];
    return [{
      pointer: `/items/${index}`,
      code: "more_than_asked",
      message: `${asked.quantity} units of line ${line} were to come back.`,
      line,
      received: received(line),
      asked: asked.quantity,
    }];
  }));
  if (receipt.every(({ line }) => received(line) === 0)) {
    const message = "Say what came back; a return of which nothing comes is cancelled.";
    refuseIfAny([{ pointer: "/items", code: "nothing_received", message }]);
  }
  return before.map((item) => ({
    ...item,
    restocked: restocked.get(item.line) ?? 0,
    written_off: writtenOff.get(item.line) ?? 0,
  }));
}

/** The units that came back, by line of the order; lines of which none did are left out. */
export function unitsReceived({ items }: Return): LineUnits[] {
  return items.map(({ line, restocked, written_off }) => ({ line, quantity: restocked + written_off }))
    .filter(({ quantity }) => quantity > 0);
}

/** The order after units of its lines came back. Pure. */
export function withReturned(
  { items, units_returned }: Order,
  units: readonly LineUnits[],
): Pick<Order, "items" | "units_returned"> {
  const came = unitsByLine(units, ({ quantity }) => quantity);
  return {
    items: items.map((item) => ({ ...item, returned: item.returned + (came.get(item.line) ?? 0) })),
    units_returned: units.reduce((sum, { quantity }) => sum + quantity, units_returned),
  };
}

/** These units without those of lines that were refunded whole: for them nothing is left to be given back. Pure. */
export function unitsNotRefunded(
  units: readonly LineUnits[],
  lines: readonly Pick<OrderItem, "line" | "quantity">[],
  refunds: readonly Pick<Refund, "status" | "items">[],
): LineUnits[] {
  const refunded = unitsByLine(
    refunds.flatMap(({ status, items }) => status === "failed" ? [] : items),
    ({ quantity }) => quantity,
  );
  const sold = unitsByLine(lines, ({ quantity }) => quantity);
  return units.filter(({ line }) => (refunded.get(line) ?? 0) < sold.get(line)!);
}

/**
 * What of a return's refund failed and is to be asked for again as an amount: less what was given back otherwise since, by
 * another payment or at the provider itself, which is not given twice. Undefined where the units themselves are to be asked
 * for: none of it was given, or only shipping, of which they get no more than is left. Pure.
 *
 * @throws refund_refused while it is not known whether what is given otherwise goes back
 */
export function amountFailed(
  order: Pick<Order, "status">,
  { refund }: Pick<Return, "refund">,
  refunds: readonly PastRefund[],
): number | undefined {
  const failed = refunds.filter(({ id, follows, status }) =>
    status === "failed" && refund !== null && (id === refund.id || follows === refund.id)
  );
  if (failed.length === 0) return undefined;
  const takenOffSale = (each: Refund) => each.amount - owedPart(order, each);
  const since = Math.min(...failed.map(({ ended }) => ended!));
  const areUnits = failed.some(({ items }) => items.length > 0);
  const others = refunds.filter((each) => {
    const { items, return_id } = refunds.find(({ id }) => id === each.follows) ?? each;
    const isAmount = items.length === 0 && return_id === null && !(areUnits && isShippingAlone(each));
    return isAmount && each.status !== "failed" && each.began > since && takenOffSale(each) > 0;
  });
  if (others.some(({ status }) => status === "pending")) throw refundUnderWay();
  const given = others.reduce((sum, each) => sum + takenOffSale(each), 0);
  const amount = failed.reduce((sum, each) => sum + each.amount, 0);
  return given === 0 && areUnits ? undefined : Math.max(0, amount - given);
}

/** While units are left, an amount takes of the goods too. */
function isShippingAlone({ goods_amount, duty_amount, shipping_amount }: Refund): boolean {
  return shipping_amount > 0 && goods_amount === 0 && duty_amount === 0;
}

function refundUnderWay(): AppError {
  const message = "Another refund of this order is under way, which may give back what had failed.";
  return new AppError("refund_refused", `The refund is refused: ${message}`, {
    errors: [{ pointer: "", code: "refund_under_way", message }],
  });
}

/** Refuses a refund of units that did not come back. Pure. @throws refund_refused, naming every such item */
export function refuseNotReceived(ret: Return, asked: readonly LineUnits[]): void {
  const received = unitsByLine(unitsReceived(ret), ({ quantity }) => quantity);
  const requested = unitsByLine(asked, ({ quantity }) => quantity);
  const errors = asked.flatMap(({ line }, index): FieldError[] => {
    const came = received.get(line) ?? 0;
    if (requested.get(line)! <= came) return [];
    return [{
      pointer: `/items/${index}`,
      code: "more_than_received",
      message: `${came} units of line ${line} came back.`,
      line,
      received: came,
    }];
  });
  if (errors.length === 0) return;
  throw new AppError("refund_refused", `The refund is refused: ${errors[0]!.message}`, { errors });
}

/** The return as its next version, made now. */
export function nextVersion(now: Date, ret: Return, change: Partial<Return>): Return {
  return { ...ret, ...change, version: ret.version + 1, updated_at: now.toISOString() };
}

function unitsByLine<T extends { line: number }>(
  items: readonly T[],
  units: (item: T) => number,
): Map<number, number> {
  const sums = new Map<number, number>();
  for (const item of items) sums.set(item.line, (sums.get(item.line) ?? 0) + units(item));
  return sums;
}

function refuseIfAny(errors: FieldError[]): void {
  if (errors.length === 0) return;
  throw new AppError("return_refused", `The return is refused: ${errors[0]!.message}`, { errors });
}

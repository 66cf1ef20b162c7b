import { isDeepStrictEqual } from "node:util";
import type { z } from "@hono/zod-openapi";
import { type Actor, isStaff } from "../platform/ctx.ts";
import { type Changes, changesBetween } from "../platform/changes.ts";
import { mergeEntries } from "../platform/entries.ts";
import { AppError, invalidRequest } from "../platform/errors.ts";
import {
  afterTransaction,
  cancellationOf,
  captureOf,
  type LedgerTransaction,
  refundOf,
  type RefundParts,
} from "./ledger/entries.ts";
import type { Order, OrderStatus } from "./order.ts";
import type { ChangeOrderBody } from "./schemas.ts";
import { withState } from "./state.ts";
import { refuseTransition } from "./transitions.ts";

export type ChangeOrder = z.infer<typeof ChangeOrderBody>;

/** An order after a change: what is different, and what its ledger books. */
export interface Changed {
  order: Order;
  changes: Changes;
  transactions: LedgerTransaction[];
}

/**
 * Decides a change of an order. Pure. No difference gives empty `changes` and the order as it was.
 *
 * @param left what is left of its sale: all of it, where nothing was refunded
 * @throws invalid_transition, forbidden, invalid_request
 */
export function changeOrder(
  now: Date,
  actor: Actor,
  before: Order,
  input: ChangeOrder,
  left: RefundParts,
): Changed {
  let order: Order = { ...before };
  let transactions: LedgerTransaction[] = [];
  if (input.status !== undefined && input.status !== before.status) {
    refuseTransition(before, input.status, actor);
    refuseByBooks(before, input.status);
    transactions = transactionsOf(before, input.status, left, input.cancel_reason);
    order = transactions.reduce(afterTransaction, order);
    Object.assign(order, ownDecision(before, input.status));
    if (input.status === "CANCELLED") {
      order.cancelled_at = now.toISOString();
      order.cancel_reason = input.cancel_reason ?? null;
    }
    order = withState(order);
  }
  if (input.cancel_reason !== undefined && input.status !== "CANCELLED") {
    throw invalid("/cancel_reason", "goes with status CANCELLED");
  }
  if (input.ship_to !== undefined && !isDeepStrictEqual(before.ship_to, input.ship_to)) {
    if (before.status !== "PENDING") {
      throw new AppError(
        "invalid_transition",
        `The address can change only while an order is PENDING, not ${before.status}.`,
        {
          errors: [{
            pointer: "/ship_to",
            code: "not_pending",
            message: "Cancel the order, or ask the carrier.",
          }],
        },
      );
    }
    if (input.ship_to.country !== before.ship_to.country && (before.incoterm !== null || !isStaff(actor))) {
      throw invalid(
        "/ship_to/country",
        `must be ${before.ship_to.country}, for which this was ordered; for another country cancel the order and place ` +
          "another",
      );
    }
    order.ship_to = input.ship_to;
  }
  if (input.pay_by !== undefined) Object.assign(order, withPayBy(now, actor, before, input.pay_by));
  if (input.note !== undefined) order.note = input.note;
  if (input.metadata !== undefined) {
    order.metadata = mergeEntries("metadata", before.metadata, input.metadata);
  }
  if (!isStaff(actor) && before.status !== "PENDING") refuseLateWords(before, order);

  const changes = changesBetween(before, order);
  if (Object.keys(changes).length === 0) return { order: before, changes, transactions };
  return { order: nextVersion(now, order), changes, transactions };
}

/** The time that staff give its customer to pay, and when it expires then: what a promise of money keeps stays longer. */
function withPayBy(
  now: Date,
  actor: Actor,
  { status, expires_at, pay_by, amount_authorised }: Order,
  asked: string,
): Pick<Order, "pay_by" | "expires_at"> {
  if (!isStaff(actor)) throw new AppError("forbidden", "Only staff give more time to pay.");
  if (status !== "PENDING") {
    throw new AppError("invalid_transition", `An order that is ${status} does not wait to be paid.`, {
      errors: [{
        pointer: "/pay_by",
        code: "not_pending",
        message: "can change only while the order is PENDING",
      }],
    });
  }
  const until = new Date(asked).toISOString();
  if (until <= now.toISOString()) {
    throw invalid("/pay_by", "must be in the future; to end the order, cancel it");
  }
  // What was promised while more time was given left `expires_at` as it was: it is the promise's as well.
  const isInForce = expires_at === null || (expires_at === pay_by && amount_authorised === 0);
  return { pay_by: until, expires_at: isInForce || until > expires_at ? until : expires_at };
}

/** The order as its next version, made now. */
export function nextVersion(now: Date, order: Order): Order {
  return { ...order, version: order.version + 1, updated_at: now.toISOString() };
}

/** What its customer wrote is the shop's to keep once it works on the order. */
function refuseLateWords(before: Order, order: Order): void {
  const late = (["note", "metadata"] as const).filter((field) =>
    !isDeepStrictEqual(before[field], order[field])
  );
  if (late.length === 0) return;
  throw new AppError("invalid_transition", `Only staff may change an order that is ${before.status}.`, {
    errors: late.map((field) => ({
      pointer: `/${field}`,
      code: "not_pending",
      message: "can be changed by its customer only while the order is PENDING",
    })),
  });
}

/** A status alone says too little where only a part was shipped, paid or refunded. */
function refuseByBooks(order: Order, to: OrderStatus): void {
  const refuse = (message: string, instead: string) => {
    throw new AppError("invalid_transition", message, {
      errors: [{ pointer: "/status", code: "invalid_transition", message: instead }],
    });
  };
  if (to === "PAID" && order.amount_authorised > 0) {
    refuse(
      "A payment of this order is authorised.",
      "Capture it, POST /v1/payments/{id}/captures, or void it first: it would be paid twice.",
    );
  }
  if (to === "CANCELLED" && order.units_shipped > 0) {
    refuse(
      "A part of this order has been shipped.",
      "Refund the units that were not: POST /v1/orders/{id}/refunds with items",
    );
  }
  if (to === "REFUNDED" && order.amount_paid === 0) {
    refuse("Nothing was paid for this order.", "Cancel it instead: there is nothing to refund.");
  }
  if (to === "REFUNDED" && (order.amount_refunded > 0 || order.amount_paid !== order.total_price)) {
    refuse("Only a part of this order is left to be refunded.", "Use POST /v1/orders/{id}/refunds");
  }
}

/** What a status that somebody sets does to the books: staff record money that came or went outside of any provider. */
function transactionsOf(
  order: Order,
  to: OrderStatus,
  left: RefundParts,
  reason: string | undefined,
): LedgerTransaction[] {
  const recorded = { reason: "Recorded by staff" };
  switch (to) {
    case "PAID":
      return [captureOf(order, order.amount_due, recorded)];
    case "CANCELLED":
      return [cancellationOf(order, left, reason)];
    case "EXPIRED":
      return [cancellationOf(order, left, "Not paid in time")];
    case "REFUNDED":
      return [refundOf(order, order.total_price, left, recorded)];
    default:
      return [];
  }
}

/** What of a status is a decision, and what it says of the goods; the rest follows from the books. */
function ownDecision(order: Order, to: OrderStatus): Partial<Order> {
  switch (to) {
    case "SHIPPED":
      return {
        items: order.items.map((item) => ({ ...item, shipped: item.quantity - item.cancelled })),
        units_shipped: order.units,
      };
    case "DELIVERED":
      return { units_delivered: order.units };
    case "PROCESSING":
    case "CANCELLED":
    case "EXPIRED":
      return { status: to };
    default:
      return {};
  }
}

function invalid(pointer: string, message: string): AppError {
  return invalidRequest([{ pointer, code: "invalid", message }]);
}

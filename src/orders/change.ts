import { isDeepStrictEqual } from "node:util";
import type { z } from "@hono/zod-openapi";
import type { OrderMove } from "../inventory/mod.ts";
import type { Actor } from "../platform/ctx.ts";
import { type Changes, changesBetween } from "../platform/changes.ts";
import { AppError } from "../platform/errors.ts";
import type { Order } from "./order.ts";
import type { ChangeOrderBody } from "./schemas.ts";
import { derivedStatuses, findTransition } from "./transitions.ts";

export type ChangeOrder = z.infer<typeof ChangeOrderBody>;

/** An order after a change: what is different, and what happens to its stock. */
export interface Changed {
  order: Order;
  changes: Changes;
  stock?: OrderMove;
}

const MAX_METADATA_KEYS = 50;

/**
 * Decides a change of an order. Pure. No difference gives empty `changes` and the order as it was.
 *
 * @throws invalid_transition, forbidden, invalid_request
 */
export function changeOrder(now: Date, actor: Actor, before: Order, input: ChangeOrder): Changed {
  const order: Order = { ...before };
  let stock: OrderMove | undefined;
  if (input.status !== undefined && input.status !== before.status) {
    stock = findTransition(before, input.status, actor).stock;
    Object.assign(order, { status: input.status, ...derivedStatuses(before, input.status) });
    if (input.status === "CANCELLED") {
      order.cancelled_at = now.toISOString();
      order.cancel_reason = input.cancel_reason ?? null;
    }
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
    order.ship_to = input.ship_to;
  }
  if (input.note !== undefined) order.note = input.note;
  if (input.metadata !== undefined) order.metadata = mergeMetadata(before.metadata, input.metadata);

  const changes = changesBetween(before, order);
  if (Object.keys(changes).length === 0) return { order: before, changes };
  order.version = before.version + 1;
  order.updated_at = now.toISOString();
  return { order, changes, stock };
}

function mergeMetadata(
  before: Record<string, string>,
  patch: Record<string, string | null>,
): Record<string, string> {
  const merged = Object.entries({ ...before, ...patch }).filter((entry): entry is [string, string] =>
    entry[1] !== null
  );
  if (merged.length > MAX_METADATA_KEYS) {
    throw invalid("/metadata", `must have at most ${MAX_METADATA_KEYS} keys`);
  }
  return Object.fromEntries(merged);
}

function invalid(pointer: string, message: string): AppError {
  return new AppError("invalid_request", `The request is not valid: ${pointer} ${message}`, {
    errors: [{ pointer, code: "invalid", message }],
  });
}

import { type Actor, isStaff } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import type { Order, OrderStatus } from "./order.ts";

/** Who may make a change; staff may do all that an owner may, and the system everything. */
type Who = "owner" | "staff" | "system";

/** Every change of status that somebody can ask for. What is not here is refused. */
export const TRANSITIONS: Record<OrderStatus, Partial<Record<OrderStatus, Who>>> = {
  PENDING: { PAID: "staff", CANCELLED: "owner", EXPIRED: "system" },
  PAID: { PROCESSING: "staff", CANCELLED: "staff", REFUNDED: "staff" },
  PROCESSING: { SHIPPED: "staff", CANCELLED: "staff", REFUNDED: "staff" },
  SHIPPED: { DELIVERED: "staff", REFUNDED: "staff" },
  DELIVERED: { REFUNDED: "staff" },
  CANCELLED: {},
  EXPIRED: {},
  REFUNDED: {},
};

/** @throws invalid_transition (with what is possible), forbidden */
export function refuseTransition(order: Order, to: OrderStatus, actor: Actor): void {
  const possible = TRANSITIONS[order.status];
  const by = possible[to];
  if (!by) throw wrongTransition(order.status, to);
  const may = by === "owner" || (by === "staff" && isStaff(actor)) || actor.kind === "system";
  if (!may) {
    const who = by === "system" ? "Waybill itself" : "staff";
    throw new AppError("forbidden", `Only ${who} may set an order that is ${order.status} to ${to}.`);
  }
}

export function wrongTransition(from: OrderStatus, to: OrderStatus): AppError {
  const allowed = Object.keys(TRANSITIONS[from]);
  return new AppError("invalid_transition", `An order that is ${from} cannot become ${to}.`, {
    errors: [{
      pointer: "/status",
      code: "invalid_transition",
      message: allowed.length > 0 ? `must be ${allowed.join(" or ")}` : `${from} is final`,
      allowed,
    }],
  });
}

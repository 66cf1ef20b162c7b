import { type OrderMove } from "../inventory/mod.ts";
import { type Actor, isStaff } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import type { Order, OrderStatus } from "./order.ts";

type Who = "owner" | "staff" | "system";

interface Transition {
  /** Who may do it; staff may do all that an owner may. */
  by: Who;
  /** What it does to the order's stock. */
  stock?: OrderMove;
}

const release: Transition = { by: "staff", stock: "release" };

/** Every change of status there is. What is not here is refused. */
export const TRANSITIONS: Record<OrderStatus, Partial<Record<OrderStatus, Transition>>> = {
  PENDING: {
    PAID: { by: "staff" },
    CANCELLED: { by: "owner", stock: "release" },
    EXPIRED: { by: "system", stock: "release" },
  },
  PAID: { PROCESSING: { by: "staff" }, CANCELLED: release, REFUNDED: release },
  PROCESSING: { SHIPPED: { by: "staff", stock: "shipment" }, CANCELLED: release, REFUNDED: release },
  SHIPPED: { DELIVERED: { by: "staff" }, REFUNDED: { by: "staff" } },
  DELIVERED: { REFUNDED: { by: "staff" } },
  CANCELLED: {},
  EXPIRED: {},
  REFUNDED: {},
};

/** The statuses of payment and fulfilment that go with an order's status. */
export function derivedStatuses(
  order: Order,
  to: OrderStatus,
): Pick<Order, "payment_status" | "fulfilment_status"> {
  return {
    payment_status: to === "PAID" ? "PAID" : to === "REFUNDED" ? "REFUNDED" : order.payment_status,
    fulfilment_status: to === "SHIPPED" || to === "DELIVERED" ? to : order.fulfilment_status,
  };
}

/** @throws invalid_transition (with what is possible), forbidden */
export function findTransition(order: Order, to: OrderStatus, actor: Actor): Transition {
  const possible = TRANSITIONS[order.status];
  const transition = possible[to];
  if (!transition) {
    const allowed = Object.keys(possible);
    throw new AppError(
      "invalid_transition",
      `An order that is ${order.status} cannot become ${to}.`,
      {
        errors: [{
          pointer: "/status",
          code: "invalid_transition",
          message: allowed.length > 0 ? `must be ${allowed.join(" or ")}` : `${order.status} is final`,
          allowed,
        }],
      },
    );
  }
  const may = transition.by === "owner" || (transition.by === "staff" && isStaff(actor)) ||
    actor.kind === "system";
  if (!may) {
    throw new AppError(
      "forbidden",
      `Only ${transition.by === "system" ? "Waybill itself" : "staff"} may set an order to ${to}.`,
    );
  }
  return transition;
}

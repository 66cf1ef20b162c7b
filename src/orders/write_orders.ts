import { isDeepStrictEqual } from "node:util";
import { moveStock } from "../inventory/mod.ts";
import { changesBetween } from "../platform/changes.ts";
import type { Author, Ctx } from "../platform/ctx.ts";
import { pipelined, type Tx } from "../platform/db.ts";
import { appendEvents, type NewEvent } from "../platform/events.ts";
import { nextVersion } from "./change.ts";
import { eventOfChange } from "./events.ts";
import { releaseCoupons } from "../promotions/mod.ts";
import { afterTransaction, type LedgerTransaction } from "./ledger/entries.ts";
import { insertTransactions } from "./ledger/queries.ts";
import type { Order } from "./order.ts";
import { updateCancelled, updateOrders } from "./queries.ts";
import { stockOf, unshippedLines } from "./shipments/shipment.ts";
import { withState } from "./state.ts";

/** A change of an order whose row is locked: as it was, as it will be, and what its ledger books for that. */
export interface OrderWrite {
  before: Order;
  order: Order;
  transactions: LedgerTransaction[];
  /** Whose doing it is, where that is not the context's. */
  by?: Author;
}

/**
 * Writes changed orders: rows, cancelled units, ledger, coupons and stock that are free again, events.
 *
 * @throws Error where row and ledger would differ
 */
export async function writeOrders(tx: Tx, ctx: Ctx, writes: OrderWrite[]): Promise<void> {
  if (writes.length === 0) return;
  await updateCancelled(tx, writes.flatMap(newlyCancelled));
  await pipelined([
    updateOrders(tx, writes.map(({ order }) => order)),
    bookTransactions(tx, ctx, writes),
    freeCoupons(tx, writes),
    freeStock(tx, ctx, writes),
    appendEvents(tx, ctx, writes.map(eventOf)),
  ]);
}

async function bookTransactions(tx: Tx, ctx: Ctx, writes: OrderWrite[]): Promise<void> {
  const transactions = writes.flatMap(({ order, transactions, by }) =>
    transactions.map((each) => ({ ...each, by, at: order.updated_at }))
  );
  if (transactions.length === 0) return;
  const orders = new Map(writes.map(({ order }) => [order.id, order]));
  for (const { order_id, ...amounts } of await insertTransactions(tx, ctx, transactions)) {
    const { amount_due, amount_paid, amount_refunded } = orders.get(order_id)!;
    if (!isDeepStrictEqual(amounts, { amount_due, amount_paid, amount_refunded })) {
      throw new Error(`Order ${order_id} and its ledger would differ.`);
    }
  }
}

/** An order that is cancelled or expires gives its coupon back; one that was refunded has had it. */
async function freeCoupons(tx: Tx, writes: OrderWrite[]): Promise<void> {
  const ended = writes.filter(({ before, order }) =>
    order.coupon_code !== null && order.status !== before.status &&
    (order.status === "CANCELLED" || order.status === "EXPIRED")
  );
  if (ended.length === 0) return;
  await releaseCoupons(
    tx,
    { orderIds: ended.map(({ order }) => order.id) },
    new Date(ended[0]!.order.updated_at),
  );
}

/**
 * Frees the stock of cancelled units, and of orders that ended all that has not left. In one move: levels are locked in the
 * order of their SKUs.
 */
async function freeStock(tx: Tx, ctx: Ctx, writes: OrderWrite[]): Promise<void> {
  // Units are cancelled while they are held alone, be it since they turned out never to have left.
  const cancelled = writes.map((write) => stockOf(write.order, newlyCancelled(write)));
  const ended = writes.filter(({ before, order }) => holdsStock(before) && !holdsStock(order));
  const unshipped = ended.map(({ order }) => stockOf(order, unshippedLines(order)));
  await moveStock(tx, ctx, "release", [...cancelled, ...unshipped]);
}

/** The lines of which more units are cancelled than were: how many in all, and as `quantity` how many more. */
function newlyCancelled({ before, order }: OrderWrite) {
  return order.items.map(({ line, cancelled }, index) => ({
    order_id: order.id,
    line,
    cancelled,
    quantity: cancelled - before.items[index]!.cancelled,
  })).filter(({ quantity }) => quantity > 0);
}

function eventOf({ before, order, by }: OrderWrite): NewEvent {
  const header = headerOf(order);
  const { version: _, updated_at: __, ...changes } = changesBetween(
    { ...NO_UNITS, ...headerOf(before) },
    { ...NO_UNITS, ...header },
  );
  return {
    event: eventOfChange(before.status, order.status),
    aggregateId: order.id,
    userId: order.user_id,
    data: { ...header, changes },
    by,
  };
}

/** What an event leaves out where there are none. */
const NO_UNITS = { cancelled_units: [], shipped_units: [], returned_units: [] };

/** The order as its later events tell it: of its items only what can change. */
function headerOf({ items, ...header }: Order) {
  const units = (count: "cancelled" | "shipped" | "returned") => {
    const counted = items.filter((item) => item[count] > 0);
    return counted.length === 0 ? {} : {
      [`${count}_units`]: counted.map((item) => ({
        line: item.line,
        sku: item.sku,
        quantity: item[count],
      })),
    };
  };
  return { ...header, ...units("cancelled"), ...units("shipped"), ...units("returned") };
}

/**
 * Books transactions on an order whose row the caller holds, and lets its statuses follow.
 *
 * @param more what else of it changes: units that left, came back or are cancelled, what is authorised
 * @returns the order as it is then; the caller remembers it after the commit
 */
export function booked(
  ctx: Ctx,
  before: Order,
  transactions: LedgerTransaction[],
  more: Partial<Order>,
): OrderWrite {
  const order = withState(transactions.reduce(afterTransaction, { ...before, ...more }));
  return { before, order: nextVersion(ctx.clock.now(), order), transactions, by: ctx };
}

/** Is what has not left yet promised to this order? */
export function holdsStock({ status }: Pick<Order, "status">): boolean {
  return status === "PENDING" || status === "PAID" || status === "PROCESSING";
}

import {
  booked,
  captureOf,
  changingOrder,
  lockOrdersWithItems,
  type Order,
  type OrderWrite,
  writeOrders,
} from "../orders/mod.ts";
import { grouped, perPool } from "../platform/batch.ts";
import type { Ctx } from "../platform/ctx.ts";
import { isRefusal, pipelined, type Tx } from "../platform/db.ts";
import { appendEvents, type NewEvent } from "../platform/events.ts";
import { eventOfChange, paymentStray } from "./events.ts";
import { afterState, openAmount, paymentView, type StoredPayment, wantsNothing } from "./payment.ts";
import { type ChargeState, ProviderError } from "./providers/provider.ts";
import { lockPayments, sumComing, updatePayments } from "./queries.ts";

/**
 * How long money that is reserved, on its way, or a part of what is due keeps its order alive: the usual life of an
 * authorisation, and of a bank debit.
 */
const PROMISED_FOR_MS = 7 * 86_400_000;

/** What a provider said of a payment. */
export interface Told {
  ctx: Ctx;
  payment: Pick<StoredPayment, "id" | "order_id">;
  state: ChargeState;
}

/**
 * Records how a provider says that a payment stands: the payment, its order's ledger and statuses, and the events of
 * both, in one transaction. The answer to a charge, a webhook, the customer's return and the sweeper all end here, in any
 * order and any number: what is known already changes nothing.
 *
 * @throws ProviderError where it cannot be
 */
export async function recordCharge(
  ctx: Ctx,
  payment: Told["payment"] & Pick<StoredPayment, "amount">,
  state: ChargeState,
): Promise<StoredPayment> {
  if (Math.max(state.amountAuthorised, state.amountCaptured) > payment.amount) {
    // Nothing of it can be believed: somebody is to look at it, and it is asked about again.
    ctx.log.error("a provider says that it took more than it was asked for", {
      payment_id: payment.id,
      order_id: payment.order_id,
    });
    throw new ProviderError(
      "unknown",
      "more_than_asked",
      "The provider says that it took more than was asked for.",
    );
  }
  return await recorderOf(ctx.sql)({ ctx, payment, state });
}

/** The one place where a process records payments over a pool: those that arrive together go together. */
const recorderOf = perPool(() => grouped((told: readonly Told[]) => recordGroup(told)));

/** Records a group in one transaction; if the database refuses it, each alone. Of one payment only the first at a time. */
async function recordGroup(told: readonly Told[]): Promise<(StoredPayment | Error)[]> {
  const alone = async (each: Told) =>
    await recordTogether([each]).then(([payment]) => payment!, (error: Error) => error);
  const orders = new Set(told.map(({ payment }) => payment.order_id));
  if (orders.size === told.length) {
    try {
      return await recordTogether(told);
    } catch (error) {
      if (told.length === 1 || !isRefusal(error)) return told.map(() => error as Error);
    }
  }
  const results: (StoredPayment | Error)[] = [];
  for (const each of told) results.push(await alone(each));
  return results;
}

/** What is new of a payment. */
interface News {
  ctx: Ctx;
  before: StoredPayment;
  after: StoredPayment;
  order: Order;
}

/** Records what was said of payments of different orders. */
async function recordTogether(told: readonly Told[]): Promise<StoredPayment[]> {
  return await changingOrder(told[0]!.ctx, async (tx, written) => {
    const [orders, locked] = await pipelined([
      lockOrdersWithItems(tx, told.map(({ payment }) => payment.order_id)),
      lockPayments(tx, told.map(({ payment }) => payment.id)),
    ]);
    const changes = told.map(({ ctx, payment: { id, order_id }, state }): News => {
      const before = locked.find((each) => each.id === id)!;
      const after = afterState(ctx.clock.now(), before, state);
      return { ctx, before, after, order: orders.find((each) => each.id === order_id)! };
    });
    const news = changes.filter(({ before, after }) => before !== after);
    if (news.length > 0) {
      const coming = await findComing(tx, news);
      const writes = news.flatMap((each) => orderWrite(each, coming.get(each.order.id) ?? 0));
      for (const { order } of writes) written(order);
      await pipelined([
        updatePayments(tx, news.map(({ after }) => after)),
        writeOrders(tx, told[0]!.ctx, writes),
        tellOfPayments(tx, told[0]!.ctx, news, writes),
      ]);
    }
    return changes.map(({ after }) => after);
  });
}

/** By order what its other payments have on their way; asked only where one alone does not pay all that is due. */
async function findComing(tx: Tx, news: readonly News[]): Promise<Map<string, number>> {
  const parts = news.filter(({ order, after }) => after.amount < order.amount_due);
  if (parts.length === 0) return new Map();
  return await sumComing(tx, parts.map(({ after }) => after));
}

/**
 * What a payment's news mean for its order: nothing where its money stays as it was.
 *
 * @param comingElse what the order's other payments have on their way
 */
function orderWrite({ ctx, order, before, after }: News, comingElse: number): OrderWrite[] {
  const now = ctx.clock.now();
  const captured = after.amount_captured - before.amount_captured;
  const reserved = openAmount(after) - openAmount(before);
  const coming = comingAmount(after) - comingAmount(before);
  if (captured === 0 && reserved === 0 && coming === 0) return [];
  const transactions = captured === 0 ? [] : [captureOf(order, captured, { payment_id: after.id })];
  const amount_authorised = order.amount_authorised + reserved;
  const promised = amount_authorised + comingAmount(after) + comingElse;
  const due = order.amount_due - captured;
  const isMore = captured + reserved + coming > 0;
  const isCovered = promised >= due;
  const expires_at = isMore && isCovered && due > 0
    ? laterExpiry(now, order)
    : isCovered || order.amount_paid + captured > 0
    ? order.expires_at
    : earlierExpiry(now, ctx.config.orderExpirationMs, order);
  if (captured === 0 && reserved === 0 && expires_at === order.expires_at) return [];
  return [booked(ctx, order, transactions, { amount_authorised, expires_at })];
}

/** What is on its way from the customer's bank, and may still come to nothing. */
function comingAmount({ status, amount, amount_captured }: StoredPayment): number {
  return status === "processing" ? amount - amount_captured : 0;
}

/** Stock that somebody's money is promised for does not go to the next one. */
export function laterExpiry(now: Date, { status, expires_at }: Order): string | null {
  if (status !== "PENDING" || expires_at === null) return expires_at;
  const until = new Date(now.getTime() + PROMISED_FOR_MS).toISOString();
  return until > expires_at ? until : expires_at;
}

/** What nobody's money is promised for any more is held no longer than what was just ordered, or as staff let it wait. */
function earlierExpiry(now: Date, lifetimeMs: number, { status, expires_at, pay_by }: Order): string | null {
  if (status !== "PENDING" || expires_at === null) return expires_at;
  const anew = new Date(now.getTime() + lifetimeMs).toISOString();
  const until = pay_by !== null && pay_by > anew ? pay_by : anew;
  return until < expires_at ? until : expires_at;
}

async function tellOfPayments(
  tx: Tx,
  ctx: Ctx,
  news: News[],
  writes: OrderWrite[],
): Promise<void> {
  const orders = new Map(writes.map(({ order }) => [order.id, order]));
  const told = news.map(({ ctx: by, before, after, order }): NewEvent => ({
    event: eventOfChange(before, after),
    aggregateId: after.id,
    userId: order.user_id,
    data: paymentView(after),
    by,
  }));
  await appendEvents(tx, ctx, told);
  const stray = told.filter((_, i) => {
    const { after, order } = news[i]!;
    return isUnwanted(after, orders.get(order.id) ?? order);
  });
  await appendEvents(tx, ctx, stray.map((event) => ({ ...event, event: paymentStray })));
}

/** Is there money on its way, or here, that the order does not want? What is reserved may be another payment's. */
function isUnwanted(payment: StoredPayment, order: Order): boolean {
  if (!wantsNothing(order)) return false;
  const mayBringMore = payment.status === "authorised" || payment.status === "processing" ||
    payment.status === "requires_action";
  const isTooMuch = order.amount_due < 0 || order.amount_authorised > 0;
  return mayBringMore || (payment.amount_captured > 0 && isTooMuch);
}

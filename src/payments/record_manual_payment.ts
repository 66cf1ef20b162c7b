import {
  booked,
  captureOf,
  changingOrder,
  lockReadableOrder,
  type Order,
  writeOrders,
} from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { type Tx, violates } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { paymentCaptured, paymentCreated } from "./events.ts";
import { afterState, MANUAL, newPayment, paymentView, type StoredPayment } from "./payment.ts";
import { findPayment, findPaymentByReference, insertPayment, listPayments } from "./queries.ts";
import { laterExpiry } from "./record_charge.ts";

/** What came in: all that is due unless said. */
interface Received {
  amount?: number;
  reference?: string;
}

/**
 * Records money that came in without a provider, by bank transfer say: a payment that is captured at once, of all that is due
 * or of a part. An order that is paid in part waits a week for the rest.
 *
 * @throws not_found, payment_refused (which says what can be paid, and which payments are in the way), reference_taken,
 *   idempotency_key_reused
 */
export async function recordManualPayment(
  ctx: Ctx,
  { orderId, ...received }: Received & { orderId: string },
  idempotency: Idempotency,
): Promise<Outcome<StoredPayment>> {
  try {
    const { value: { id }, replayed } = await changingOrder(
      ctx,
      (tx, written) =>
        once(tx, idempotency, async () => {
          const order = await lockReadableOrder(tx, ctx, orderId);
          return { id: await bookReceived(tx, ctx, order, received, written) };
        }),
    );
    return { value: (await findPayment(ctx.sql, id))!, replayed };
  } catch (error) {
    if (!violates(error, "payments_reference_key")) throw error;
    throw await referenceTaken(ctx, received.reference!, error);
  }
}

/** The payment as it begins and, right away, as it is captured; what that does to its order; the events of both. */
async function bookReceived(
  tx: Tx,
  ctx: Ctx,
  order: Order,
  { amount, reference = "" }: Received,
  written: (order: Order) => void,
): Promise<string> {
  const ask = { provider: MANUAL, payment_method: MANUAL, capture_method: "automatic", amount } as const;
  const created = newPayment(ctx, order, ask, await listPayments(tx, order.id));
  const now = ctx.clock.now();
  const payment = afterState(now, created, {
    reference,
    status: "captured",
    amountAuthorised: created.amount,
    amountCaptured: created.amount,
    amountRefunded: 0,
  });
  const isPart = payment.amount < order.amount_due;
  const write = booked(
    ctx,
    order,
    [captureOf(order, payment.amount, { payment_id: payment.id })],
    isPart ? { expires_at: laterExpiry(now, order) } : {},
  );
  written(write.order);
  await insertPayment(tx, payment);
  await writeOrders(tx, ctx, [write]);
  const about = { aggregateId: payment.id, userId: order.user_id };
  await appendEvents(tx, ctx, [
    { event: paymentCreated, sequence: 1, data: paymentView(created), ...about },
    { event: paymentCaptured, sequence: 2, data: paymentView(payment), ...about },
  ]);
  return payment.id;
}

/** One transfer is recorded once, whoever else looks at the same statement. */
async function referenceTaken(ctx: Ctx, reference: string, cause: unknown): Promise<AppError> {
  const { id, order_id } = (await findPaymentByReference(ctx.sql, MANUAL, reference))!;
  return new AppError("reference_taken", `The manual payment ${id} has this reference already.`, {
    errors: [{
      pointer: "/reference",
      code: "reference_taken",
      message:
        "Each transfer is recorded once; one that pays for several orders under another reference for each.",
      order_id,
      payments: [{ payment_id: id }],
    }],
    cause,
  });
}

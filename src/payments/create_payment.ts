import { findOrder, lockReadableOrder, mayReadOrder } from "../orders/mod.ts";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { notFound } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { askAboutPayment, chargePayment } from "./charge.ts";
import { paymentCreated } from "./events.ts";
import { getProvider } from "./get_provider.ts";
import { type AskPayment, newPayment, paymentView, type StoredPayment } from "./payment.ts";
import { ProviderError } from "./providers/provider.ts";
import { findPayment, insertPayment, listPayments } from "./queries.ts";

/**
 * Pays for an order: the payment is stored first, then charged. While one is under way, no other is begun for the same
 * money.
 *
 * @throws not_found, payment_refused (which says what can be paid, and which payments are in the way),
 *   idempotency_key_reused
 */
export async function createPayment(
  ctx: Ctx,
  input: { orderId: string; ask: AskPayment },
  idempotency: Idempotency | undefined,
): Promise<Outcome<StoredPayment>> {
  getProvider(ctx, input.ask.provider);
  const { value: { id }, replayed } = await transaction(ctx.sql, (tx) =>
    once(tx, idempotency, async () => {
      const order = await lockReadableOrder(tx, ctx, input.orderId);
      const payment = newPayment(ctx, order, input.ask, await listPayments(tx, order.id));
      await insertPayment(tx, payment);
      await appendEvents(tx, ctx, [{
        event: paymentCreated,
        aggregateId: payment.id,
        sequence: 1,
        userId: order.user_id,
        data: paymentView(payment),
      }]);
      return { id: payment.id };
    }));
  // A replay goes on where the first call was cut off; what is decided already stays.
  const payment = (await findPayment(ctx.sql, id))!;
  const isCutOff = payment.status === "created" &&
    (!replayed || (await findOrder(ctx.sql, payment.order_id))!.status === "PENDING");
  return { value: isCutOff ? await chargePayment(ctx, payment, { isFirst: !replayed }) : payment, replayed };
}

/** @throws not_found, also for another's */
export async function getPayment(ctx: Ctx, id: string): Promise<StoredPayment> {
  const payment = await findPayment(ctx.sql, id);
  if (!payment || !await mayReadOrder(ctx, payment.order_id)) throw notFound("payment");
  return payment;
}

/**
 * Asks the provider how a payment stands and records it: for the page that the customer comes back to, which may be
 * there before the provider's webhook, or after. Where the provider does not answer, the payment is given as it is.
 */
export async function refreshPayment(ctx: Ctx, payment: StoredPayment): Promise<StoredPayment> {
  try {
    return await askAboutPayment(ctx, payment) ?? payment;
  } catch (error) {
    if (error instanceof ProviderError) return payment;
    throw error;
  }
}

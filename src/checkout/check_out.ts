import type { z } from "@hono/zod-openapi";
import { sealConsignee } from "../consignees/mod.ts";
import {
  commitOrders,
  consigneeNeeded,
  getReadableOrder,
  linesOf,
  type Order,
  type PlacedOrder,
} from "../orders/mod.ts";
import {
  chargePayment,
  getProvider,
  listPayments,
  newPayment,
  type Payment,
  paymentView,
  type StoredPayment,
} from "../payments/mod.ts";
import { grouped, groupedByLines, perPool } from "../platform/batch.ts";
import { actorName, type Ctx, isOwn } from "../platform/ctx.ts";
import { isGuardBroken } from "../platform/db.ts";
import { AppError, type FieldError, invalidRequest, notFound } from "../platform/errors.ts";
import { type Idempotency, inProgress, keyReused, type Outcome } from "../platform/idempotency.ts";
import { estimateCart, type QuoteData } from "../quotes/mod.ts";
import { orderOf } from "./order_of.ts";
import { type CheckoutFacts, type CheckoutQuestion, findCheckoutFacts, FROM_QUOTES } from "./queries.ts";
import type { CheckoutBody } from "./schemas.ts";

export type Checkout = z.output<typeof CheckoutBody>;

/** How often a quote may be taken between reading and writing before the caller is told to come again. */
const MAX_ATTEMPTS = 5;

/**
 * Makes an order of a cart, for exactly what its quote says. One statement uses the quote, closes the cart, turns the hold
 * into the order's, books the sale, stores the payment and writes the events, or does none of it; only then the
 * provider is called.
 *
 * @throws not_found, quote_not_open with what it would cost now, invalid_request, payment_refused,
 *   idempotency_key_reused, idempotency_in_progress
 */
export async function checkOut(
  ctx: Ctx,
  input: { cartId: string; checkout: Checkout },
  idempotency: Idempotency | undefined,
): Promise<Outcome<{ order: Order; payment: Payment | null }>> {
  const { actor } = ctx;
  if (actor.kind !== "user") throw notFound("cart");
  const { cartId, checkout } = input;
  if (checkout.payment) inPayment(() => getProvider(ctx, checkout.payment!.provider));
  const { readFacts, commit } = deskOf(ctx.sql);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const facts = await readFacts({ cartId, quoteId: checkout.quote_id, userId: actor.userId, idempotency });
    if (facts.answer && !facts.answer.same) throw keyReused();
    if (facts.answer) return { value: await resume(ctx, facts.answer.value), replayed: true };
    const now = ctx.clock.now();
    const { quote, cartVersion } = await requireOpenQuote(ctx, cartId, facts, now);
    refuseInput(quote, checkout);
    const draft = orderOf(quote, now, ctx.config.orderExpirationMs, actor, checkout);
    const payment = checkout.payment && draft.amount_due > 0
      ? inPayment(() => newPayment(ctx, draft, checkout.payment!))
      : undefined;
    const consignee = checkout.consignee &&
      await sealConsignee(ctx.config.consigneeKeys, draft.id, checkout.consignee);
    try {
      const number = await commit({
        order: draft,
        cartVersion,
        actor: actorName(actor),
        requestId: ctx.requestId,
        traceparent: ctx.traceparent,
        idempotency,
        consignee,
        also: { payment: payment && { ...payment, told: paymentView(payment) } },
      });
      if (number === undefined) continue; // another call with this key was first: its answer is there now
      const order = { ...draft, number };
      return {
        value: payment ? await pay(ctx, payment, { isFirst: true }) : { order, payment: null },
        replayed: false,
      };
    } catch (error) {
      // The quote was used, or the cart changed, in between: read again, and say what is wrong now.
      if (!isGuardBroken(error)) throw idempotency ? inProgress(error) : error;
    }
  }
  throw new AppError("unavailable", "This cart is changing too fast. Try again.", { retryAfterSeconds: 1 });
}

async function pay(
  ctx: Ctx,
  payment: StoredPayment,
  by: { isFirst: boolean },
): Promise<{ order: Order; payment: Payment }> {
  const charged = await chargePayment(ctx, payment, by);
  return { order: await getReadableOrder(ctx, payment.order_id), payment: charged };
}

/** A repeated checkout: goes on where the first was cut off, and never begins a second payment. */
async function resume(ctx: Ctx, first: Order): Promise<{ order: Order; payment: Payment | null }> {
  const [payment] = await listPayments(ctx.sql, first.id);
  const order = await getReadableOrder(ctx, first.id);
  if (payment?.status === "created" && order.status === "PENDING") {
    return await pay(ctx, payment, { isFirst: false });
  }
  return { order, payment: payment ?? null };
}

/** @throws not_found, quote_not_open with the order that used it, or with what the cart would cost now */
async function requireOpenQuote(
  ctx: Ctx,
  cartId: string,
  facts: CheckoutFacts,
  now: Date,
): Promise<{ quote: QuoteData; cartVersion: number }> {
  const { quote, cart, ownerActive } = facts;
  if (!quote || !cart || !isOwn(ctx.actor, quote.data.user_id) || !ownerActive) {
    throw notFound("quote of this cart");
  }
  if (quote.status === "used") {
    throw new AppError("quote_not_open", "This quote has become an order already.", {
      errors: [{
        pointer: "/quote_id",
        code: "used",
        message: "Each quote is used once.",
        order_id: quote.order_id,
      }],
    });
  }
  const isOver = quote.status === "expired" || new Date(quote.data.expires_at) <= now;
  const why = isOver
    ? { code: "expired", message: "The quote has expired." }
    : quote.status === "superseded"
    ? { code: "superseded", message: "The cart has a newer quote." }
    : cart.status !== "open" || !cart.isAsQuoted
    ? { code: "cart_changed", message: "The cart has changed since it was quoted." }
    : undefined;
  if (!why) return { quote: quote.data, cartVersion: cart.version };
  throw new AppError("quote_not_open", `${why.message} Ask for a new one.`, {
    errors: [{ pointer: "/quote_id", ...why, ...await presentCost(ctx, cartId, quote.data) }],
  });
}

/** What the same would cost now, or why it cannot be had any more. */
async function presentCost(ctx: Ctx, cartId: string, quote: QuoteData) {
  const { destination, incoterm, shipping, total_price, currency } = quote;
  try {
    const ask = { destination, incoterm, shipping_option: shipping.code };
    const now = await estimateCart(ctx, cartId, ask);
    return { quoted_total: total_price, new_total: now.total_price, currency };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { quoted_total: total_price, new_total: null, currency, refusal: error.message };
  }
}

/** What is wrong with a payment is said of the body's `payment`. */
function inPayment<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const errors = error.errors.map((each) => ({ ...each, pointer: `/payment${each.pointer}` }));
    throw new AppError(error.code, error.message, { errors });
  }
}

function refuseInput({ destination, consignee_id }: QuoteData, { ship_to, consignee }: Checkout): void {
  const errors: FieldError[] = [];
  if (ship_to.country !== destination) {
    errors.push({
      pointer: "/ship_to/country",
      code: "not_quoted",
      message: `must be ${destination}, where the quote is for`,
      quoted: destination,
    });
  }
  if (consignee_id?.required && !consignee) {
    errors.push(consigneeNeeded(destination, consignee_id.name));
  }
  if (errors.length > 0) throw invalidRequest(errors);
}

/** The one place where a process checks carts out over a pool. */
const deskOf = perPool((sql) => ({
  readFacts: grouped((questions: readonly CheckoutQuestion[]) => findCheckoutFacts(sql, questions)),
  commit: groupedByLines((placed: readonly PlacedOrder[]) => commitOrders(sql, placed, FROM_QUOTES), linesOf),
}));

import type { z } from "@hono/zod-openapi";
import { type Actor, actorName, type Ctx, isStaff } from "../platform/ctx.ts";
import { AppError, type FieldError } from "../platform/errors.ts";
import { newId } from "../platform/id.ts";
import type { Order } from "../orders/mod.ts";
import type { ChargeState } from "./providers/provider.ts";
import type { PaymentBody, PaymentSchema } from "./schemas.ts";

export const PAYMENT_STATUSES = [
  "created",
  "requires_action",
  "processing",
  "authorised",
  "captured",
  "failed",
  "voided",
] as const;

/** The `provider` of payments that no provider knows of: staff recorded that the money came in. */
export const MANUAL = "manual";

/** A payment as it is answered and told in events: amounts in minor units. */
export type Payment = z.output<typeof PaymentSchema>;
export type AskPayment = z.output<typeof PaymentBody>;

/** What only we and its provider know of a payment. */
export interface StoredPayment extends Payment {
  payment_method: string;
  return_url: string | null;
  actor: string;
  /** When the provider is asked what became of it; null: nothing is in doubt. */
  check_at: string | null;
  checks: number;
}

/**
 * How many payments an order may have, the declined ones included: all are read whenever it is paid, cancelled or
 * refunded, and who tries out stolen cards tries many.
 */
const MAX_PAYMENTS = 100;
const SECOND_MS = 1000;
/** A charge that was not answered is asked about after this long; a browser that went to its bank, after that. */
export const FIRST_CHECK_MS = 60 * SECOND_MS;
const ACTION_CHECK_MS = 15 * 60 * SECOND_MS;
const MAX_CHECK_MS = 6 * 3600 * SECOND_MS;

/**
 * A payment as it begins: stored before its provider hears of it.
 *
 * @param others the order's other payments; what those under way may bring in is not asked for again
 * @throws payment_refused
 */
export function newPayment(
  ctx: Ctx,
  order: Order,
  ask: AskPayment,
  others: readonly Payment[] = [],
): StoredPayment {
  const underWay = others.filter((other) => promisedAmount(other) > 0);
  const payable = underWay.reduce((left, other) => left - promisedAmount(other), order.amount_due);
  const amount = ask.amount ?? payable;
  if (order.status !== "PENDING" || order.amount_due <= 0) {
    throw paymentRefused({
      pointer: "",
      code: "nothing_due",
      message: `Nothing is to be paid for an order that is ${order.status} with ${order.amount_due} due.`,
      payable: 0,
    });
  }
  if (payable <= 0) throw refusedFor(underWay, { pointer: "", code: "nothing_due", payable: 0 });
  if (amount > payable) {
    throw refusedFor(underWay, { pointer: "/amount", code: "more_than_due", payable });
  }
  if (others.length >= MAX_PAYMENTS) {
    throw paymentRefused({
      pointer: "",
      code: "too_many_payments",
      message: `An order takes up to ${MAX_PAYMENTS} payments, and this one has had as many.`,
    });
  }
  const now = ctx.clock.now();
  return {
    id: newId(),
    order_id: order.id,
    provider: ask.provider,
    status: "created",
    currency: order.currency,
    amount,
    capture_method: ask.capture_method,
    payment_method: ask.payment_method,
    return_url: ask.return_url ?? null,
    provider_reference: null,
    redirect_url: null,
    amount_authorised: 0,
    amount_captured: 0,
    amount_refunding: 0,
    amount_refunded: 0,
    amount_refunded_manually: 0,
    amount_disputed: 0,
    failure_code: null,
    failure_message: null,
    check_at: new Date(now.getTime() + FIRST_CHECK_MS).toISOString(),
    checks: 0,
    actor: actorName(ctx.actor),
    version: 1,
    created_at: now.toISOString(),
    updated_at: now.toISOString(),
  };
}

/** The refusal of more than can be paid: it names what is in the way, and what takes that out of it. */
function refusedFor(
  underWay: readonly Payment[],
  error: { pointer: string; code: string; payable: number },
): AppError {
  const { payable } = error;
  const [what, them] = underWay.length === 1 ? ["A payment", "it"] : ["Payments", "them"];
  const others = `${what} under way, ${underWay.map(({ id }) => id).join(", ")}`;
  const wayOut = `void ${them} first, POST /v1/payments/{id}/void, or see ${them} through`;
  return paymentRefused({
    ...error,
    message: payable === 0
      ? `${others}, may bring in all that is due: ${wayOut}.`
      : underWay.length === 0
      ? `must be at most ${payable}, which is what is due`
      : `must be at most ${payable}. ${others}, may bring in the rest that is due: ${wayOut}.`,
    payments: underWay.map((each) => ({
      payment_id: each.id,
      status: each.status,
      promised: promisedAmount(each),
    })),
  });
}

/** The `failure_code` of a payment whose charge was never sent, as its provider is left alone for a while. */
const NOT_SENT = "provider_unavailable";

/**
 * The payment after its provider said how it stands. What is said may be older than what is known, so amounts never
 * shrink and no status goes back: however often and in whatever order it is told, a payment ends the same. Pure; the
 * same payment where nothing is new.
 */
export function afterState(now: Date, payment: StoredPayment, state: ChargeState): StoredPayment {
  const amount_captured = Math.max(payment.amount_captured, state.amountCaptured);
  const amount_authorised = Math.max(payment.amount_authorised, state.amountAuthorised, amount_captured);
  const status = statusAfter(payment.status, state.status, amount_captured);
  const next: StoredPayment = {
    ...payment,
    status,
    amount_authorised,
    amount_captured,
    provider_reference: state.reference || payment.provider_reference,
    redirect_url: status === "requires_action" ? state.redirectUrl ?? payment.redirect_url : null,
    failure_code: status === "failed" ? state.failure?.code ?? payment.failure_code : null,
    failure_message: status === "failed" ? state.failure?.message ?? payment.failure_message : null,
  };
  const isNew = next.status !== payment.status || next.amount_captured !== payment.amount_captured ||
    next.amount_authorised !== payment.amount_authorised ||
    next.provider_reference !== payment.provider_reference || next.redirect_url !== payment.redirect_url;
  if (!isNew) return payment;
  // What is asked about an authorised payment is a capture of it, which ends with the capture's own answer, or a void, of
  // which this answer may be older. A charge that we did not send may have been, by a call with the same key.
  const isInDoubt = payment.check_at !== null &&
    (payment.status === "authorised" || (payment.status !== "created" && status === "authorised") ||
      next.failure_code === NOT_SENT);
  return {
    ...next,
    ...isInDoubt ? {} : { check_at: firstCheck(now, status), checks: 0 },
    version: payment.version + 1,
    updated_at: now.toISOString(),
  };
}

type Status = Payment["status"];
/** What has come of a payment, in the order in which it can: a failed one may turn out to have been charged after all. */
const RANK: Record<Status, number> = {
  created: 0,
  requires_action: 1,
  processing: 2,
  failed: 3,
  authorised: 4,
  voided: 5,
  captured: 6,
};

function statusAfter(known: Status, said: ChargeState["status"], captured: number): Status {
  const status = RANK[said] > RANK[known] ? said : known;
  // A part was captured and the rest let go: what remains is what was captured.
  return status === "voided" && captured > 0 ? "captured" : status;
}

/** When a payment that got to this status is asked about; null: it stands for itself. */
function firstCheck(now: Date, status: Status): string | null {
  const wait = status === "requires_action"
    ? ACTION_CHECK_MS
    : status === "processing"
    ? FIRST_CHECK_MS
    : null;
  return wait === null ? null : new Date(now.getTime() + wait).toISOString();
}

/** When to ask again about a payment that is still open: later each time. */
export function nextCheck(now: Date, payment: StoredPayment): StoredPayment {
  const wait = Math.min(FIRST_CHECK_MS * 2 ** payment.checks, MAX_CHECK_MS);
  return {
    ...payment,
    checks: payment.checks + 1,
    check_at: new Date(now.getTime() + wait).toISOString(),
  };
}

/** What is reserved on the customer's account and could still be captured. */
export function openAmount({ status, amount_authorised, amount_captured }: Payment): number {
  return status === "authorised" ? amount_authorised - amount_captured : 0;
}

/** What banks hold in disputes of what a payment has and is not on its way back: a dispute may be about more than that. */
export function heldByBanks(payment: Payment): number {
  const { amount_captured, amount_refunded, amount_refunding, amount_disputed } = payment;
  return Math.min(amount_disputed, amount_captured - amount_refunded - amount_refunding);
}

/** What of a payment can still go back: nothing that is on its way back, or that a bank holds in a dispute. */
export function leftAmount(payment: Payment): number {
  const { amount_captured, amount_refunded, amount_refunding } = payment;
  return amount_captured - amount_refunded - amount_refunding - heldByBanks(payment);
}

/** What a payment under way may still bring in: no other payment is begun for that. */
export function promisedAmount({ status, amount, amount_captured }: Payment): number {
  return isFinal(status) ? 0 : amount - amount_captured;
}

export function isFinal(status: Status): boolean {
  return status === "captured" || status === "failed" || status === "voided";
}

/**
 * May this caller let go of the payment? Staff of any that is open; its order's owner while nothing was reserved or
 * captured.
 *
 * @throws invalid_transition, payment_refused
 */
export function refuseVoid(actor: Actor, { status, amount_authorised }: Payment): void {
  if (isFinal(status)) {
    throw wrongState({
      pointer: "path/id",
      code: "not_open",
      message: `A payment that is ${status} cannot be voided.`,
      status,
    });
  }
  if (isStaff(actor) || amount_authorised === 0) return;
  throw paymentRefused({
    pointer: "path/id",
    code: "staff_only",
    message: `Only staff let go of a payment that is ${status}; so does cancelling its order.`,
    status,
  });
}

/**
 * May something of the payment still be captured?
 *
 * @throws invalid_transition
 */
export function refuseCapture(payment: Payment): void {
  if (openAmount(payment) > 0) return;
  const { status } = payment;
  const message = `A payment that is ${status} has nothing reserved to be captured.`;
  throw wrongState({ pointer: "path/id", code: "nothing_reserved", message, status });
}

/** Has the order ended without anything to be paid for? */
export function isOver({ status }: Pick<Order, "status">): boolean {
  return status === "CANCELLED" || status === "EXPIRED";
}

/** Is no money wanted for it, as it is over, or paid by other means? */
export function wantsNothing(order: Pick<Order, "status" | "amount_due">): boolean {
  return isOver(order) || order.amount_due <= 0;
}

/** Did staff record the money, who give it back themselves? */
export function isManual({ provider }: Pick<Payment, "provider">): boolean {
  return provider === MANUAL;
}

/** What of a payment its provider gave back, as far as we know. */
export function refundedByProvider(payment: Payment): number {
  return payment.amount_refunded - payment.amount_refunded_manually;
}

export function paymentRefused(error: FieldError): AppError {
  return new AppError("payment_refused", `The payment is refused: ${error.message}`, { errors: [error] });
}

/** The refusal of what a payment, or its order, was ready for before, or will be. */
export function wrongState(error: FieldError): AppError {
  return new AppError("invalid_transition", error.message, { errors: [error] });
}

/** The payment as it is answered: always the same fields, and never what it was charged by. */
export function paymentView(payment: Payment): Payment {
  return {
    id: payment.id,
    order_id: payment.order_id,
    provider: payment.provider,
    status: payment.status,
    currency: payment.currency,
    amount: payment.amount,
    capture_method: payment.capture_method,
    amount_authorised: payment.amount_authorised,
    amount_captured: payment.amount_captured,
    amount_refunding: payment.amount_refunding,
    amount_refunded: payment.amount_refunded,
    amount_refunded_manually: payment.amount_refunded_manually,
    amount_disputed: payment.amount_disputed,
    provider_reference: payment.provider_reference,
    redirect_url: payment.redirect_url,
    failure_code: payment.failure_code,
    failure_message: payment.failure_message,
    version: payment.version,
    created_at: payment.created_at,
    updated_at: payment.updated_at,
  };
}

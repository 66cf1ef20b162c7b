/** All that customers, staff, the bank and the worker do with an order that has to do with its money. */
import { systemCtx } from "../../src/deps.ts";
import { checkDuePayments, settleMoney, type StoredPayment } from "../../src/payments/mod.ts";
import { type DisputeState, ProviderError } from "../../src/payments/providers/provider.ts";
import type { Answer, TestApp, TestUser } from "../support/app.ts";
import { patch, read } from "../support/orders.ts";
import {
  bankMessage,
  capture,
  letWorkerCatchUp,
  type PaidShop,
  postWebhook,
  refundAtBank,
  sandboxOf,
  tryToPay,
  tryToRecord,
  tryToRefund,
} from "../support/payments.ts";
import type { Dice } from "../support/random.ts";

/** An order of two lines that moves are made with. */
export interface PlayedOrder {
  id: string;
  /** What was done with it and what was answered, in order. */
  story: string[];
  /** Charges of which the bank has not told all. */
  untold: string[];
}

/** A move's circumstances: of the order's payments, returns and shipments, any one that there is. */
export interface Turn {
  shop: PaidShop;
  dice: Dice;
  order: PlayedOrder;
  payment?: StoredPayment;
  returned?: { id: string; status: string };
  shipment?: { id: string };
}

/** What a move asked for, and what came of it. */
export interface Deed {
  asked?: unknown;
  answer?: Answer;
  errors?: unknown[];
}

/** Undefined where the move cannot be made yet. */
type Make = (turn: Turn) => Promise<Deed> | undefined;

interface Move {
  name: string;
  /** Percent of all turns. */
  weight: number;
  make: Make;
}

/** A move that cannot be made yet makes way for the next one that can: the last ones always can. */
const MOVES: readonly Move[] = [
  { name: "the customer pays", weight: 14, make: pay },
  { name: "staff record a transfer", weight: 4, make: recordTransfer },
  { name: "staff capture a payment", weight: 7, make: withPayment(capturePayment) },
  { name: "staff capture under one key again", weight: 2, make: withPayment(captureAgain) },
  { name: "staff void a payment", weight: 3, make: withPayment(voidPayment) },
  { name: "the customer voids a payment", weight: 3, make: withPayment(voidOwnPayment) },
  { name: "staff set the status", weight: 6, make: setStatus },
  { name: "staff ship", weight: 6, make: ship },
  { name: "a shipment arrives", weight: 4, make: deliver },
  { name: "staff cancel a shipment", weight: 3, make: cancelShipment },
  { name: "staff refund", weight: 9, make: refund },
  { name: "staff refund nearly all", weight: 4, make: refundNearlyAll },
  { name: "staff refund under one key again", weight: 3, make: refundAgain },
  { name: "somebody refunds at the bank itself", weight: 3, make: withCharge(refundThere) },
  { name: "somebody refunds at the bank, which is silent", weight: 3, make: withCharge(refundThereSilently) },
  { name: "the bank decides", weight: 6, make: withCharge(letBankDecide) },
  { name: "a dispute begins or goes on", weight: 4, make: withCharge(disputeCharge) },
  { name: "the customer comes back from the bank", weight: 3, make: withPayment(refresh) },
  { name: "the customer asks for a return", weight: 5, make: askForReturn },
  { name: "staff take a return further", weight: 8, make: takeReturnFurther },
  { name: "somebody ends a return", weight: 1, make: endReturn },
  { name: "workers do the same at once", weight: 1, make: workAtOnce },
  { name: "the customer cancels", weight: 1, make: cancel },
  { name: "the worker catches up", weight: 1, make: catchUp },
];

/** Makes any of the moves. */
export async function makeMove(turn: Turn): Promise<{ name: string; deed: Deed }> {
  const picked = MOVES.indexOf(turn.dice.pickByWeight(MOVES));
  for (const { name, make } of MOVES.slice(picked)) {
    const deed = make(turn);
    if (deed) return { name, deed: await deed };
  }
  throw new Error("The last move could not be made.");
}

/** Pays an order, or a part of it, so that nothing is in the way of all that comes after. */
export function payAtOnce(turn: Turn): Promise<Deed> {
  const { dice } = turn;
  return payBy(turn, dice.pick("tok_success", "tok_refund_fails", "tok_refund_refused"), {
    ...dice.chance(0.4) && { amount: dice.upTo(5000) },
    ...dice.chance(0.3) && { capture_method: "manual" },
  });
}

/** Ships all of an order that is paid. */
export async function shipAtOnce(turn: Turn): Promise<Deed> {
  const { shop, order } = turn;
  await patch(shop.app, shop.staff, order.id, { status: "PROCESSING" });
  return await shipped(turn, {});
}

function withPayment(make: (turn: Turn, payment: StoredPayment) => Promise<Deed>): Make {
  return (turn) => turn.payment && make(turn, turn.payment);
}

/** For what needs a payment that the bank has answered to. */
function withCharge(make: (turn: Turn, reference: string) => Promise<Deed>): Make {
  return (turn) => {
    const reference = turn.payment?.provider_reference;
    return reference ? make(turn, reference) : undefined;
  };
}

async function payBy({ shop, order }: Turn, token: string, more: Record<string, unknown>): Promise<Deed> {
  return { asked: { token, ...more }, answer: await tryToPay(shop.app, shop.user, order.id, token, more) };
}

function pay(turn: Turn): Promise<Deed> {
  const { dice } = turn;
  const token = dice.pick(
    "tok_success",
    "tok_success",
    "tok_3ds",
    "tok_late",
    "tok_timeout_after_charge",
    "tok_refund_fails",
    "tok_refund_refused",
    "tok_decline",
  );
  return payBy(turn, token, {
    ...dice.chance(0.5) && { amount: dice.upTo(6000) },
    ...dice.chance(0.35) && { capture_method: "manual" },
  });
}

async function recordTransfer({ shop, dice, order }: Turn): Promise<Deed> {
  const asked = dice.chance(0.7) ? { amount: dice.upTo(4000) } : {};
  return { asked, answer: await tryToRecord(shop.app, shop.staff, order.id, asked) };
}

async function capturePayment({ shop, dice }: Turn, { id }: StoredPayment): Promise<Deed> {
  const amount = dice.chance(0.6) ? dice.upTo(4000) : undefined;
  return { asked: { amount }, answer: await capture(shop.app, shop.staff, id, amount) };
}

/** Under one of two keys that each payment has for it. */
async function captureAgain({ shop: { app, staff }, dice }: Turn, { id }: StoredPayment): Promise<Deed> {
  const body = { amount: 700 };
  const key = `capture-${id}-${dice.upTo(2)}`;
  const headers = { "Idempotency-Key": key };
  const path = `/v1/payments/${id}/captures`;
  return {
    asked: { ...body, key },
    answer: await app.request("POST", path, { token: staff.token, body, headers }),
  };
}

async function voidPayment({ shop: { app, staff } }: Turn, { id }: StoredPayment): Promise<Deed> {
  return { answer: await app.request("POST", `/v1/payments/${id}/void`, { token: staff.token }) };
}

async function voidOwnPayment({ shop: { app, user } }: Turn, { id }: StoredPayment): Promise<Deed> {
  return { answer: await app.request("POST", `/v1/payments/${id}/void`, { token: user.token }) };
}

async function setStatus({ shop, dice, order }: Turn): Promise<Deed> {
  const status = dice.pick("PAID", "PAID", "PROCESSING", "SHIPPED", "DELIVERED", "CANCELLED", "REFUNDED");
  return { asked: { status }, answer: await patch(shop.app, shop.staff, order.id, { status }) };
}

function ship(turn: Turn): Promise<Deed> {
  return shipped(turn, turn.dice.chance(0.7) ? { items: someUnits(turn.dice) } : {});
}

async function shipped({ shop: { app, staff }, order }: Turn, asked: unknown): Promise<Deed> {
  const path = `/v1/orders/${order.id}/shipments`;
  return { asked, answer: await app.request("POST", path, { token: staff.token, body: asked }) };
}

function deliver({ shop: { app, staff }, dice, shipment }: Turn): Promise<Deed> | undefined {
  if (!shipment) return undefined;
  const asked = dice.chance(0.8) ? { status: "delivered" } : { tracking_number: "X1" };
  return patched(app, `/v1/shipments/${shipment.id}`, staff, asked);
}

function cancelShipment({ shop: { app, staff: { token } }, shipment }: Turn): Promise<Deed> | undefined {
  if (!shipment) return undefined;
  const path = `/v1/shipments/${shipment.id}/cancellation`;
  return app.request("POST", path, { token }).then((answer) => ({
    asked: { shipment: shipment.id },
    answer,
  }));
}

async function patched(app: TestApp, path: string, { token }: TestUser, asked: unknown): Promise<Deed> {
  return { asked, answer: await app.request("PATCH", path, { token, body: asked }) };
}

/** One unit of a line, or at times two. */
function someUnits(dice: Dice) {
  return [{ line: dice.pick(1, 2), quantity: dice.pick(1, 1, 2) }];
}

/** What a refund is asked for: all, an amount, units, or the shipping alone. */
const REFUND_BODIES: readonly { weight: number; body(dice: Dice): Record<string, unknown> }[] = [
  { weight: 15, body: () => ({}) },
  { weight: 30, body: (dice) => ({ amount: dice.upTo(5000) }) },
  { weight: 45, body: (dice) => ({ items: someUnits(dice), include_shipping: dice.chance(0.5) }) },
  { weight: 10, body: () => ({ include_shipping: true }) },
];

async function refund({ shop, dice, order, payment }: Turn): Promise<Deed> {
  const asked = {
    ...dice.pickByWeight(REFUND_BODIES).body(dice),
    ...payment && dice.chance(0.2) && { payment_id: payment.id },
    ...dice.chance(0.15) && { manual: true },
  };
  return { asked, answer: await tryToRefund(shop.app, shop.staff, order.id, asked) };
}

/** So much that it often takes several payments. */
async function refundNearlyAll({ shop: { app, user, staff }, dice, order }: Turn): Promise<Deed> {
  const { body: { amount_paid, amount_refunded } } = await read(app, user, order.id);
  const asked = { amount: Math.max(1, amount_paid - amount_refunded - dice.upTo(1500)) };
  return { asked, answer: await tryToRefund(app, staff, order.id, asked) };
}

/** Under one of two keys that each order has for it. */
async function refundAgain({ shop: { app, staff }, dice, order: { id } }: Turn): Promise<Deed> {
  const body = { amount: 777 };
  const key = `again-${id}-${dice.upTo(2)}`;
  return { asked: { ...body, key }, answer: await tryToRefund(app, staff, id, body, key) };
}

async function refundThere({ shop, dice }: Turn, reference: string): Promise<Deed> {
  const amount = amountThere(dice);
  return { asked: { amount }, answer: await refundAtBank(shop.app, shop.staff, reference, amount) };
}

/** The bank tells of it only in the end. */
async function refundThereSilently(
  { shop: { app }, dice, order }: Turn,
  reference: string,
): Promise<Deed> {
  const amount = amountThere(dice);
  const isDone = await sandboxOf(app).refundAtBank(reference, amount).then(() => true, isRefused);
  if (isDone) order.untold.push(reference);
  return { asked: { amount, isDone } };
}

function amountThere(dice: Dice): number | undefined {
  return dice.chance(0.3) ? undefined : dice.upTo(3000);
}

function isRefused(error: unknown): false {
  if (error instanceof ProviderError) return false;
  throw error;
}

async function letBankDecide({ shop: { app }, dice }: Turn, reference: string): Promise<Deed> {
  const bank = sandboxOf(app);
  const decision = dice.chance(0.5) ? "settled" : dice.chance(0.8) ? "success" : "fail";
  if (decision === "settled") await bank.settle(reference);
  else await bank.confirmAction(reference, decision);
  const isTold = dice.chance(0.8);
  if (isTold) await postWebhook(app, bankMessage(app, reference));
  return { asked: { decision, isTold } };
}

/** The bank has decided in the end, and tells of it at once, or only then. */
async function disputeCharge({ shop: { app, clock }, dice, order }: Turn, reference: string): Promise<Deed> {
  const status = dice.pick<DisputeState["status"]>(
    "inquiry",
    "needs_response",
    "needs_response",
    "under_review",
    "won",
    "lost",
    "closed",
  );
  const amount = dice.chance(0.5) ? dice.upTo(3000) : undefined;
  const to = { status, ...amount !== undefined && { amount } };
  const isDone = await sandboxOf(app).dispute(reference, to, clock.at).then(() => true, isRefused);
  if (isDone && dice.chance(0.7)) await postWebhook(app, bankMessage(app, reference));
  else if (isDone) order.untold.push(reference);
  return { asked: { ...to, isDone } };
}

async function refresh({ shop: { app, user } }: Turn, { id }: StoredPayment): Promise<Deed> {
  return { answer: await app.request("POST", `/v1/payments/${id}/refresh`, { token: user.token }) };
}

async function askForReturn({ shop: { app, user }, dice, order }: Turn): Promise<Deed> {
  const asked = { items: someUnits(dice), reason: "Too small" };
  const path = `/v1/orders/${order.id}/returns`;
  return { asked, answer: await app.request("POST", path, { token: user.token, body: asked }) };
}

function takeReturnFurther(turn: Turn): Promise<Deed> | undefined {
  if (!turn.returned) return undefined;
  const { id, status } = turn.returned;
  if (status === "requested") return approveReturn(turn, id);
  if (status === "approved") return receiveReturn(turn, id);
  return refundReturn(turn, id);
}

function approveReturn({ shop: { app, staff } }: Turn, id: string): Promise<Deed> {
  return patched(app, `/v1/returns/${id}`, staff, { status: "approved" });
}

function endReturn({ shop: { app, staff, user }, dice, returned }: Turn): Promise<Deed> | undefined {
  if (!returned) return undefined;
  const status = dice.pick("rejected", "cancelled");
  return patched(app, `/v1/returns/${returned.id}`, dice.pick(staff, user), { status });
}

async function receiveReturn({ shop: { app, staff }, dice }: Turn, id: string): Promise<Deed> {
  const lines = await app.deps.sql<{ line: number; quantity: number }[]>`
    select line, quantity from return_items where return_id = ${id}`;
  const items = lines.map(({ line, quantity }) =>
    dice.chance(0.7)
      ? { line, restocked: quantity, written_off: 0 }
      : { line, restocked: quantity - 1, written_off: dice.pick(0, 1) }
  );
  const asked = { items, refund: dice.chance(0.5) };
  const path = `/v1/returns/${id}/receipt`;
  return { asked, answer: await app.request("POST", path, { token: staff.token, body: asked }) };
}

async function refundReturn({ shop: { app, staff } }: Turn, id: string): Promise<Deed> {
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const path = `/v1/returns/${id}/refund`;
  return { asked: { return: id }, answer: await app.request("POST", path, { token: staff.token, headers }) };
}

async function workAtOnce({ shop: { app }, order }: Turn): Promise<Deed> {
  const ctx = systemCtx(app.deps, "test");
  const { signal } = new AbortController();
  const ends = await Promise.allSettled([
    settleMoney(ctx, order.id),
    settleMoney(ctx, order.id),
    checkDuePayments(ctx, signal),
    checkDuePayments(ctx, signal),
  ]);
  return { errors: ends.flatMap((end) => end.status === "rejected" ? [end.reason] : []) };
}

async function cancel({ shop, order }: Turn): Promise<Deed> {
  return { answer: await patch(shop.app, shop.user, order.id, { status: "CANCELLED" }) };
}

async function catchUp({ shop }: Turn): Promise<Deed> {
  await letWorkerCatchUp(shop.app);
  return {};
}

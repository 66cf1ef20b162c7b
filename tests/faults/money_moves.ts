/** All that customers, staff, the bank and the worker do with an order that has to do with its money. */
import { systemCtx } from "../../src/deps.ts";
import { checkDuePayments, settleMoney, type StoredPayment } from "../../src/payments/mod.ts";
import type { Answer } from "../support/app.ts";
import { patch } from "../support/orders.ts";
import {
  bankMessage,
  capture,
  letWorkerCatchUp,
  type PaidShop,
  postWebhook,
  refundAtBank,
  sandboxOf,
  tryToPay,
  tryToRefund,
} from "../support/payments.ts";
import type { Dice } from "../support/random.ts";

/** An order of two lines that moves are made with. */
export interface PlayedOrder {
  id: string;
  /** Have staff recorded that it was paid by other means? */
  isPaidByStaff: boolean;
  /** What was done with it and what was answered, in order. */
  story: string[];
}

/** A move's circumstances: of the order's payments and returns, any one that there is. */
export interface Turn {
  shop: PaidShop;
  dice: Dice;
  order: PlayedOrder;
  payment?: StoredPayment;
  returned?: { id: string; status: string };
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
  { name: "the customer pays", weight: 18, make: pay },
  { name: "staff capture a payment", weight: 9, make: withPayment(capturePayment) },
  { name: "staff void a payment", weight: 4, make: withPayment(voidPayment) },
  { name: "staff set the status", weight: 9, make: setStatus },
  { name: "staff ship", weight: 8, make: ship },
  { name: "staff refund", weight: 18, make: refund },
  { name: "somebody refunds at the bank itself", weight: 6, make: withCharge(refundThere) },
  { name: "the bank decides", weight: 8, make: withCharge(letBankDecide) },
  { name: "the customer comes back from the bank", weight: 4, make: withPayment(refresh) },
  { name: "the customer asks for a return", weight: 6, make: askForReturn },
  { name: "staff take a return further", weight: 7, make: takeReturnFurther },
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

/** Pays an order so that nothing is in the way of all that comes after. */
export function payAtOnce(turn: Turn): Promise<Deed> {
  const { dice } = turn;
  const more = { ...dice.chance(0.4) && { capture_method: "manual" } };
  return payBy(turn, dice.pick("tok_success", "tok_refund_fails"), more);
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
    "tok_decline",
  );
  return payBy(turn, token, {
    ...dice.chance(0.5) && { amount: dice.upTo(6000) },
    ...dice.chance(0.35) && { capture_method: "manual" },
  });
}

async function capturePayment({ shop, dice }: Turn, { id }: StoredPayment): Promise<Deed> {
  const amount = dice.chance(0.6) ? dice.upTo(4000) : undefined;
  return { asked: { amount }, answer: await capture(shop.app, shop.staff, id, amount) };
}

async function voidPayment({ shop: { app, staff } }: Turn, { id }: StoredPayment): Promise<Deed> {
  return { answer: await app.request("POST", `/v1/payments/${id}/void`, { token: staff.token }) };
}

async function setStatus({ shop, dice, order }: Turn): Promise<Deed> {
  const status = dice.pick("PAID", "PAID", "PROCESSING", "SHIPPED", "DELIVERED", "CANCELLED", "REFUNDED");
  const answer = await patch(shop.app, shop.staff, order.id, { status });
  if (status === "PAID" && answer.status === 200) order.isPaidByStaff = true;
  return { asked: { status }, answer };
}

async function ship({ shop: { app, staff }, dice, order }: Turn): Promise<Deed> {
  const asked = dice.chance(0.7) ? { items: [{ line: dice.pick(1, 2), quantity: dice.pick(1, 2) }] } : {};
  const path = `/v1/orders/${order.id}/shipments`;
  return { asked, answer: await app.request("POST", path, { token: staff.token, body: asked }) };
}

/** One unit of a line, or at times two. */
function someUnits(dice: Dice) {
  return [{ line: dice.pick(1, 2), quantity: dice.pick(1, 1, 2) }];
}

/** What a refund is asked for: all, an amount, or units. */
const REFUND_BODIES: readonly { weight: number; body(dice: Dice): Record<string, unknown> }[] = [
  { weight: 15, body: () => ({}) },
  { weight: 35, body: (dice) => ({ amount: dice.upTo(5000) }) },
  { weight: 50, body: (dice) => ({ items: someUnits(dice), include_shipping: dice.chance(0.5) }) },
];

async function refund({ shop, dice, order, payment }: Turn): Promise<Deed> {
  const asked = {
    ...dice.pickByWeight(REFUND_BODIES).body(dice),
    ...payment && dice.chance(0.2) && { payment_id: payment.id },
  };
  return { asked, answer: await tryToRefund(shop.app, shop.staff, order.id, asked) };
}

async function refundThere({ shop, dice }: Turn, reference: string): Promise<Deed> {
  const amount = dice.chance(0.3) ? undefined : dice.upTo(3000);
  return { asked: { amount }, answer: await refundAtBank(shop.app, shop.staff, reference, amount) };
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

async function approveReturn({ shop: { app, staff } }: Turn, id: string): Promise<Deed> {
  const asked = { status: "approved" };
  return {
    asked,
    answer: await app.request("PATCH", `/v1/returns/${id}`, { token: staff.token, body: asked }),
  };
}

async function receiveReturn({ shop: { app, staff }, dice }: Turn, id: string): Promise<Deed> {
  const items = await app.deps.sql`
    select line, quantity as restocked, 0 as written_off from return_items where return_id = ${id}`;
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

/** The whole way: a cart, its quote, its order, its payment, and what becomes of them. */

import { answerBank, type Ask, count, type Shopping } from "./client.ts";
import { COUPON_REFUSALS, isCouponRefused } from "./coupons.ts";
import type { Stage } from "./stage.ts";

/** How often a customer asks for a new quote because the one before is not open any more. */
const MAX_QUOTES = 5;
export const SHIP_TO = {
  name: "Ada Lovelace",
  lines: ["1 High St"],
  city: "Leeds",
  postal_code: "LS1 1UR",
  country: "GB",
};
/** Why staff of this play refund: it tells their refunds from those that are made by themselves. */
export const REFUND_REASON = "Chaos: arrived broken";

export interface Visit {
  stage: Stage;
  shopping: Shopping;
  ask: Ask;
  token: string;
  staffToken: string;
  /** Which of those who go the whole way: it decides how they pay, and what they do besides. */
  turn: number;
  items: { sku: string; quantity: number }[];
  coupon: string | undefined;
}

interface Bought extends Visit {
  orderId: string;
  payment?: { id: string; status: string; provider_reference: string | null };
}

/** A way to pay, and what happens next. */
interface Way {
  /** A token of the sandbox; undefined: not at checkout. */
  pays?: string;
  captureMethod?: "manual";
  then: (bought: Bought) => Promise<unknown>;
}

const WAYS: Way[] = [
  { pays: "tok_success", then: nothing },
  { pays: "tok_success", then: shipAndRefund },
  { pays: "tok_success", then: cancelByStaff },
  { pays: "tok_success", then: refundTwiceAtOnce },
  { pays: "tok_success", then: cancelByStaff },
  { pays: "tok_late", then: settle },
  { pays: "tok_late", then: cancelThenSettle },
  { pays: "tok_late", then: nothing },
  { pays: "tok_3ds", then: passCheck },
  { pays: "tok_3ds", then: failCheckAndPayOtherwise },
  { pays: "tok_3ds", then: passCheckAndCancel },
  { pays: "tok_3ds", then: nothing },
  { pays: "tok_timeout_after_charge", then: nothing },
  { pays: "tok_timeout_after_charge", then: cancelByOwner },
  { pays: "tok_decline", then: payOtherwise },
  { pays: "tok_success", captureMethod: "manual", then: capture },
  { pays: "tok_success", captureMethod: "manual", then: captureInParts },
  { pays: "tok_success", captureMethod: "manual", then: cancelByStaff },
  { then: payTwiceAtOnce },
  { pays: "tok_success", then: shipAndRefund },
];

/**
 * One of so many has a bank that fails twice to give money back, but no more than these: where they are all that is left
 * to be tried again, each failure may open the breaker for half a minute.
 */
const UNLUCKY = 60;
const MAX_UNLUCKY = 3;

export async function goTheWholeWay(visit: Visit): Promise<void> {
  const { turn, shopping } = visit;
  if (turn % 8 === 0) await abandonCart(visit);
  const cartId = await fillCart(visit, "cart");
  if (cartId === undefined) return;
  const way = turn % UNLUCKY === 4 && turn < UNLUCKY * MAX_UNLUCKY
    ? { pays: "tok_refund_fails", then: cancelByStaff }
    : WAYS[turn % WAYS.length]!;
  const answer = await checkOut(visit, cartId, way);
  if (!answer) return;
  const { order, payment } = answer;
  shopping.placed.push(order.id);
  shopping.checkedOut.push(order.id);
  if (payment) shopping.payments.add(payment.id);
  await way.then({ ...visit, orderId: order.id, payment: payment ?? undefined });
}

async function fillCart(
  { ask, token, shopping, turn, items, coupon }: Visit,
  name: string,
): Promise<string | undefined> {
  const body = { currency: "EUR", destination: "GB", items, coupon_code: coupon };
  const { body: cart } = await ask({ token, path: "/v1/carts", body, key: `${name}-${turn}` });
  if (cart) shopping.carts.push(cart.id);
  return cart?.id;
}

/** Left alone, every other time with stock that its quote holds. */
async function abandonCart(visit: Visit): Promise<void> {
  const cartId = await fillCart(visit, "abandoned");
  if (cartId !== undefined && visit.turn % 16 === 0) await quote(visit, cartId, "abandoned");
}

/** With the cart's coupon, or else without. */
async function quote(
  { ask, token, turn }: Visit,
  cartId: string,
  round: string,
): Promise<string | undefined> {
  const path = `/v1/carts/${cartId}`;
  const call = {
    token,
    path: `${path}/quotes`,
    body: { shipping_option: "standard" },
    key: `quote-${turn}-${round}`,
    mayBeRefused: COUPON_REFUSALS,
  };
  const answer = await ask(call);
  if (!isCouponRefused(answer)) return answer.body?.id;
  await ask({ token, path, method: "PATCH", body: { coupon_code: null } });
  return (await ask(call)).body?.id;
}

/** Orders the cart, with a new quote as often as one has expired, been superseded or overtaken by the cart. */
async function checkOut(visit: Visit, cartId: string, way: Way) {
  const { ask, token, turn, items } = visit;
  for (let round = 1; round <= MAX_QUOTES; round++) {
    const quoteId = await quote(visit, cartId, String(round));
    if (quoteId === undefined) return undefined;
    if (round === 1) await haveSecondThoughts(visit, cartId);
    const call = {
      token,
      path: `/v1/carts/${cartId}/checkout`,
      body: {
        quote_id: quoteId,
        ship_to: SHIP_TO,
        ...way.pays !== undefined && {
          payment: { provider: "sandbox", payment_method: way.pays, capture_method: way.captureMethod },
        },
      },
      key: `checkout-${turn}-${round}`,
      mayBeRefused: ["quote_not_open"],
    };
    const { body, problem } = await ask(call);
    if (body) {
      if (turn % 5 === 0) await requireSameOrder(visit, call, body.order.id);
      return body;
    }
    if (problem?.code !== "quote_not_open") return undefined;
    if (problem.errors?.[0]?.code === "used") {
      count(visit.shopping.strange, "a quote was used that nobody was answered the order of");
      return undefined;
    }
  }
  count(visit.shopping.strange, `${items.length} lines were quoted ${MAX_QUOTES} times and never ordered`);
  return undefined;
}

/** Some ask for a second quote, some change the cart: the quote that they have is no good any more. */
async function haveSecondThoughts(visit: Visit, cartId: string): Promise<void> {
  const { ask, token, turn, items } = visit;
  if (turn % 6 === 1) await quote(visit, cartId, "second");
  if (turn % 6 === 2) {
    const { sku, quantity } = items[0]!;
    const path = `/v1/carts/${cartId}/items/${encodeURIComponent(sku)}`;
    await ask({ token, path, method: "PUT", body: { quantity: quantity + 1 } });
  }
}

async function requireSameOrder({ ask, shopping }: Visit, call: Parameters<Ask>[0], orderId: string) {
  const { body } = await ask(call);
  if (body?.order.id !== orderId) count(shopping.strange, "a repeated checkout answered another order");
}

function nothing(): Promise<void> {
  return Promise.resolve();
}

async function pay(bought: Bought, name: string, token = "tok_success"): Promise<void> {
  const { ask, shopping, orderId, turn } = bought;
  const { body } = await ask({
    token: bought.token,
    path: `/v1/orders/${orderId}/payments`,
    body: { provider: "sandbox", payment_method: token },
    key: `${name}-${turn}`,
    mayBeRefused: ["payment_refused"], // another is under way, or the order has expired
  });
  if (body) shopping.payments.add(body.id);
}

/** After a decline by another payment; every other time that is declined too at first. */
async function payOtherwise(bought: Bought): Promise<void> {
  if (bought.turn % 40 < 20) await pay(bought, "declined-again", "tok_insufficient_funds");
  await pay(bought, "otherwise");
}

async function payTwiceAtOnce(bought: Bought): Promise<void> {
  await Promise.all([pay(bought, "at-once-1"), pay(bought, "at-once-2", "tok_timeout_after_charge")]);
}

async function settle({ ask, staffToken, payment, turn }: Bought): Promise<void> {
  if (!payment?.provider_reference) return; // cut off while it was charged: the bank settles it in the end
  const path = `/v1/sandbox/charges/${payment.provider_reference}/settle`;
  for (let i = 0; i <= turn % 2; i++) await ask({ token: staffToken, path }); // some webhooks come twice
}

async function cancelThenSettle(bought: Bought): Promise<void> {
  await cancelByOwner(bought);
  await settle(bought);
}

async function passCheck(bought: Bought): Promise<void> {
  const { stage, shopping, payment } = bought;
  if (payment?.status !== "requires_action") return;
  await answerBank(stage, shopping, payment.provider_reference!, "success");
  if (bought.turn % 40 < 20) await refresh(bought); // the others leave it to the sweeper
}

async function passCheckAndCancel(bought: Bought): Promise<void> {
  await Promise.all([passCheck(bought), cancelByStaff(bought)]);
}

async function failCheckAndPayOtherwise(bought: Bought): Promise<void> {
  const { stage, shopping, payment } = bought;
  if (payment?.status !== "requires_action") return;
  await answerBank(stage, shopping, payment.provider_reference!, "fail");
  await refresh(bought);
  await pay(bought, "after-3ds");
}

async function refresh({ ask, token, payment }: Bought): Promise<void> {
  await ask({ token, path: `/v1/payments/${payment!.id}/refresh` });
}

async function capture(bought: Bought, amount?: number): Promise<boolean> {
  const { ask, staffToken, turn, payment } = bought;
  if (payment?.status !== "authorised") return false;
  const { body } = await ask({
    token: staffToken,
    path: `/v1/payments/${payment.id}/captures`,
    body: { amount },
    key: `capture-${turn}-${amount ?? "rest"}`,
    // The one before has not been answered, or the order has expired, or the bank cannot be asked why it refuses.
    mayBeRefused: ["capture_under_way", "invalid_transition", "payment_refused"],
  });
  return body !== undefined;
}

async function captureInParts(bought: Bought): Promise<void> {
  if (await capture(bought, 100)) await capture(bought);
}

async function cancelByOwner(bought: Bought): Promise<void> {
  await cancel(bought, bought.token, ["invalid_transition", "forbidden"]); // it was paid, or it has expired
}

async function cancelByStaff(bought: Bought): Promise<void> {
  await cancel(bought, bought.staffToken, ["invalid_transition"]); // it has expired
}

async function cancel({ ask, shopping, orderId }: Bought, token: string, mayBeRefused: string[]) {
  const { body } = await ask({ token, path: `/v1/orders/${orderId}/cancellation`, mayBeRefused });
  if (body) shopping.cancelled.add(orderId);
}

async function shipAndRefund(bought: Bought): Promise<void> {
  const { ask, staffToken, shopping, orderId, payment, turn } = bought;
  if (payment?.status !== "captured") return;
  const { body } = await ask({
    token: staffToken,
    path: `/v1/orders/${orderId}/shipments`,
    body: { carrier: "Post", ...turn % 40 < 20 && { items: [{ line: 1, quantity: 1 }] } },
    key: `shipment-${turn}`,
    mayBeRefused: ["invalid_transition"], // it expired before it was paid
  });
  if (!body) return;
  shopping.shipments.push(body.id);
  await refund(bought, "unit", { items: [{ line: 1, quantity: 1 }] });
}

/** Two members of staff give all of it back in the same moment: one of them is told that nothing is left. */
async function refundTwiceAtOnce(bought: Bought): Promise<void> {
  if (bought.payment?.status !== "captured") return;
  await Promise.all([refund(bought, "all-1", {}), refund(bought, "all-2", {})]);
}

async function refund({ ask, staffToken, shopping, orderId, turn }: Bought, name: string, what: object) {
  const { body } = await ask({
    token: staffToken,
    path: `/v1/orders/${orderId}/refunds`,
    body: { ...what, reason: REFUND_REASON },
    key: `refund-${turn}-${name}`,
    mayBeRefused: ["refund_refused"],
  });
  if (body) shopping.refunds.push(body.id);
}

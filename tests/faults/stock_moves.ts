/** What people ask for at once of the few units and coupons that a shop has. */
import type { TestUser } from "../support/app.ts";
import { ADA_IN_LEEDS } from "../support/checkout.ts";
import type { Dice } from "../support/random.ts";

/** A row of a table that a move is made with. */
export interface Thing {
  id: string;
  user_id: string;
  status: string;
  /** Of a quote. */
  cart_id: string;
  /** Of a payment. */
  provider_reference: string;
  /** Of a return. */
  items: { line: number; quantity: number }[];
}

/** A move's circumstances. */
export interface Turn {
  dice: Dice;
  skus: readonly string[];
  /** Codes that can be used, not all of them by all. */
  coupons: readonly string[];
  staff: TestUser;
  /** Whose the thing is; where there is none, anybody. */
  customer: TestUser;
  thing: Thing;
}

export interface Call {
  by: TestUser;
  method?: string;
  path: string;
  body?: object;
}

interface Move {
  weight: number;
  /** What it is made with: one of the latest of a table that have one of these statuses. */
  of?: readonly [table: string, ...statuses: string[]];
  callOf(turn: Turn): Call;
}

export const MOVES: readonly Move[] = [
  { weight: 12, callOf: fillCart },
  { weight: 6, of: ["carts", "open"], callOf: changeCart },
  { weight: 4, of: ["carts", "open"], callOf: changeCoupon },
  { weight: 1, of: ["carts", "open"], callOf: giveUp },
  { weight: 16, of: ["carts", "open"], callOf: quote },
  { weight: 14, of: ["quotes", "open"], callOf: checkOut },
  { weight: 2, of: ["quotes", "open", "used", "superseded", "expired"], callOf: checkOut },
  { weight: 8, callOf: placeOrder },
  { weight: 6, of: ["orders", "PENDING"], callOf: pay },
  { weight: 3, of: ["orders", "PENDING"], callOf: payByBank },
  { weight: 4, of: ["payments", "authorised"], callOf: capture },
  { weight: 2, of: ["payments", "authorised"], callOf: voidPayment },
  { weight: 2, of: ["payments", "created", "processing", "authorised", "captured"], callOf: refresh },
  { weight: 3, of: ["payments", "processing"], callOf: settle },
  { weight: 2, of: ["orders", "PENDING", "PAID", "PROCESSING", "SHIPPED"], callOf: change },
  { weight: 4, of: ["orders", "PENDING", "PAID", "PROCESSING"], callOf: cancel },
  { weight: 10, of: ["orders", "PAID", "PROCESSING"], callOf: ship },
  { weight: 2, of: ["shipments", "shipped"], callOf: cancelShipment },
  { weight: 6, of: ["orders", "PAID", "PROCESSING"], callOf: refundUnits },
  { weight: 4, of: ["orders", "PAID", "PROCESSING", "SHIPPED", "CANCELLED"], callOf: refundAmount },
  { weight: 6, of: ["orders", "PROCESSING", "SHIPPED"], callOf: askForReturn },
  { weight: 6, of: ["returns", "requested"], callOf: decideReturn },
  { weight: 8, of: ["returns", "approved"], callOf: receiveReturn },
  { weight: 3, of: ["returns", "received"], callOf: refundReturn },
  { weight: 8, callOf: adjust },
];

function someItems({ dice, skus }: Turn) {
  return Array.from({ length: dice.upTo(3) }, () => ({ sku: dice.pick(...skus), quantity: dice.upTo(3) }));
}

/** One unit or two of a line that there may not be. */
function someUnits({ dice }: Turn) {
  return [{ line: dice.pick(1, 1, 2), quantity: dice.upTo(2) }];
}

function atTimesCoupon({ dice, coupons }: Turn) {
  return dice.chance(0.5) && { coupon_code: dice.pick(...coupons) };
}

function fillCart(turn: Turn): Call {
  const body = { currency: "EUR", destination: "GB", items: someItems(turn), ...atTimesCoupon(turn) };
  return { by: turn.customer, path: "/v1/carts", body };
}

function changeCart({ customer: by, thing: { id }, dice, skus }: Turn): Call {
  const path = `/v1/carts/${id}/items/${dice.pick(...skus)}`;
  return { by, method: "PUT", path, body: { quantity: dice.upTo(3) } };
}

function changeCoupon({ customer: by, thing: { id }, dice, coupons }: Turn): Call {
  const body = { coupon_code: dice.pick(null, ...coupons) };
  return { by, method: "PATCH", path: `/v1/carts/${id}`, body };
}

function giveUp({ customer: by, thing: { id } }: Turn): Call {
  return { by, method: "DELETE", path: `/v1/carts/${id}` };
}

function quote({ customer: by, thing: { id } }: Turn): Call {
  return { by, path: `/v1/carts/${id}/quotes`, body: { shipping_option: "standard" } };
}

function checkOut({ customer: by, thing: { id, cart_id }, dice }: Turn): Call {
  const payment = { provider: "sandbox", payment_method: dice.pick("tok_success", "tok_late") };
  const body = { quote_id: id, ship_to: ADA_IN_LEEDS, ...dice.chance(0.7) && { payment } };
  return { by, path: `/v1/carts/${cart_id}/checkout`, body };
}

function placeOrder(turn: Turn): Call {
  const body = {
    items: someItems(turn),
    currency: "EUR",
    ship_to: ADA_IN_LEEDS,
    shipping_option: "standard",
    ...atTimesCoupon(turn),
  };
  return { by: turn.customer, path: "/v1/orders", body };
}

function pay({ customer: by, thing: { id }, dice }: Turn): Call {
  const body = {
    provider: "sandbox",
    payment_method: dice.pick("tok_success", "tok_refund_fails"),
    capture_method: dice.pick("automatic", "manual"),
  };
  return { by, path: `/v1/orders/${id}/payments`, body };
}

function payByBank({ staff: by, thing: { id }, dice }: Turn): Call {
  return { by, path: `/v1/orders/${id}/manual-payments`, body: dice.pick({}, { amount: dice.upTo(2000) }) };
}

function capture({ staff: by, thing: { id }, dice }: Turn): Call {
  return { by, path: `/v1/payments/${id}/captures`, body: dice.pick({}, { amount: dice.upTo(2000) }) };
}

function voidPayment({ staff: by, thing: { id } }: Turn): Call {
  return { by, path: `/v1/payments/${id}/void`, body: {} };
}

function refresh({ customer: by, thing: { id } }: Turn): Call {
  return { by, path: `/v1/payments/${id}/refresh`, body: {} };
}

function settle({ staff: by, thing: { provider_reference } }: Turn): Call {
  return { by, path: `/v1/sandbox/charges/${provider_reference}/settle`, body: {} };
}

function change({ staff: by, thing: { id }, dice }: Turn): Call {
  const body = dice.pick({ note: "Ring twice" }, { status: "PAID" }, { status: "REFUNDED" }, {
    status: "CANCELLED",
  });
  return { by, method: "PATCH", path: `/v1/orders/${id}`, body };
}

function cancel({ customer, staff, thing: { id }, dice }: Turn): Call {
  return { by: dice.pick(customer, staff), path: `/v1/orders/${id}/cancellation`, body: {} };
}

function ship(turn: Turn): Call {
  const body = turn.dice.chance(0.6) ? { items: someUnits(turn) } : {};
  return { by: turn.staff, path: `/v1/orders/${turn.thing.id}/shipments`, body };
}

function cancelShipment({ staff: by, thing: { id } }: Turn): Call {
  return { by, path: `/v1/shipments/${id}/cancellation`, body: {} };
}

function refundUnits(turn: Turn): Call {
  const body = { reason: "Not to be had", items: someUnits(turn) };
  return { by: turn.staff, path: `/v1/orders/${turn.thing.id}/refunds`, body };
}

function refundAmount({ staff: by, thing: { id }, dice }: Turn): Call {
  const body = {
    reason: "Goodwill",
    ...dice.pick({}, { amount: dice.upTo(1000) }),
    manual: dice.chance(0.2),
  };
  return { by, path: `/v1/orders/${id}/refunds`, body };
}

function askForReturn(turn: Turn): Call {
  const body = { reason: "Too small", items: someUnits(turn) };
  return { by: turn.customer, path: `/v1/orders/${turn.thing.id}/returns`, body };
}

function decideReturn({ staff: by, thing: { id }, dice }: Turn): Call {
  const body = { status: dice.pick("approved", "approved", "approved", "rejected") };
  return { by, method: "PATCH", path: `/v1/returns/${id}`, body };
}

/** All of it came back, or one unit of each line cannot be sold any more. */
function receiveReturn({ staff: by, thing: { id, items }, dice }: Turn): Call {
  const received = items.map(({ line, quantity }) =>
    dice.pick({ line, restocked: quantity }, { line, restocked: quantity - 1, written_off: 1 })
  );
  return { by, path: `/v1/returns/${id}/receipt`, body: { items: received, refund: dice.chance(0.5) } };
}

function refundReturn({ staff: by, thing: { id } }: Turn): Call {
  return { by, path: `/v1/returns/${id}/refund`, body: {} };
}

function adjust({ staff: by, dice, skus }: Turn): Call {
  const body = { delta: dice.pick(1, 2, -1), reason: "Counted" };
  return { by, path: `/v1/inventory/${dice.pick(...skus)}/adjustments`, body };
}

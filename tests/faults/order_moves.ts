/** What is done to an order of any lines beside its money, and how everything that is done reaches either of two processes. */
import { assert } from "@std/assert";
import type { Answer, TestApp, TestUser } from "../support/app.ts";
import type { Dice } from "../support/random.ts";
import type { PlayedOrder, Turn } from "./money_moves.ts";

/** An order of one to four lines. */
export interface FuzzedOrder extends PlayedOrder {
  number: string;
  lines: number;
}

/** The circumstances of a move. */
export interface OrderTurn extends Turn {
  order: FuzzedOrder;
  returned?: { id: string; status: string; items: { line: number; quantity: number }[] };
}

interface Call {
  by: TestUser;
  method: string;
  path: string;
  body?: unknown;
}

interface Move {
  weight: number;
  /** Undefined where the move cannot be made yet. */
  callOf(turn: OrderTurn): Call | undefined;
}

const MOVES: readonly Move[] = [
  { weight: 6, callOf: setStatus },
  { weight: 5, callOf: writeDown },
  { weight: 8, callOf: ship },
  { weight: 3, callOf: changeShipment },
  { weight: 3, callOf: cancelShipment },
  { weight: 8, callOf: refundUnits },
  { weight: 8, callOf: askForReturn },
  { weight: 20, callOf: takeReturnFurther },
  { weight: 2, callOf: cancel },
  { weight: 5, callOf: look },
];

/** Makes any of the moves. */
export async function moveOrder(turn: OrderTurn): Promise<Answer> {
  const { by, method, path, body } = turn.dice.pickByWeight(MOVES).callOf(turn) ?? look(turn);
  const headers = method === "POST" ? { "Idempotency-Key": crypto.randomUUID() } : undefined;
  return await turn.shop.app.request(method, path, { token: by.token, body, headers });
}

/** How calls are varied and written down. */
interface Telling {
  dice: Dice;
  order: FuzzedOrder;
  /** What calls that are made at once have in common. */
  round: number;
  users: readonly TestUser[];
}

/**
 * The API of two processes: users' calls go to either of them, some under a condition or a key that was used before, and into
 * the order's story. What the bank tells goes to the first.
 *
 * @throws AssertionError for an answer that blames the server
 */
export function eitherOf(first: TestApp, second: TestApp, telling: Telling): TestApp {
  const { dice, order, round, users } = telling;
  return {
    ...first,
    async request(method, path, options = {}) {
      const { token, body } = options;
      if (token === undefined) return await first.request(method, path, options);
      const app = dice.pick(first, second);
      const more = {
        ...dice.chance(0.2) && { "If-Match": `"${dice.upTo(8)}"` },
        ...method === "POST" && dice.chance(0.15) &&
          { "Idempotency-Key": `again-${order.id}-${dice.upTo(2)}` },
      };
      const who = users.find((user) => user.token === token)?.email.split("-")[0];
      const where = app === first ? "first" : "second";
      const call = `${round}. ${who}, ${where} process: ${method} ${path}${written(body)}${written(more)}`;
      const entry = order.story.push(call) - 1;
      const answer = await app.request(method, path, {
        ...options,
        headers: { ...options.headers, ...more },
      });
      order.story[entry] = `${call} → ${outcomeOf(answer)}`;
      assert(answer.status < 500, `${call} → ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer;
    },
  };
}

function written(part: unknown): string {
  const text = JSON.stringify(part ?? {});
  return text === "{}" ? "" : ` ${text}`;
}

/** Its status, and what was made or refused. */
function outcomeOf({ status, body }: Answer): string {
  const { id, code, errors } = body ?? {};
  return [status, status === 201 && id, code, errors?.[0]?.code].filter(Boolean).join(" ");
}

function setStatus({ shop, dice, order }: OrderTurn): Call {
  const status = dice.pick("PAID", "PAID", "PROCESSING", "SHIPPED", "DELIVERED", "CANCELLED", "REFUNDED");
  const body = { status, ...dice.chance(0.2) && { note: `Note ${dice.upTo(9)}` } };
  return { by: shop.staff, method: "PATCH", path: pathOf(order), body };
}

/** At times what is there already, or takes away what never was. */
function writeDown({ shop, dice, order }: OrderTurn): Call {
  const metadata = { [dice.pick("b", "a", "ä")]: dice.pick("1", null) };
  const body = { note: `Note ${dice.upTo(9)}`, metadata };
  return { by: dice.pick(shop.user, shop.staff), method: "PATCH", path: pathOf(order), body };
}

function ship({ shop, dice, order }: OrderTurn): Call {
  const body = dice.chance(0.2) ? {} : { items: someUnits(dice, order) };
  return { by: shop.staff, method: "POST", path: pathOf(order, "/shipments"), body };
}

function changeShipment({ shop, dice, shipment }: OrderTurn): Call | undefined {
  const body = dice.pick({ status: "delivered" }, { carrier: "Post" });
  return shipment && { by: shop.staff, method: "PATCH", path: `/v1/shipments/${shipment.id}`, body };
}

function cancelShipment({ shop, shipment }: OrderTurn): Call | undefined {
  return shipment && { by: shop.staff, method: "POST", path: `/v1/shipments/${shipment.id}/cancellation` };
}

function refundUnits({ shop, dice, order }: OrderTurn): Call {
  const items = someUnits(dice, order);
  const body = { reason: "Arrived broken", items, ...dice.chance(0.3) && { include_shipping: true } };
  return { by: shop.staff, method: "POST", path: pathOf(order, "/refunds"), body };
}

function askForReturn({ shop, dice, order }: OrderTurn): Call {
  const body = { items: someUnits(dice, order), reason: "Too small" };
  return { by: shop.user, method: "POST", path: pathOf(order, "/returns"), body };
}

function takeReturnFurther(turn: OrderTurn): Call | undefined {
  const { returned } = turn;
  if (!returned) return undefined;
  const path = `/v1/returns/${returned.id}`;
  if (returned.status === "requested") return decideReturn(turn, path);
  return returned.status === "approved" ? receiveReturn(turn, path) : refundReturn(turn, path);
}

function decideReturn({ shop, dice }: OrderTurn, path: string): Call {
  const status = dice.pick("approved", "approved", "approved", "approved", "rejected", "cancelled");
  const by = dice.pick(shop.staff, shop.staff, shop.staff, shop.user);
  return { by, method: "PATCH", path, body: { status } };
}

/** All of it came back, or a unit of a line did not or cannot be sold any more. */
function receiveReturn({ shop, dice, returned }: OrderTurn, path: string): Call {
  const items = returned!.items.map(({ line, quantity }) =>
    dice.chance(0.7)
      ? { line, restocked: quantity, written_off: 0 }
      : { line, restocked: quantity - 1, written_off: dice.pick(0, 1) }
  );
  const body = { items, refund: dice.chance(0.5) };
  return { by: shop.staff, method: "POST", path: `${path}/receipt`, body };
}

/** All that came back of it, with the shipping, or a part of it: none at times. */
function refundReturn({ shop, dice, order }: OrderTurn, path: string): Call {
  const body = dice.pick({}, { include_shipping: true }, { items: someUnits(dice, order) }, { items: [] });
  return { by: shop.staff, method: "POST", path: `${path}/refund`, body };
}

function cancel({ shop, order }: OrderTurn): Call {
  return { by: shop.user, method: "POST", path: pathOf(order, "/cancellation"), body: {} };
}

function look({ shop, dice, order }: OrderTurn): Call {
  const path = pathOf(order, dice.pick("", "/explanation", "/timeline", "/ledger"));
  return { by: shop.user, method: "GET", path };
}

function pathOf({ id }: FuzzedOrder, rest = ""): string {
  return `/v1/orders/${id}${rest}`;
}

/** Of one line or two, which may be the same. */
function someUnits(dice: Dice, { lines }: FuzzedOrder) {
  return Array.from({ length: dice.upTo(2) }, () => ({ line: dice.upTo(lines), quantity: dice.upTo(2) }));
}

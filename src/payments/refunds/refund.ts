import type { z } from "@hono/zod-openapi";
import type { LineUnits, Order, OrderItem, RefundParts } from "../../orders/mod.ts";
import { AppError, type FieldError } from "../../platform/errors.ts";
import { allocate, roundHalfEven } from "../../platform/money.ts";
import { isOver } from "../payment.ts";
import type { RefundBody, RefundSchema } from "./schemas.ts";

export const REFUND_STATUSES = ["pending", "succeeded", "failed"] as const;

/** A refund as it is stored, answered and told in events. Amounts in minor units. */
export type Refund = z.output<typeof RefundSchema>;
export type AskRefund = z.output<typeof RefundBody>;

/**
 * A refund with the places in the log of its beginning and its end. Both are appended by whoever holds the order's row, so
 * they tell which of two was first, where the clocks of the processes that wrote their times may differ.
 */
export interface PastRefund extends Refund {
  began: number;
  /** Null: under way. */
  ended: number | null;
}

/** What can be given back, before this refund: by the ledger, less what other refunds under way will take. */
export interface RefundFacts {
  order: Order;
  /** What is left of the sale, by its parts. */
  left: RefundParts;
  /** What was paid and not given back, and is not in dispute. */
  money: number;
  /** What refunds under way will give back, unless they fail. */
  refunding: number;
  /** What banks hold while disputes are open. */
  disputed: number;
  /** Units that are still to be sent, and are not being refunded, by line; none where what is refunded has been sent. */
  unsent: readonly LineUnits[];
  /** The order's other refunds, in the order in which they began. */
  refunds: readonly EarlierRefund[];
}

type EarlierRefund =
  & Pick<PastRefund, "id" | "follows" | "status" | "shipping_amount" | "began" | "ended">
  & { items: LineUnits[] };

/** What a refund gives back: the parts are taken off the sale, the rest of the amount was owed to the customer anyway. */
export interface RefundSplit {
  amount: number;
  parts: RefundParts;
  items: LineUnits[];
}

const PARTS = ["goods", "shipping", "duty", "tax"] as const;

/**
 * What a refund takes off the sale. Nothing where the order has been cancelled or has expired since it was asked for: that
 * took back all that was left of the sale, and what was paid and not refunded is owed to the customer.
 */
export function takenParts(order: Pick<Order, "status">, refund: Refund): RefundParts {
  if (isOver(order)) return partsOf(() => 0);
  const { goods_amount: goods, shipping_amount: shipping, duty_amount: duty, tax_amount: tax } = refund;
  return { goods, shipping, duty, tax };
}

/** The refund as it is booked: of an order that has ended meanwhile nothing of it is taken off the sale. */
export function asTaken(order: Pick<Order, "status">, refund: Refund): Refund {
  const { goods, shipping, duty, tax } = takenParts(order, refund);
  return { ...refund, goods_amount: goods, shipping_amount: shipping, duty_amount: duty, tax_amount: tax };
}

/** What of a refund is owed to the customer anyway. */
export function owedPart(order: Pick<Order, "status">, refund: Refund): number {
  const parts = takenParts(order, refund);
  return refund.amount - PARTS.reduce((sum, part) => sum + parts[part], 0);
}

/**
 * Decides what a refund gives back. Pure. Of a cancelled or overpaid order first what is owed; units of lines with their
 * duty and tax to the minor unit, so that all units together give back exactly the line; the shipping alone with its tax; an
 * amount in proportion to what is left of the sale, by largest remainder. Units that cost nothing are given back for nothing,
 * so that they are not sent.
 *
 * @throws refund_refused, which says what is possible
 */
export function splitRefund(
  facts: RefundFacts,
  ask: Pick<AskRefund, "amount" | "items" | "include_shipping">,
): RefundSplit {
  const { order, left, money } = facts;
  if (money <= 0 && !isForNothing(facts, ask.items)) {
    throw refundRefused([{
      pointer: "",
      code: "nothing_paid",
      message: `Nothing is left to be refunded${besides(facts)}.`,
      refundable: 0,
      ...beside(facts),
    }]);
  }
  if (ask.items) return ofItems(facts, ask.items, ask.include_shipping ?? false);
  if (ask.include_shipping) return ofShipping(facts);
  const amount = ask.amount ?? money;
  if (amount > money) throw moreThan("/amount", money, facts);
  // The books balance: beyond what is owed no money was paid that is not for what is left of the sale.
  const owed = Math.max(0, -order.amount_due);
  const taken = Math.max(0, amount - owed);
  const shares = taken === 0 ? [] : allocate(BigInt(taken), PARTS.map((part) => BigInt(left[part])));
  return { amount, parts: partsOf((part) => Number(shares[PARTS.indexOf(part)] ?? 0)), items: [] };
}

/**
 * The same, given back by several payments: each share has its part of everything, so that it can be booked, or fail, by
 * itself. The units stay with the first. Pure.
 *
 * @param amounts what each gives, which together are the amount
 */
export function shareOut(split: RefundSplit, amounts: number[]): RefundSplit[] {
  if (amounts.length === 1) return [split];
  const { amount, parts, items } = split;
  const owed = amount - PARTS.reduce((sum, part) => sum + parts[part], 0);
  let left = [owed, ...PARTS.map((part) => parts[part])];
  return amounts.map((amount, index) => {
    const taken = allocate(BigInt(amount), left.map(BigInt)).map(Number);
    left = left.map((each, i) => each - taken[i]!);
    return {
      amount,
      parts: partsOf((part) => taken[1 + PARTS.indexOf(part)]!),
      items: index === 0 ? items : [],
    };
  });
}

/** Are these units that are still to be sent, and of lines that cost nothing, as a gift? */
function isForNothing({ order, unsent }: RefundFacts, asked: AskRefund["items"] = []): boolean {
  const quantityOf = (units: typeof unsent, line: number) =>
    units.reduce((sum, each) => each.line === line ? sum + each.quantity : sum, 0);
  return asked.length > 0 &&
    asked.every(({ line }) =>
      isFree(order.items, line) && quantityOf(asked, line) <= quantityOf(unsent, line)
    );
}

/** Does a line of the order cost nothing, its shipping included or not? */
function isFree(items: readonly OrderItem[], line: number, withShipping = false): boolean {
  return items.some((item) =>
    item.line === line && isWorthNothing(unitsOf(item, [[0, item.quantity]])) &&
    (!withShipping || item.shipping_amount === 0)
  );
}

function isWorthNothing(parts: RefundParts): boolean {
  return PARTS.every((part) => parts[part] === 0);
}

function ofItems(
  facts: RefundFacts,
  asked: LineUnits[],
  withShipping: boolean,
): RefundSplit {
  const { order, left, money, refunds } = facts;
  // A line that is named twice is one demand.
  const items = [...Map.groupBy(asked, ({ line }) => line)].map(([line, named]) => ({
    line,
    quantity: named.reduce((sum, each) => sum + each.quantity, 0),
  }));
  const errors: FieldError[] = [];
  const shares: RefundParts[] = [];
  const shippings: ShippingShare[] = [];
  for (const { line, quantity } of items) {
    const item = order.items.find((each) => each.line === line);
    const taken = takenUnits(refunds, line).map(({ span }) => span);
    const before = countOf(taken);
    if (item && before + quantity <= item.quantity) {
      const units = firstFree(taken, quantity);
      shares.push(unitsOf(item, units));
      if (withShipping) shippings.push(shippingOf(item, units));
      continue;
    }
    errors.push({
      pointer: `/items/${asked.findIndex((each) => each.line === line)}/${item ? "quantity" : "line"}`,
      code: item ? "too_many" : "unknown_line",
      message: item
        ? `${item.quantity - before} of line ${line} are left to be refunded.`
        : `The order has no line ${line}.`,
      line,
      ...item && { refundable: item.quantity - before },
    });
  }
  if (errors.length > 0) throw refundRefused(errors);
  // An earlier refund of an amount may have taken from these parts already.
  const parts = asFarAsLeft(left, [...shares, upTo(left.shipping, sumOfShipping(shippings))]);
  const amount = PARTS.reduce((sum, part) => sum + parts[part], 0);
  // Where a line has fewer minor units than units, some are worth none: they count, or the others would never have their turn.
  const isShared = shares.every(isWorthNothing) &&
    items.some(({ line }) => !isFree(order.items, line, withShipping));
  if (amount > money || (amount === 0 && !isShared && !isForNothing(facts, asked))) {
    throw moreThan("/items", Math.min(money, amount), facts);
  }
  return { amount, parts, items };
}

/** All that is left of the shipping, with the tax on it: first of units that it did not go back with. */
function ofShipping(facts: RefundFacts): RefundSplit {
  const { order, left, money, disputed, unsent, refunds } = facts;
  const whole = sumOfShipping(order.items.map((item) => shippingOf(item, [[0, item.quantity]])));
  const kept = sumOfShipping(order.items.map((item) => {
    const withShipping = takenUnits(refunds, item.line).filter(({ by }) => tookShipping(refunds, by));
    const gone = withShipping.map(({ span }) => span);
    return shippingOf(item, firstFree(gone, item.quantity - countOf(gone)));
  }));
  const first = upTo(left.shipping, kept);
  // A share of a refund of units may have failed, and then more is left than of these.
  const others = { shipping: whole.shipping - kept.shipping, tax: whole.tax - kept.tax };
  const more = left.shipping > first.shipping ? upTo(left.shipping - first.shipping, others) : NO_SHIPPING;
  const parts = asFarAsLeft(left, [sumOfShipping([first, more])]);
  const amount = parts.shipping + parts.tax;
  if (amount > money || parts.shipping === 0) {
    throw moreThan("/include_shipping", parts.shipping === 0 ? 0 : money, facts);
  }
  // Whoever is refunded the shipping alone still expects the goods, and an order without money sends none.
  if (amount === money && disputed === 0 && unsent.length > 0) throw endsOrder(amount);
  return { amount, parts, items: [] };
}

/** Did units go back with their shipping, by the refund itself or by the shares of it that follow? */
function tookShipping(refunds: readonly EarlierRefund[], { id }: EarlierRefund): boolean {
  return refunds.some((each) =>
    (each.id === id || each.follows === id) && each.status !== "failed" && each.shipping_amount > 0
  );
}

/** So much of the shipping at most, and its tax with it: an amount may have taken of it, or all went back alone. */
function upTo(most: number, { shipping, tax }: ShippingShare): ShippingShare {
  return shipping <= most ? { shipping, tax } : { shipping: most, tax: share(tax, most, shipping) };
}

function sumOfShipping(shares: readonly ShippingShare[]): ShippingShare {
  return shares.reduce((sum, { shipping, tax }) => ({
    shipping: sum.shipping + shipping,
    tax: sum.tax + tax,
  }), NO_SHIPPING);
}

function asFarAsLeft(left: RefundParts, shares: readonly Partial<RefundParts>[]): RefundParts {
  return partsOf((part) => Math.min(left[part], shares.reduce((sum, each) => sum + (each[part] ?? 0), 0)));
}

/** Units of a line from one up to before another, counted from 0. */
type Span = readonly [from: number, to: number];

/**
 * The units of a line that refunds gave back, done or under way. Each took the first that were free as it began, and one
 * that failed freed its own: so the order of all that tells which they are.
 */
function takenUnits(refunds: readonly EarlierRefund[], line: number): { span: Span; by: EarlierRefund }[] {
  let taken: { span: Span; by: EarlierRefund; freedAt: number | null }[] = [];
  for (const by of refunds) {
    taken = taken.filter(({ freedAt }) => freedAt === null || freedAt > by.began);
    const quantity = by.items.find((item) => item.line === line)?.quantity ?? 0;
    const freedAt = by.status === "failed" ? by.ended : null;
    taken.push(...firstFree(taken.map(({ span }) => span), quantity).map((span) => ({ span, by, freedAt })));
  }
  return taken.filter(({ freedAt }) => freedAt === null);
}

function countOf(units: readonly Span[]): number {
  return units.reduce((sum, [from, to]) => sum + to - from, 0);
}

/** The first units of a line that are not among those taken. */
function firstFree(taken: readonly Span[], quantity: number): Span[] {
  const free: Span[] = [];
  let from = 0;
  let wanted = quantity;
  for (const [start, end] of [...taken.toSorted(([a], [b]) => a - b), [Infinity, Infinity]]) {
    const to = Math.min(start!, from + wanted);
    if (to > from) free.push([from, to]);
    wanted -= to - from;
    from = end!;
  }
  return free;
}

/** What the units of a line that are not sent any more were worth: they went back without their share of the shipping. */
export function cancelledParts(item: OrderItem): RefundParts {
  return unitsOf(item, [[0, item.cancelled]]);
}

/**
 * What units of a line are worth that left together, with their share of the shipping, after others had left `before`. They are
 * counted from the end, as those that are not sent are the first: so all parcels together are what left, and none changes
 * later, but by what was rounded where one before it is cancelled.
 */
export function sentParts(
  item: OrderItem,
  { before, quantity }: { before: number; quantity: number },
): RefundParts {
  const end = item.quantity - before;
  const units: Span[] = [[end - quantity, end]];
  const [{ goods, duty, tax }, shipped] = [unitsOf(item, units), shippingOf(item, units)];
  return { goods, duty, shipping: shipped.shipping, tax: tax + shipped.tax };
}

/** What these units of a line are worth without their shipping. */
function unitsOf(item: OrderItem, units: readonly Span[]): RefundParts {
  return {
    goods: shareOf(item, units, item.line_total),
    shipping: 0,
    duty: shareOf(item, units, item.duty_amount),
    tax: shareOf(item, units, item.tax_amount - shippingTaxOf(item)),
  };
}

/** The share of a line's shipping that some of its units have, and the tax on that. */
type ShippingShare = Pick<RefundParts, "shipping" | "tax">;
const NO_SHIPPING: ShippingShare = { shipping: 0, tax: 0 };

function shippingOf(item: OrderItem, units: readonly Span[]): ShippingShare {
  return {
    shipping: shareOf(item, units, item.shipping_amount),
    tax: shareOf(item, units, shippingTaxOf(item)),
  };
}

function shippingTaxOf(
  { line_total, duty_amount, shipping_amount, shipping_tax_amount, tax_amount }: OrderItem,
) {
  const taxable = line_total + duty_amount + shipping_amount;
  return shipping_tax_amount ?? (taxable === 0 ? 0 : share(tax_amount, shipping_amount, taxable));
}

/** What these units have of an amount of their line. */
function shareOf({ quantity }: OrderItem, units: readonly Span[], whole: number): number {
  const upTo = (unit: number) => share(whole, unit, quantity);
  return units.reduce((sum, [from, to]) => sum + upTo(to) - upTo(from), 0);
}

/** `part / of` of a whole. Taken of all that went before and of all with it, the differences lose nothing. */
function share(whole: number, part: number, of: number): number {
  return Number(roundHalfEven({ n: BigInt(whole) * BigInt(part), d: BigInt(of) }));
}

function partsOf(of: (part: typeof PARTS[number]) => number): RefundParts {
  return { goods: of("goods"), shipping: of("shipping"), duty: of("duty"), tax: of("tax") };
}

function moreThan(pointer: string, refundable: number, facts: RefundFacts): AppError {
  return refundRefused([{
    pointer,
    code: "more_than_refundable",
    message: `At most ${refundable} can be refunded${besides(facts)}.`,
    refundable,
    ...beside(facts),
  }]);
}

function endsOrder(amount: number): AppError {
  const message =
    `The shipping, ${amount}, is all that is left of the money: the order would end with it, and send nothing ` +
    "more. Send the rest first, or refund all that is left.";
  return refundRefused([{ pointer: "/include_shipping", code: "ends_order", message }]);
}

/** Who comes second is told of the first, which may have asked for the same, and may fail yet; or of who won't wait for us. */
function besides({ refunding, disputed }: RefundFacts): string {
  const away = [
    ...refunding > 0 ? [`${refunding} whose refund is under way`] : [],
    ...disputed > 0 ? [`${disputed} that the customer's bank holds in a dispute`] : [],
  ];
  return away.length > 0 ? `, besides ${away.join(" and ")}` : "";
}

/** The same as numbers. */
function beside({ refunding, disputed }: RefundFacts) {
  return { ...refunding > 0 && { refunding }, ...disputed > 0 && { disputed } };
}

export function refundRefused(errors: FieldError[]): AppError {
  return new AppError("refund_refused", `The refund is refused: ${errors[0]!.message}`, { errors });
}

/** When a refund that its provider did not answer to is tried again: later each time, for ever, and visible. */
export function nextAttempt(now: Date, attempts: number): string {
  return new Date(now.getTime() + Math.min(30_000 * 2 ** attempts, 6 * 3_600_000)).toISOString();
}

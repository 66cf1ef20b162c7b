import type { Order } from "../order.ts";

/** The accounts of the books, as the ledger's columns are called. */
export const ACCOUNTS = [
  "receivable",
  "cash_at_provider",
  "revenue",
  "shipping",
  "tax",
  "duty",
  "refunds",
  "store_credit",
  "disputed",
] as const;
export type Account = typeof ACCOUNTS[number];

export const LEDGER_KINDS = ["sale", "cancellation", "capture", "refund", "dispute"] as const;
export type LedgerKind = typeof LEDGER_KINDS[number];

/**
 * One transaction of the books: what it posts to each account, in minor units, debits positive and credits negative.
 * They sum to zero; the database refuses it otherwise.
 */
export interface LedgerTransaction {
  order_id: string;
  kind: LedgerKind;
  currency: string;
  postings: Partial<Record<Account, number>>;
  payment_id?: string;
  refund_id?: string;
  dispute_id?: string;
  reason?: string;
}

/** A sale by its parts: what is left of it, or what a refund takes off it; more than that was owed to the customer anyway. */
export interface RefundParts {
  goods: number;
  shipping: number;
  duty: number;
  tax: number;
}

/** What is left of the sale, taken back: what was paid and not refunded is owed to the customer from then on. */
export function cancellationOf(order: Order, left: RefundParts, reason?: string): LedgerTransaction {
  const { goods, shipping, duty, tax } = left;
  return {
    order_id: order.id,
    kind: "cancellation",
    currency: order.currency,
    reason,
    postings: { receivable: 0 - goods - shipping - duty - tax, revenue: goods, shipping, duty, tax },
  };
}

/** Money that came in. Without a payment it is what staff recorded. */
export function captureOf(
  order: Order,
  amount: number,
  of: { payment_id?: string; reason?: string },
): LedgerTransaction {
  return {
    order_id: order.id,
    kind: "capture",
    currency: order.currency,
    postings: { cash_at_provider: amount, receivable: -amount },
    ...of,
  };
}

/** Money that went back: `parts` are taken off the sale, and the rest of `amount` was owed. */
export function refundOf(
  order: Order,
  amount: number,
  parts: RefundParts,
  of: { payment_id?: string; refund_id?: string; reason?: string },
): LedgerTransaction {
  const { goods, shipping, duty, tax } = parts;
  return {
    order_id: order.id,
    kind: "refund",
    currency: order.currency,
    postings: {
      cash_at_provider: -amount,
      receivable: amount - goods - shipping - duty - tax,
      refunds: goods,
      shipping,
      duty,
      tax,
    },
    ...of,
  };
}

/** Money that a bank took until a dispute is decided; negative: it gave it back, or it is lost, which a refund books then. */
export function disputeOf(
  { id, payment_id, order_id, currency }: {
    id: string;
    payment_id: string;
    order_id: string;
    currency: string;
  },
  amount: number,
): LedgerTransaction {
  return {
    order_id,
    kind: "dispute",
    currency,
    postings: { cash_at_provider: -amount, disputed: amount },
    payment_id,
    dispute_id: id,
  };
}

/** The order's amounts after this transaction. */
export function afterTransaction(order: Order, { kind, postings }: LedgerTransaction): Order {
  const cash = postings.cash_at_provider ?? 0;
  return {
    ...order,
    amount_due: order.amount_due + (postings.receivable ?? 0),
    amount_paid: order.amount_paid + (kind === "capture" ? cash : 0),
    amount_refunded: order.amount_refunded + (kind === "refund" ? -cash : 0),
  };
}

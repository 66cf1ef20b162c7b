/** How an order and its money stand when nothing is under way any more, and what must not be so then. */
import { assertEquals } from "@std/assert";
import type { Order } from "../../src/orders/mod.ts";
import type { Refund, StoredPayment } from "../../src/payments/mod.ts";
import { isManual } from "../../src/payments/payment.ts";
import { read } from "../support/orders.ts";
import type { PaidShop } from "../support/payments.ts";

interface EndedPayment extends
  Pick<
    StoredPayment,
    | "status"
    | "provider"
    | "payment_method"
    | "amount"
    | "amount_authorised"
    | "amount_captured"
    | "amount_refunded"
    | "amount_refunding"
    | "check_at"
    | "version"
    | "updated_at"
  > {
  /** Its status at the bank; failed where that never heard of it. */
  at_bank: string;
  /** What its last event says of it, by {@link standingOf}. */
  told: string;
}

interface EndedRefund extends Pick<Refund, "status" | "amount" | "reason" | "failure_message"> {
  /** The status that its last event says. */
  told: string;
  /** Is what it says it took off the sale what the ledger says? False too for one that the ledger should know and does not. */
  is_as_booked: boolean;
}

/** How an order stands when nothing is under way any more. */
export interface End {
  order: Order;
  payments: readonly EndedPayment[];
  refunds: readonly EndedRefund[];
}

const isOver = ({ order }: End) => ["CANCELLED", "EXPIRED"].includes(order.status);

/** What providers took, have not given back, and would give back. */
function givable({ payments }: End): number {
  return payments.filter((each) => !isManual(each) && each.payment_method !== "tok_refund_refused")
    .reduce((sum, each) => sum + each.amount_captured - each.amount_refunded, 0);
}

function standingOf(payment: EndedPayment): string {
  const { status, amount_captured, amount_refunded, version, updated_at } = payment;
  return `${status} ${amount_captured} ${amount_refunded} ${version} ${updated_at}`;
}

/** A charge that is let go of after a part was captured is that part to us. */
function isAsAtBank(payment: EndedPayment): boolean {
  const { status, at_bank } = payment;
  return isManual(payment) || status === at_bank || (status === "captured" && at_bank === "voided");
}

/** What must not be so in the end. */
const WRONGS: readonly [finding: string, isSo: (end: End) => boolean][] = [
  [
    "The order is over, and providers did not give back just what they took.",
    (end) => isOver(end) && givable(end) !== 0,
  ],
  [
    "The customer is owed money that a provider holds.",
    (end) => end.order.amount_due < 0 && givable(end) > 0,
  ],
  [
    "Money is due for an order that waits for none.",
    ({ order }) => order.amount_due > 0 && order.status !== "PENDING",
  ],
  [
    "The order waits for its payment beyond its time.",
    ({ order }) => order.status === "PENDING" && order.expires_at !== null,
  ],
  ["The order counts on reserved money.", ({ order }) => order.amount_authorised !== 0],
  [
    "A payment is in doubt.",
    ({ payments }) => payments.some(({ status, check_at }) => status === "created" || check_at !== null),
  ],
  [
    "A payment can still bring in money.",
    ({ payments }) => payments.some(({ status }) => status === "authorised" || status === "requires_action"),
  ],
  [
    "A payment says that a refund is under way.",
    ({ payments }) => payments.some((each) => each.amount_refunding !== 0),
  ],
  ["A payment is not as it is at the bank.", ({ payments }) => !payments.every(isAsAtBank)],
  [
    "A payment is not as its last event tells.",
    ({ payments }) => payments.some((each) => each.told !== standingOf(each)),
  ],
  ["A refund is under way.", ({ refunds }) => refunds.some(({ status }) => status === "pending")],
  [
    "A refund is not as its last event tells.",
    ({ refunds }) => refunds.some(({ status, told }) => told !== status),
  ],
  [
    "A refund is not as it was booked.",
    ({ refunds }) => refunds.some(({ status, is_as_booked }) => status === "succeeded" && !is_as_booked),
  ],
];

/** What is wrong with it. */
export function wrongsOf(end: End): string[] {
  return WRONGS.filter(([, isSo]) => isSo(end)).map(([finding]) => finding);
}

/** What there is to know of an end that is wrong. */
export function evidenceOf({ order, payments, refunds }: End) {
  const { id, status, payment_status, amount_due, amount_paid, amount_refunded, amount_authorised } = order;
  return {
    order: { id, status, payment_status, amount_due, amount_paid, amount_refunded, amount_authorised },
    payments,
    refunds,
  };
}

/** How an order of the shop's customer stands. */
export async function endOf({ app, user }: PaidShop, id: string): Promise<End> {
  const { status, body: order } = await read(app, user, id);
  assertEquals(status, 200);
  const [payments, refunds] = await Promise.all([listPayments(app, id), listRefunds(app, id)]);
  return { order, payments, refunds };
}

async function listPayments({ deps: { sql } }: PaidShop["app"], orderId: string) {
  return await sql<EndedPayment[]>`
    select p.status, p.provider, p.payment_method, p.amount, p.amount_authorised, p.amount_captured, p.amount_refunded,
           p.amount_refunding, p.check_at, p.version, p.updated_at, coalesce(c.status, 'failed') as at_bank,
           concat_ws(' ', last.data->>'status', last.data->>'amount_captured', last.data->>'amount_refunded',
                     last.data->>'version', last.data->>'updated_at') as told
    from payments p left join sandbox_charges c on c.id = p.id
    left join lateral (
      select data from events
      where aggregate_type = 'payment' and aggregate_id = p.id::text and type <> 'payment.stray'
      order by sequence desc limit 1
    ) last on true
    where p.order_id = ${orderId} order by p.id`;
}

async function listRefunds({ deps: { sql } }: PaidShop["app"], orderId: string) {
  return await sql<EndedRefund[]>`
    select r.status, r.amount, r.reason, r.failure_message, last.data->>'status' as told,
           r.amount = 0 or exists (
             select from ledger l
             where l.refund_id = r.id and (-l.cash_at_provider, l.refunds, l.shipping, l.duty, l.tax)
               = (r.amount, r.goods_amount, r.shipping_amount, r.duty_amount, r.tax_amount)
           ) as is_as_booked
    from refunds r
    left join lateral (
      select data from events where aggregate_type = 'refund' and aggregate_id = r.id::text
      order by sequence desc limit 1
    ) last on true
    where r.order_id = ${orderId} order by r.id`;
}

import type { Fragment, Sql } from "../platform/db.ts";
import { madeWithin } from "../platform/made_within.ts";
import type { ListPayments, ListRefunds } from "./list_payments.ts";
import { MANUAL, type Payment, type StoredPayment } from "./payment.ts";
import { paymentColumns } from "./queries.ts";
import type { Refund } from "./refunds/refund.ts";
import { refundColumns } from "./refunds/queries.ts";

/** While a payment is so, it has a `check_at`: the few that are so stand in the index of that. */
const IN_DOUBT: readonly Payment["status"][] = ["created", "requires_action", "processing"];

/** One page of payments, `limit + 1` rows. */
export async function listPaymentRows(sql: Sql, filter: ListPayments): Promise<StoredPayment[]> {
  const { status, provider, provider_reference } = filter;
  const isOf = provider === MANUAL ? is(sql, sql`provider`, MANUAL) : sql`and provider = ${provider!}`;
  const by = status !== undefined && status !== "captured"
    ? sql`status,`
    : provider === MANUAL
    ? sql`provider,`
    : sql``;
  return await sql<StoredPayment[]>`
    select ${paymentColumns(sql)} from payments
    where true ${common(sql, filter)} ${hasStatus(sql, status)}
      ${status !== undefined && IN_DOUBT.includes(status) ? sql`and check_at is not null` : sql``}
      ${provider === undefined ? sql`` : isOf}
      ${provider_reference === undefined ? sql`` : sql`and provider_reference = ${provider_reference}`}
    order by ${by} id desc
    limit ${filter.limit + 1}`;
}

/** One page of refunds, `limit + 1` rows. */
export async function listRefundRows(sql: Sql, filter: ListRefunds): Promise<Refund[]> {
  const { status, payment_id, provider_reference } = filter;
  return await sql<Refund[]>`
    select ${refundColumns(sql)} from refunds
    where true ${common(sql, filter)} ${hasStatus(sql, status)}
      ${payment_id === undefined ? sql`` : sql`and payment_id = ${payment_id}`}
      ${provider_reference === undefined ? sql`` : sql`and provider_reference = ${provider_reference}`}
    order by ${status === undefined || status === "succeeded" ? sql`` : sql`status,`} id desc
    limit ${filter.limit + 1}`;
}

/** A part of an order's payments or refunds, in the order of their ids: `limit + 1` of them after `afterId`. */
interface PartOfOrder {
  orderId: string;
  afterId?: string;
  limit: number;
}

export async function listPaymentsOfOrder(sql: Sql, part: PartOfOrder): Promise<StoredPayment[]> {
  return await sql<StoredPayment[]>`select ${paymentColumns(sql)} from payments where ${isPart(sql, part)}`;
}

export async function listRefundsOfOrder(sql: Sql, part: PartOfOrder): Promise<Refund[]> {
  return await sql<Refund[]>`select ${refundColumns(sql)} from refunds where ${isPart(sql, part)}`;
}

const isPart = (sql: Sql, { orderId, afterId, limit }: PartOfOrder): Fragment =>
  sql`
    order_id = ${orderId} ${afterId === undefined ? sql`` : sql`and id > ${afterId}`}
    order by id limit ${limit + 1}`;

/** The filters of both. */
function common(sql: Sql, { order_id, cursor, ...span }: ListPayments | ListRefunds): Fragment {
  const conditions = [
    order_id === undefined ? sql`` : sql`and order_id = ${order_id}`,
    madeWithin(sql, { id: sql`id`, at: sql`created_at` }, span),
    cursor === undefined ? sql`` : sql`and id < ${cursor[0]}`,
  ];
  return sql`${conditions}`;
}

/**
 * Has a status, if one is asked for. With any but the status that most rows end in the list is also sorted by it, and so are
 * manual payments by their provider: else the planner might walk the primary key past all the others.
 */
function hasStatus(sql: Sql, status: Payment["status"] | Refund["status"] | undefined): Fragment {
  return status === undefined ? sql`` : is(sql, sql`status`, status);
}

/** Says what a column is in the planner's sight, so that it may use a partial index. Only ever one of our words. */
const is = (
  sql: Sql,
  column: Fragment,
  word: Payment["status"] | Refund["status"] | typeof MANUAL,
): Fragment => sql`and ${column} = any(${sql.unsafe(`'{${word}}'`)}::text[])`;

import type { Fragment, Sql } from "../platform/db.ts";
import { firstIdAt } from "../platform/id.ts";
import type { Listing, ListPayments, ListRefunds } from "./list_payments.ts";
import type { Payment, StoredPayment } from "./payment.ts";
import { paymentColumns } from "./queries.ts";
import type { Refund } from "./refund.ts";
import { refundColumns } from "./refund_queries.ts";

/** A row's id (UUIDv7) and its `created_at` are made together: they never differ by more than this. */
const MADE_WITHIN_MS = 60_000;

/** While a payment is so, it has a `check_at`: the few that are so stand in the index of that. */
const IN_DOUBT: readonly Payment["status"][] = ["created", "requires_action", "processing"];

/** One page of payments, `limit + 1` rows. */
export async function listPaymentRows(sql: Sql, filter: ListPayments): Promise<StoredPayment[]> {
  const { status, provider, provider_reference } = filter;
  return await sql<StoredPayment[]>`
    select ${paymentColumns(sql)} from payments
    where true ${common(sql, filter)} ${hasStatus(sql, status)}
      ${status !== undefined && IN_DOUBT.includes(status) ? sql`and check_at is not null` : sql``}
      ${provider === undefined ? sql`` : sql`and provider = ${provider}`}
      ${provider_reference === undefined ? sql`` : sql`and provider_reference = ${provider_reference}`}
    order by ${status === undefined || status === "captured" ? sql`` : sql`status,`} id desc
    limit ${filter.limit + 1}`;
}

/** One page of refunds, `limit + 1` rows. */
export async function listRefundRows(sql: Sql, filter: ListRefunds): Promise<Refund[]> {
  const { status, payment_id } = filter;
  return await sql<Refund[]>`
    select ${refundColumns(sql)} from refunds
    where true ${common(sql, filter)} ${hasStatus(sql, status)}
      ${payment_id === undefined ? sql`` : sql`and payment_id = ${payment_id}`}
    order by ${status === undefined || status === "succeeded" ? sql`` : sql`status,`} id desc
    limit ${filter.limit + 1}`;
}

/** The filters of both. A time of creation is also a range of ids, so that every page is found along an index. */
function common(sql: Sql, { order_id, created_from, created_to, cursor }: Listing): Fragment {
  const idAt = (time: string, skewMs: number) => firstIdAt(new Date(Date.parse(time) + skewMs));
  const conditions = [
    order_id === undefined ? sql`` : sql`and order_id = ${order_id}`,
    created_from === undefined
      ? sql``
      : sql`and created_at >= ${created_from} and id >= ${idAt(created_from, -MADE_WITHIN_MS)}`,
    created_to === undefined
      ? sql``
      : sql`and created_at < ${created_to} and id < ${idAt(created_to, MADE_WITHIN_MS)}`,
    cursor === undefined ? sql`` : sql`and id < ${cursor[0]}`,
  ];
  return sql`${conditions}`;
}

/**
 * Is a status, in the planner's sight, so that it may use a partial index. With any but the status that most rows end in,
 * the list is also sorted by it: else the planner might walk the primary key past all the others. Only ever one of our words.
 */
function hasStatus(sql: Sql, status: Payment["status"] | Refund["status"] | undefined): Fragment {
  return status === undefined ? sql`` : sql`and status = any(${sql.unsafe(`'{${status}}'`)}::text[])`;
}

import { actorName, type Ctx } from "../../platform/ctx.ts";
import type { Fragment, Sql, Tx } from "../../platform/db.ts";
import { refundCreated } from "../events.ts";
import type { PastRefund, Refund } from "./refund.ts";

export const refundColumns = (sql: Sql | Tx): Fragment =>
  sql`
    id, order_id, payment_id, return_id, dispute_id, follows, currency, amount, goods_amount, shipping_amount, duty_amount, tax_amount,
    (select coalesce(json_agg(json_build_object('line', i.line, 'sku', i.sku, 'quantity', item.quantity) order by item.place), '[]')
     from rows from (jsonb_to_recordset(items) as (line smallint, quantity int)) with ordinality as item (line, quantity, place)
     join order_items i on i.order_id = refunds.order_id and i.line = item.line) as items,
    reason, manual, status, provider_reference, failure_message, attempts, next_attempt_at, version, created_at,
    updated_at`;

export async function findRefund(sql: Sql | Tx, id: string): Promise<Refund | undefined> {
  const [refund] = await sql<Refund[]>`select ${refundColumns(sql)} from refunds where id = ${id}`;
  return refund;
}

/** Holds a refund until the transaction ends. The caller holds its order and its payment before. */
export async function lockRefund(tx: Tx, id: string): Promise<Refund | undefined> {
  const [refund] = await tx<Refund[]>`
    select ${refundColumns(tx)} from refunds where id = ${id} for no key update`;
  return refund;
}

/** The refunds so far of an order whose row the caller holds, in the order in which they began. */
export async function listPastRefunds(tx: Tx, orderId: string): Promise<PastRefund[]> {
  const placeOf = (sequence: number) =>
    tx`(
      select position from events
      where aggregate_type = ${refundCreated.aggregate} and aggregate_id = refunds.id::text and sequence = ${sequence})`;
  return await tx<PastRefund[]>`
    select ${refundColumns(tx)}, ${placeOf(1)} as began, ${placeOf(2)} as ended
    from refunds where order_id = ${orderId} order by began`;
}

/** Holds the refunds that follow this one until the transaction ends. */
export async function lockFollowers(tx: Tx, id: string): Promise<Refund[]> {
  return await tx<Refund[]>`
    select ${refundColumns(tx)} from refunds where follows = ${id} order by id for no key update`;
}

/** A refund, and who is asked for it; null: nobody, as staff recorded the money. */
export type DueRefund = Refund & { provider: string | null };

/** Refunds that are to be tried again by now, but for those by these providers. */
export async function listDueRefunds(
  sql: Sql,
  now: Date,
  except: (string | null)[],
  limit: number,
): Promise<DueRefund[]> {
  return await sql<DueRefund[]>`
    select * from (
      select ${refundColumns(sql)}, (select provider from payments where id = refunds.payment_id) as provider
      from refunds where status = 'pending' and next_attempt_at <= ${now}
    ) due
    where coalesce(provider <> all(${except}::text[]), true) order by next_attempt_at limit ${limit}`;
}

/** How many refunds of a payment have failed for good: it only grows. */
export async function countFailedRefunds(sql: Sql | Tx, paymentId: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from refunds where payment_id = ${paymentId} and status = 'failed'`;
  return row!.count;
}

export async function insertRefund(tx: Tx, ctx: Ctx, refund: Refund): Promise<void> {
  const items = refund.items.map(({ line, quantity }) => ({ line, quantity }));
  await tx`insert into refunds ${
    tx({ ...refund, items: tx.json(items), actor: actorName(ctx.actor) } as never)
  }`;
}

/** Moves the time of the next attempt on, unless there was one meanwhile. */
export async function postponeRefund(sql: Sql, { id, version, next_attempt_at }: Refund): Promise<void> {
  await sql`
    update refunds set next_attempt_at = ${next_attempt_at}
    where id = ${id} and version = ${version} and status = 'pending'`;
}

/** Writes what can change of a refund whose row is locked. */
export async function updateRefund(tx: Tx, refund: Refund): Promise<void> {
  const { id, status, provider_reference, failure_message, attempts, next_attempt_at, version, updated_at } =
    refund;
  const { goods_amount, shipping_amount, duty_amount, tax_amount } = refund;
  await tx`
    update refunds
    set goods_amount = ${goods_amount}, shipping_amount = ${shipping_amount}, duty_amount = ${duty_amount},
        tax_amount = ${tax_amount}, status = ${status}, provider_reference = ${provider_reference},
        failure_message = ${failure_message},
        attempts = ${attempts}, next_attempt_at = ${next_attempt_at}, version = ${version}, updated_at = ${updated_at}
    where id = ${id}`;
}

import { actorName, type Ctx } from "../platform/ctx.ts";
import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { madeWithin } from "../platform/made_within.ts";
import type { Return, ReturnStatus } from "./return.ts";

/** A refund with those that follow it, as one: under way while any of them is, and then failed where any of them has. */
const refundOf = (sql: Sql | Tx, id: Fragment): Fragment =>
  sql`(
    select json_build_object(
      'id', min(f.id::text) filter (where f.follows is null), 'currency', min(f.currency), 'amount', sum(f.amount),
      'status', case when bool_or(f.status = 'pending') then 'pending' when bool_or(f.status = 'failed') then 'failed'
                else 'succeeded' end)
    from refunds f where f.id = ${id} or f.follows = ${id} having count(*) > 0)`;

/** The refund as a return tells it. */
export async function getReturnRefund(tx: Tx, refundId: string): Promise<NonNullable<Return["refund"]>> {
  const [row] = await tx<{ refund: NonNullable<Return["refund"]> }[]>`
    select ${refundOf(tx, tx`${refundId}::uuid`)} as refund`;
  return row!.refund;
}

const returnColumns = (sql: Sql | Tx): Fragment =>
  sql`
    r.id, r.order_id, r.status,
    (select json_agg(json_build_object('line', i.line, 'sku', o.sku, 'quantity', i.quantity, 'restocked', i.restocked,
                                       'written_off', i.written_off) order by i.line)
     from return_items i join order_items o on o.order_id = r.order_id and o.line = i.line
     where i.return_id = r.id) as items,
    r.reason, r.staff_note,
    ${refundOf(sql, sql`r.refund_id`)} as refund,
    r.version, r.created_at, r.updated_at`;

export async function findReturn(sql: Sql | Tx, id: string): Promise<Return | undefined> {
  const [found] = await sql<Return[]>`select ${returnColumns(sql)} from returns r where r.id = ${id}`;
  return found;
}

/** Holds a return until the transaction ends. The caller holds its order's row before. */
export async function lockReturn(tx: Tx, id: string): Promise<Return | undefined> {
  const [found] = await tx<Return[]>`
    select ${returnColumns(tx)} from returns r where r.id = ${id} for no key update of r`;
  return found;
}

/** An order's returns, oldest first, `limit + 1` of them after `afterId`. */
export async function listReturnsOfOrder(
  sql: Sql,
  { orderId, afterId, limit }: { orderId: string; afterId?: string; limit: number },
): Promise<Return[]> {
  return await sql<Return[]>`
    select ${returnColumns(sql)} from returns r
    where r.order_id = ${orderId} ${afterId === undefined ? sql`` : sql`and r.id > ${afterId}`}
    order by r.id limit ${limit + 1}`;
}

/** Everybody's returns, or those of one user's orders, newest first, `limit + 1` of them before `beforeId`. */
export async function listReturnRows(
  sql: Sql,
  filter: {
    status?: ReturnStatus;
    user_id?: string;
    order_id?: string;
    created_from?: string;
    created_to?: string;
    beforeId?: string;
    limit: number;
  },
): Promise<Return[]> {
  const { status, user_id, order_id, beforeId, limit } = filter;
  return await sql<Return[]>`
    select ${returnColumns(sql)} from returns r
    where true
      ${user_id === undefined ? sql`` : sql`and r.id = any(${idsOfUser(sql, user_id)})`}
      ${status === undefined ? sql`` : sql`and r.status = ${status}`}
      ${order_id === undefined ? sql`` : sql`and r.order_id = ${order_id}`}
      ${madeWithin(sql, { id: sql`r.id`, at: sql`r.created_at` }, filter)}
      ${beforeId === undefined ? sql`` : sql`and r.id < ${beforeId}`}
    order by r.id desc limit ${limit + 1}`;
}

/** An array that is made before anything is looked up by it: else the planner may walk along everybody's returns. */
const idsOfUser = (sql: Sql, userId: string): Fragment =>
  sql`array(select mine.id from orders o join returns mine on mine.order_id = o.id where o.user_id = ${userId})`;

export async function insertReturn(tx: Tx, ctx: Ctx, ret: Return): Promise<void> {
  await tx`
    with header as (
      insert into returns (id, order_id, status, reason, actor, version, created_at, updated_at)
      values (${ret.id}, ${ret.order_id}, ${ret.status}, ${ret.reason}, ${
    actorName(ctx.actor)
  }, ${ret.version},
              ${ret.created_at}, ${ret.updated_at})
      returning id
    )
    insert into return_items (return_id, line, quantity)
    select header.id, i.line, i.quantity
    from header, jsonb_to_recordset(${tx.json(ret.items)}) as i (line smallint, quantity int)`;
}

/** Writes what can change of a return whose row is locked, but for its items. */
export async function updateReturn(tx: Tx, ret: Return): Promise<void> {
  await tx`
    update returns
    set status = ${ret.status}, staff_note = ${ret.staff_note}, refund_id = ${ret.refund?.id ?? null},
        version = ${ret.version}, updated_at = ${ret.updated_at}
    where id = ${ret.id}`;
}

/**
 * Writes what came back of a return whose row and whose order's row are locked, and counts it on the order's lines. CHECKs
 * refuse more than was asked for, and more than was shipped.
 */
export async function updateReceived(tx: Tx, ret: Return): Promise<void> {
  await tx`
    with received as materialized (
      select * from jsonb_to_recordset(${
    tx.json(ret.items)
  }) as i (line smallint, restocked int, written_off int)
    ), items as (
      update return_items i set restocked = n.restocked, written_off = n.written_off
      from received n where i.return_id = ${ret.id} and i.line = n.line
    )
    update order_items o set returned = o.returned + n.restocked + n.written_off
    from received n where o.order_id = ${ret.order_id} and o.line = n.line`;
}

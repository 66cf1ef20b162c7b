import type { Sql, Tx } from "../../platform/db.ts";
import type { PointsAccount, PointsMovement, PointsOfOrder } from "./account.ts";
import type { EarningOrder, OrderPoints } from "./settlement.ts";

/** Whose points these orders may move. */
export async function listEarners(tx: Tx, orderIds: string[]): Promise<string[]> {
  const rows = await tx<{ user_id: string }[]>`
    select distinct user_id from orders
    where id = any(${orderIds}::uuid[])`;
  return rows.map(({ user_id }) => user_id);
}

/**
 * Holds the accounts of these users, who get one if they have none, in the order of their ids, until the transaction ends:
 * movements of one account come one after the other.
 */
export async function lockAccounts(tx: Tx, userIds: string[]): Promise<PointsAccount[]> {
  await tx`
    insert into points_accounts (user_id, updated_at)
    select id, now() from unnest(${userIds}::uuid[]) as id order by id
    on conflict (user_id) do nothing`;
  return await tx<PointsAccount[]>`
    select user_id, balance, version, updated_at from points_accounts
    where user_id = any(${userIds}::uuid[]) order by user_id for no key update`;
}

/**
 * What decides about the points of these orders, as it is now. Their users' accounts are held.
 *
 * @param firstPaid those that were just paid in full: only they look for campaigns
 */
export async function listEarningOrders(tx: Tx, ids: string[], firstPaid: string[]): Promise<EarningOrder[]> {
  return await tx<EarningOrder[]>`
    select o.id, o.user_id, o.currency, o.total_price, o.amount_paid, o.amount_refunded, o.amount_due,
           (select json_agg(json_build_object('sku', i.sku, 'category', p.category, 'line_total', i.line_total))
            from order_items i left join products p on p.id = i.product_id where i.order_id = o.id) as lines,
           (select coalesce(json_agg(json_build_object(
              'campaign_id', campaign_id, 'full_points', full_points, 'points', points) order by campaign_id), '[]')
            from order_points where order_id = o.id) as earned,
           (select coalesce(json_agg(json_build_object(
              'id', c.id, 'points', c.points, 'per_amount', c.per_amount, 'skus', c.skus, 'categories', c.categories
            ) order by c.id), '[]')
            from campaigns c
            where o.id = any(${firstPaid}::uuid[]) and c.active and c.starts_at <= o.placed_at
              and (c.ends_at is null or c.ends_at > o.placed_at)) as campaigns
    from orders o where o.id = any(${ids}::uuid[]) order by o.id`;
}

/** Writes what orders have by their campaigns now. */
export async function writeOrderPoints(
  tx: Tx,
  rows: (OrderPoints & { order_id: string })[],
): Promise<void> {
  await tx`
    insert into order_points (order_id, campaign_id, full_points, points)
    select order_id, campaign_id, full_points, points
    from jsonb_to_recordset(${tx.json(rows as never)})
      as n (order_id uuid, campaign_id uuid, full_points bigint, points bigint)
    on conflict (order_id, campaign_id) do update set points = excluded.points`;
}

/** Writes movements of accounts that are held, and what those that moved have after them. */
export async function writeMovements(
  tx: Tx,
  movements: PointsMovement[],
  accounts: PointsAccount[],
): Promise<void> {
  await tx`
    with moved as (
      insert into points_movements (user_id, sequence, kind, points, balance, order_id, campaign_id, redemption_id, reason,
                                    created_at)
      select user_id, sequence, kind, points, balance, order_id, campaign_id, redemption_id, reason, created_at
      from jsonb_populate_recordset(null::points_movements, ${tx.json(movements as never)})
    )
    update points_accounts a set balance = n.balance, version = n.version, updated_at = n.updated_at
    from jsonb_populate_recordset(null::points_accounts, ${tx.json(accounts as never)}) n
    where a.user_id = n.user_id and a.version < n.version`;
}

/** Undefined: there never were any movements, be there a row or not. */
export async function findAccount(sql: Sql, userId: string): Promise<PointsAccount | undefined> {
  const [account] = await sql<PointsAccount[]>`
    select user_id, balance, version, updated_at from points_accounts
    where user_id = ${userId} and version > 0`;
  return account;
}

/** A user's movements, newest first: those before `before`, `limit + 1` of them. */
export async function listMovementRows(
  sql: Sql,
  filter: { userId: string; kind?: PointsMovement["kind"]; before?: number; limit: number },
): Promise<PointsMovement[]> {
  return await sql<PointsMovement[]>`
    select user_id, sequence, kind, points, balance, order_id, campaign_id, redemption_id, reason, created_at
    from points_movements
    where user_id = ${filter.userId}
      ${filter.kind === undefined ? sql`` : sql`and kind = ${filter.kind}`}
      ${filter.before === undefined ? sql`` : sql`and sequence < ${filter.before}`}
    order by sequence desc limit ${filter.limit + 1}`;
}

/** What an order earned, by campaign, in the order of these. */
export async function listOrderPoints(sql: Sql, orderId: string): Promise<PointsOfOrder["campaigns"]> {
  return await sql<PointsOfOrder["campaigns"]>`
    select p.campaign_id, c.name, p.full_points, p.points
    from order_points p join campaigns c on c.id = p.campaign_id
    where p.order_id = ${orderId} order by p.campaign_id`;
}

import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { codeOf, type Coupon, type Promotion } from "./promotion.ts";
import { promotionColumns } from "./queries.ts";

/**
 * What is known of a code, for a customer (null: a guest, of whom nothing is known), with the uses that others hold. Nothing
 * of one that is another customer's alone.
 *
 * @param cartId whose open quote lets go of its use for the next one
 */
export async function findCoupon(
  sql: Sql | Tx,
  { code, at, userId, cartId = null }: {
    code: string;
    at: Date;
    userId: string | null;
    cartId?: string | null;
  },
): Promise<Coupon> {
  const [found] = await sql<(Promotion & { own: number; by_customer: number })[]>`
    select ${promotionColumns(sql)}, held.own,
           coalesce((select redeemed from promotion_customers where promotion_id = p.id and user_id = ${userId}), 0)
             as by_customer
    from promotions p cross join lateral (
      select count(*)::int as own from quotes q join promotion_redemptions r on r.quote_id = q.id
      where q.cart_id = ${cartId} and q.status = 'open' and r.promotion_id = p.id and r.released_at is null
    ) held
    where p.code = ${codeOf(code)} and (p.user_id is null or p.user_id = ${userId})`;
  if (!found) return { code, at, redeemed: 0, redeemedByCustomer: 0 };
  const { own, by_customer, ...promotion } = found;
  return {
    code: promotion.code,
    at,
    promotion,
    redeemed: promotion.redeemed - own,
    redeemedByCustomer: by_customer - own,
  };
}

/** Holds the promotions of these codes until the transaction ends, in their order: for who lets go of a use and takes another. */
export async function lockPromotions(tx: Tx, codes: string[]): Promise<void> {
  if (codes.length === 0) return;
  await tx`select from promotions where code = any(${codes}::text[]) order by id for no key update`;
}

/**
 * The CTEs `redeeming`, `counted`, `by_customer` and `redeemed`, for a statement that commits quotes or orders with coupons.
 * Before them stands a CTE `claimed` with a row for each: `id, user_id, coupon_code, currency, discount_total, created_at`.
 * What follows is to wait for {@link couponsRedeemed}.
 *
 * Guarantees: the CHECK `promotions_redeemed_check`, or a guard where a customer has had it as often as they may, undoes the
 * whole statement rather than let a code be used once too often. Locks: promotions in the order of their ids, and only
 * then the counts of their customers.
 */
export function redeemCoupons(sql: Sql | Tx, holder: "quote" | "order", isReady: Fragment): Fragment {
  const [quoteId, orderId] = holder === "quote" ? [sql`id`, sql`null::uuid`] : [sql`null::uuid`, sql`id`];
  return sql`
    redeeming as materialized (
      select coupon_code as code, user_id, ${quoteId} as quote_id, ${orderId} as order_id, currency,
             discount_total as amount, created_at as at
      from claimed where coupon_code is not null and ${isReady}
    ), counted as (
      update promotions p set redeemed = p.redeemed + n.uses
      from (select code, count(*)::int as uses from redeeming group by code) n
      where p.code = n.code and p.id = any(array( -- which holds all of them before the first is written
        select id from promotions where code = any(array(select code from redeeming)) order by id for no key update))
      returning p.id, p.code, p.max_per_customer
    ), by_customer as (
      insert into promotion_customers as held (promotion_id, user_id, redeemed)
      select c.id, r.user_id, count(*)::int from redeeming r join counted c on c.code = r.code group by c.id, r.user_id
      on conflict (promotion_id, user_id) do update set redeemed = held.redeemed + excluded.redeemed
      returning promotion_id, user_id, redeemed
    ), redeemed as (
      insert into promotion_redemptions (promotion_id, user_id, quote_id, order_id, currency, amount, created_at)
      select c.id, r.user_id, r.quote_id, r.order_id, r.currency, r.amount, r.at
      from redeeming r join counted c on c.code = r.code
      join by_customer b on b.promotion_id = c.id and b.user_id = r.user_id
      where guard(c.max_per_customer is null or b.redeemed <= c.max_per_customer, 'the customer has used the coupon')
      returning id
    )`;
}

/** Whether all of {@link redeemCoupons} was done; or else nothing of the statement is. */
export const couponsRedeemed = (sql: Sql | Tx): Fragment =>
  sql`guard((select count(*) from redeemed) = (select count(*) from redeeming), 'a coupon is missing')`;

/**
 * A CTE that begins with a comma, over `claimed`: orders, `id, quote_id`, that take their quotes at their word, and with
 * them the uses that these hold.
 */
export const takeOverCoupons = (sql: Sql): Fragment =>
  sql`, taken_over as (
    update promotion_redemptions r set order_id = c.id from claimed c where r.quote_id = c.quote_id
  )`;

/** Gives back the uses that quotes, or orders, hold whose rows the caller holds. Locks as {@link redeemCoupons}. */
export async function releaseCoupons(
  tx: Tx,
  holders: { quoteIds: string[] } | { orderIds: string[] },
  at: Date,
): Promise<void> {
  const isTheirs = "quoteIds" in holders
    ? tx`quote_id = any(${holders.quoteIds}::uuid[])`
    : tx`order_id = any(${holders.orderIds}::uuid[])`;
  await tx`
    with freed as materialized (
      select id, promotion_id, user_id from promotion_redemptions where ${isTheirs} and released_at is null
    ), counted as (
      update promotions p set redeemed = p.redeemed - n.uses
      from (select promotion_id, count(*)::int as uses from freed group by promotion_id) n
      where p.id = n.promotion_id and p.id = any(array(
        select id from promotions where id = any(array(select promotion_id from freed)) order by id for no key update))
      returning p.id
    ), by_customer as (
      update promotion_customers held set redeemed = held.redeemed - n.uses
      from (
        select f.promotion_id, f.user_id, count(*)::int as uses from freed f join counted c on c.id = f.promotion_id
        group by f.promotion_id, f.user_id
      ) n
      where held.promotion_id = n.promotion_id and held.user_id = n.user_id
    )
    update promotion_redemptions r set released_at = ${at} from freed where r.id = freed.id`;
}

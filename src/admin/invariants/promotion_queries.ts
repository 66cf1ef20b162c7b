import type { Invariant } from "./invariant.ts";

const common = { severity: "broken", table: "promotion_redemptions" } as const;

/** What must hold of coupons: their counts, and who holds a use of them. */
export const PROMOTION_INVARIANTS: readonly Invariant[] = [
  {
    ...common,
    table: "promotions",
    name: "promotions_are_counted",
    holds: "A promotion's count is that of its uses which were not released, in all and for each customer.",
    broken: (sql) =>
      sql`
      select coalesce(counted.promotion_id, held.promotion_id)::text as id,
             format('counted %s, held %s by %s', coalesce(counted.uses, 0), coalesce(held.uses, 0),
                    coalesce(counted.user_id, held.user_id)::text) as what
      from (
        select id as promotion_id, null::uuid as user_id, redeemed as uses from promotions
        union all select promotion_id, user_id, redeemed from promotion_customers
      ) counted full join (
        select promotion_id, user_id, count(*) as uses from promotion_redemptions where released_at is null
        group by grouping sets ((promotion_id), (promotion_id, user_id))
      ) held on held.promotion_id = counted.promotion_id and held.user_id is not distinct from counted.user_id
      where coalesce(counted.uses, 0) <> coalesce(held.uses, 0)`,
  },
  {
    ...common,
    name: "held_coupons_are_of_open_quotes",
    holds: "A use that is no order's yet is held exactly as long as its quote is open.",
    broken: (sql) =>
      sql`
      select r.quote_id::text as id,
             format('quote %s, released %s', coalesce(q.status, 'missing'), coalesce(r.released_at::text, 'never')) as what
      from promotion_redemptions r left join quotes q on q.id = r.quote_id
      where r.order_id is null and (r.released_at is null) is distinct from (q.status = 'open')`,
  },
  {
    ...common,
    name: "coupons_of_orders_are_redeemed",
    holds:
      "An order with a coupon has one use of it, of the amount that it was cheaper by, until it is cancelled or expires.",
    broken: (sql) =>
      sql`
      select coalesce(o.id, r.order_id)::text as id,
             format('%s, %s %s off by %s; redeemed %s %s by %s', o.status, o.discount_total, o.currency, o.coupon_code,
                    r.amount, r.currency, r.code) as what
      from (select * from orders where coupon_code is not null or discount_total <> 0) o full join (
        select r.*, p.code from promotion_redemptions r join promotions p on p.id = r.promotion_id
        where r.order_id is not null
      ) r on r.order_id = o.id
      where (o.coupon_code, o.discount_total, o.currency, o.user_id, o.status in ('CANCELLED', 'EXPIRED'))
        is distinct from (r.code, r.amount, r.currency, r.user_id, r.released_at is not null)`,
  },
];

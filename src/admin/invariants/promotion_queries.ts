import type { Invariant } from "./invariant.ts";

const common = { severity: "broken", table: "promotion_redemptions" } as const;

/** What must hold of coupons: their counts, and who holds a use of them. */
export const PROMOTION_INVARIANTS: readonly Invariant[] = [
  {
    ...common,
    table: "promotions",
    name: "promotions_are_counted",
    holds: "A promotion's count is that of its uses which were not released, in all and for each customer.",
    // Summed and not joined: one promotion may have a million customers, and no join hashes what may be null on both sides.
    broken: (sql) =>
      sql`
      select promotion_id::text as id,
             format('counted %s, held %s by %s', sum(counted), sum(held), coalesce(user_id::text, 'all')) as what
      from (
        select id as promotion_id, null::uuid as user_id, redeemed as counted, 0 as held from promotions
        union all
        select promotion_id, user_id, redeemed, 0 from promotion_customers
        union all
        select promotion_id, user_id, 0, count(*) from promotion_redemptions where released_at is null
        group by grouping sets ((promotion_id), (promotion_id, user_id))
      ) both_sides
      group by promotion_id, user_id having sum(counted) <> sum(held)`,
  },
  {
    ...common,
    name: "open_quotes_hold_their_coupons",
    holds:
      "An open quote with a coupon has one use of it, of the amount that it is cheaper by; nothing else holds a use that is " +
      "no order's.",
    broken: (sql) =>
      sql`
      select coalesce(q.id, r.quote_id)::text as id,
             format('off by %s: %s; held by %s: %s %s', q.code, q.amount, r.code, r.amount, r.currency) as what
      from (
        select q.id, q.user_id, e.data->>'coupon_code' as code, e.data->>'discount_total' as amount,
               e.data->>'currency' as currency
        from quotes q join events e on e.aggregate_type = 'quote' and e.aggregate_id = q.id::text and e.sequence = 1
        where q.status = 'open' and e.data->>'coupon_code' is not null
      ) q full join (
        select r.*, p.code from promotion_redemptions r join promotions p on p.id = r.promotion_id
        where r.order_id is null and r.released_at is null
      ) r on r.quote_id = q.id
      where (q.code, q.amount, q.currency, q.user_id) is distinct from (r.code, r.amount::text, r.currency, r.user_id)`,
  },
  {
    ...common,
    name: "coupons_of_orders_are_redeemed",
    holds:
      "An order with a coupon has one use of it, its quote's if it has one, of the amount that it was cheaper by, until it is " +
      "cancelled or expires.",
    broken: (sql) =>
      sql`
      select coalesce(o.id, r.order_id)::text as id,
             format('%s, %s %s off by %s; redeemed %s %s by %s', o.status, o.discount_total, o.currency, o.coupon_code,
                    r.amount, r.currency, r.code) as what
      from (select * from orders where coupon_code is not null or discount_total <> 0) o full join (
        select r.*, p.code from promotion_redemptions r join promotions p on p.id = r.promotion_id
        where r.order_id is not null
      ) r on r.order_id = o.id
      where (o.coupon_code, o.discount_total, o.currency, o.user_id, o.quote_id, o.status in ('CANCELLED', 'EXPIRED'))
        is distinct from (r.code, r.amount, r.currency, r.user_id, r.quote_id, r.released_at is not null)`,
  },
];

/** The one coupon that some customers have, and its uses. */

import type postgres from "postgres";

export const COUPON = "BENCH10";

/** 10 % off of everything, for everybody, as often as they like. */
export async function openPromotion(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    with opened as (
      insert into promotions (id, code, name, percent_off, starts_at, active, version, created_at, updated_at)
      select gen_random_uuid(), ${COUPON}, 'Ten off', 10, at, true, 1, at, at
      from date_trunc('milliseconds', now() - interval '2 years') at
      on conflict (code) do nothing returning *
    )
    insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
    select 'promotion.created', 1, 'promotion', id::text, 1, 'system:bench',
           to_jsonb(opened) - 'redeemed' || '{"percent_off":"10"}', created_at
    from opened`;
}

/** A use for each quote and each order at once; those that ended otherwise gave it back. */
export async function writeCoupons(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    with used as (
      insert into promotion_redemptions (promotion_id, user_id, quote_id, order_id, currency, amount, created_at, released_at)
      select p.id, v.user_id, held.quote_id, held.order_id, 'EUR', off.amount, held.since, held.released_at
      from visits v
      join promotions p on p.code = v.coupon_code
      join (select id, sum(discount_amount)::bigint as amount from visit_lines group by id) off on off.id = v.id
      left join draft d on d.id = v.id
      cross join lateral (values
        (v.earlier_quote_id, null::uuid, v.cart_at, v.quote_at, v.earlier_quote_id is not null),
        (v.quote_id, case when v.is_order then v.id end, coalesce(v.quote_at, v.at),
         case when d.status in ('CANCELLED', 'EXPIRED') then v.at
              when v.quote_status = 'expired' then v.quote_at + interval '7 days' end,
         v.is_order or v.quote_id is not null)
      ) as held (quote_id, order_id, since, released_at, happened)
      where happened
      order by held.since
      returning promotion_id, user_id, released_at
    ), by_customer as (
      insert into promotion_customers as held (promotion_id, user_id, redeemed)
      select promotion_id, user_id, count(*) from used where released_at is null group by promotion_id, user_id
      on conflict (promotion_id, user_id) do update set redeemed = held.redeemed + excluded.redeemed
    )
    update promotions p set redeemed = p.redeemed + n.uses
    from (select promotion_id, count(*) as uses from used where released_at is null group by promotion_id) n
    where p.id = n.promotion_id`;
}

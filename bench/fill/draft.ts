/** Decides what happened, before any of it is written: who bought what, what it cost, and how it ended. */

import type postgres from "postgres";
import { COUPON } from "./coupons.ts";

const DAYS = 365;

/** Products and customers with numbers to choose them by, and what the drafts are reckoned with. */
export async function createSources(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    create temp table goods on commit drop as
    select row_number() over (order by p.sku) - 1 as n, p.id, p.sku, p.name, p.hs_code, p.country_of_origin,
           p.weight_grams, price.amount
    from products p join product_prices price on price.product_id = p.id and price.currency = 'EUR'
    where p.sku like 'BENCH-%'`;
  await tx`
    create temp table buyers on commit drop as
    select row_number() over (order by id) - 1 as n, id from users where email like 'bench%@example.com' and role = 'customer'`;
  await tx`analyze goods, buyers`;
  // A UUIDv7 of this time.
  await tx`
    create or replace function pg_temp.id_at(at timestamptz, seed text) returns uuid language sql stable as $$
      select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(seed), 1, 3) || '8' ||
              substr(md5(seed), 4, 15))::uuid $$`;
  await tx`
    create or replace function pg_temp.half_even(n bigint, d bigint) returns bigint language sql immutable as $$
      select (2 * n + d) / (2 * d) - case when (2 * n + d) % (2 * d) = 0 then (2 * n + d) / (2 * d) % 2 else 0 end $$`;
}

/**
 * Decides a batch: `visits`, a row for each customer who came, with `visit_lines`, what they chose; and of them `draft`
 * with `drafted`, which are orders.
 */
export async function draftBatch(
  tx: postgres.TransactionSql,
  count: number,
  from: number,
  size: number,
): Promise<void> {
  await tx`drop table if exists visits, visit_lines, draft, drafted`;
  await draftVisits(tx, count, from, size);
  await draftLines(tx);
  await tx`create temp table drafted on commit drop as select * from visit_lines where is_order`;
  await tx`analyze visits, visit_lines, drafted`;
  await draftOrders(tx);
  await tx`analyze draft`;
}

/**
 * Of five orders three come from a cart, one was placed at once, and one by staff, who agreed on nothing but the goods.
 * Beside ten orders there is a cart that became none. One customer of eleven has a coupon. Quotes hold for a week, the most
 * that can be set, so that open ones stay open while the data are used.
 */
async function draftVisits(
  tx: postgres.TransactionSql,
  count: number,
  from: number,
  size: number,
): Promise<void> {
  await tx`
    create temp table visits on commit drop as
    select v.*, b.id as user_id, case when shipping_option is null then 'system:bench' else 'user:' || b.id end as actor,
           pg_temp.id_at(at, salt) as id,
           case when i % 11 = 5 then ${COUPON}::text end as coupon_code,
           case when cart_status is not null then pg_temp.id_at(cart_at, salt || 'cart') end as cart_id,
           case when quote_status is not null then pg_temp.id_at(quote_at, salt || 'quote') end as quote_id,
           -- The offer before the one that was taken.
           case when quote_status = 'used' and spin = 7 then pg_temp.id_at(cart_at, salt || 'earlier') end as earlier_quote_id
    from (
      select timed.*, case when not is_order or i / 10 % 5 < 4 then 'standard' end as shipping_option,
             at - interval '5 minutes' as cart_at, at - interval '1 minute' as quote_at,
             case when is_order then case when i / 10 % 5 < 3 then 'checked_out' end
                  when slot = 3 then 'expired' else 'open' end as cart_status,
             case when is_order then case when i / 10 % 5 < 3 then 'used' end
                  when slot = 1 then 'open' when slot > 1 then 'expired' end as quote_status
      from (
        select i, true as is_order, i % 10 as slot, i / 50 % 20 as spin, salt, buyer, first, step,
               date_trunc('milliseconds', now() - interval '1 hour' -
                 (${count}::float - i) / ${count}::float * ${DAYS}::int * interval '1 day') as at
        from generate_series(${from}::int, ${from + size - 1}::int) i, lateral ${anything(tx)}
        union all
        select i, false, i / 10 % 4, i / 50 % 20, salt, buyer, first, step,
               date_trunc('milliseconds', now() - interval '1 hour' - case i / 10 % 4
                 when 0 then random() * interval '20 days' when 1 then random() * interval '2 days'
                 when 2 then interval '8 days' + random() * interval '20 days'
                 else interval '31 days' + random() * interval '300 days' end)
        from generate_series(${from}::int, ${from + size - 1}::int, 10) i, lateral ${anything(tx)}
      ) timed
    ) v join buyers b on b.n = buyer
    order by i`;
}

/** A buyer and two different goods by their numbers, for each row of `i`. */
const anything = (tx: postgres.TransactionSql) =>
  tx`(
    select md5(i::text || random()::text) as salt, floor(random() * (select count(*) from buyers)) as buyer,
           floor(random() * (select count(*) from goods)) as first,
           1 + floor(random() * ((select count(*) from goods) - 1)) as step
  ) anything`;

/**
 * What shop.ts says about the United Kingdom: 5.00 EUR to get there, 12 % duty where the goods are worth more than
 * 135.00 GBP (156.97 EUR at 0.86), 20 % VAT on all of it. Of that nothing ends on a half, so only what a coupon takes off is
 * rounded to even.
 */
async function draftLines(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    create temp table visit_lines on commit drop as
    select *, case when tax_amount = 0 then 0 else pg_temp.half_even(
             tax_amount * shipping_amount, line_total + shipping_amount + duty_amount) end as shipping_tax_amount
    from (
    select *, case when shipping_option is null then 0 else round(0.2 * (line_total + shipping_amount + duty_amount)) end::bigint
             as tax_amount
    from (
      select *, case when shipping_option is null or dutiable <= 15697 then 0
                     else round(0.12 * (line_total + shipping_amount)) end::bigint as duty_amount
      from (
        select *, case when shipping_option is null then 0
                    when line = 1 then (1000 * line_total + dutiable) / (2 * dutiable)
                    else 500 - (1000 * (dutiable - line_total) + dutiable) / (2 * dutiable) end as shipping_amount
        from (
          select *, full_price - discount_amount as line_total,
                 sum(full_price - discount_amount) over (partition by id)::bigint as dutiable
          from (
            select *, amount * quantity as full_price,
                   case when coupon_code is null then 0 else pg_temp.half_even(amount * quantity, 10) end as discount_amount
            from (
              select v.id, v.is_order, v.slot, v.at, v.quote_id, v.coupon_code, v.shipping_option, line, g.id as product_id,
                     g.sku, g.name, g.amount, g.hs_code, g.country_of_origin, g.weight_grams,
                     (1 + (v.i + line) % 3) * case when v.shipping_option is not null and v.i % 7 = 0 then 10 else 1 end
                       as quantity
              from visits v cross join generate_series(1, 2) line
              join goods g on g.n = (v.first + (line - 1) * v.step)::bigint % (select count(*) from goods)
            ) chosen
          ) cheaper
        ) priced
      ) sent
    ) imported
    ) taxed`;
}

/**
 * How each order ends, by the last digit of its number here (`slot`), and whether anything went wrong on the way (`spin`):
 * a card was declined, money or goods went back.
 */
async function draftOrders(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    create temp table draft on commit drop as
    select *, subtotal + shipping_total + duty_total + tax_total as total_price,
           'WB-' || nextval('order_numbers') as number,
           status in ('SHIPPED', 'DELIVERED') as is_shipped,
           case when charge in ('captured', 'manual', 'late') then pg_temp.id_at(at, salt || 'payment') end as payment_id,
           case when charge = 'declined' or (charge is not null and is_paid and spin in (5, 6))
             then pg_temp.id_at(quote_at, salt || 'declined') end as declined_id,
           case when return_status is not null then pg_temp.id_at(at, salt || 'return') end as return_id,
           case when return_status in ('received', 'refunded') then 1 else 0 end as units_returned,
           case when refund is not null then pg_temp.id_at(at, salt || 'refund') end as refund_id
    from (
      select ended.*, sums.*, slot < 7 or (status = 'CANCELLED' and charge = 'captured') as is_paid,
             case when return_status = 'refunded' then 'items'
                  when charge is null then null
                  when slot = 1 and spin < 10 then 'items'
                  when slot = 3 and spin = 8 then 'refused'
                  when status = 'REFUNDED' then 'all'
                  when status = 'CANCELLED' and charge = 'captured' then 'owed' end as refund
      from (
        select *, case when quote_id is null then null
                       when slot = 8 and spin < 5 then 'captured'
                       when slot >= 7 then case when spin < 12 then 'declined' else 'none' end
                       when spin < 2 then 'manual' when spin < 4 then 'late' else 'captured' end as charge,
               case when slot = 6 and quote_id is not null and spin < 4 then 'REFUNDED'
                    else (array['DELIVERED', 'DELIVERED', 'DELIVERED', 'DELIVERED', 'SHIPPED', 'PROCESSING', 'PAID',
                                'PENDING', 'CANCELLED', 'EXPIRED'])[1 + slot] end as status,
               case when slot = 2 and quote_id is not null and spin < 12
                 then (array['requested', 'approved', 'rejected', 'cancelled', 'received', 'refunded'])[1 + spin % 6]
                 end as return_status
        from visits where is_order
      ) ended
      join (
        select id as order_id, sum(discount_amount)::bigint as discount_total, sum(line_total)::bigint as subtotal,
               sum(shipping_amount)::bigint as shipping_total,
               sum(duty_amount)::bigint as duty_total, sum(tax_amount)::bigint as tax_total, sum(quantity)::int as units
        from drafted group by id
      ) sums on sums.order_id = ended.id
    ) decided
    order by at, i`;
}

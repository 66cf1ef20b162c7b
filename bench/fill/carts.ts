/** Carts and quotes, those that became orders and those that did not. */

import type postgres from "postgres";

export async function writeCarts(tx: postgres.TransactionSql): Promise<void> {
  await writeRows(tx);
  await writeCartEvents(tx);
  await writeQuoteEvents(tx);
}

async function writeRows(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into carts (id, user_id, status, currency, destination, items, coupon_code, order_id, version, created_at, updated_at,
                       expires_at)
    select cart_id, user_id, cart_status, 'EUR', 'GB', items.list, coupon_code, case when is_order then v.id end,
           case cart_status when 'open' then 1 else 2 end, cart_at,
           case cart_status when 'open' then cart_at when 'expired' then cart_at + interval '30 days' else at end,
           cart_at + interval '30 days'
    from visits v join (
      select id, jsonb_agg(jsonb_build_object('sku', sku, 'quantity', quantity, 'added_price', amount) order by line) as list
      from visit_lines group by id
    ) items on items.id = v.id
    where cart_id is not null
    order by cart_id`;
  await tx`
    insert into quotes (id, cart_id, cart_version, user_id, status, order_id, created_at, expires_at)
    select quote_id, cart_id, 1, user_id, quote_status, case when is_order then id end, quote_at, quote_at + interval '7 days'
    from visits where quote_id is not null
    union all
    select earlier_quote_id, cart_id, 1, user_id, 'superseded', null, cart_at, cart_at + interval '7 days'
    from visits where earlier_quote_id is not null
    order by 1`;
}

async function writeCartEvents(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select case when sequence = 1 then 'cart.created' else 'cart.' || c.status end, 1, 'cart', c.id::text, sequence,
           c.user_id, case when sequence = 2 and c.status = 'expired' then 'system:bench' else v.actor end,
           to_jsonb(c) - 'token_hash' || case sequence
             when 1 then jsonb_build_object('status', 'open', 'version', 1, 'order_id', null, 'updated_at', c.created_at)
             else jsonb_build_object('changes',
               jsonb_build_object('status', jsonb_build_object('from', 'open', 'to', c.status)) ||
               case when c.order_id is null then '{}'
                    else jsonb_build_object('order_id', jsonb_build_object('from', null, 'to', c.order_id)) end)
           end,
           case sequence when 1 then c.created_at else c.updated_at end
    from visits v join carts c on c.id = v.cart_id cross join generate_series(1, 2) sequence
    where sequence <= c.version
    order by c.id, sequence`;
}

/** With the explanation that the United Kingdom's law gives (see draftLines). */
async function writeQuoteEvents(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select 'quote.created', 1, 'quote', q.id::text, 1, q.user_id, v.actor,
           json_build_object(
             'id', q.id, 'cart_id', q.cart_id, 'cart_version', q.cart_version, 'user_id', q.user_id, 'ship_from', 'DE',
             'destination', 'GB', 'incoterm', 'DDP', 'currency', 'EUR', 'lines', cost.lines,
             'coupon_code', v.coupon_code, 'discount_total', cost.discount, 'subtotal', cost.subtotal,
             'shipping_total', 500, 'duty_total', cost.duty, 'tax_total', cost.tax,
             'total_price', cost.subtotal + 500 + cost.duty + cost.tax, 'duty_on_delivery', 0, 'tax_on_delivery', 0,
             'shipping', json_build_object('code', 'standard', 'name', 'Standard', 'weight_grams', cost.weight),
             'explanation', cost.explanation, 'consignee_id', null, 'created_at', q.created_at, 'expires_at', q.expires_at
           )::jsonb,
           q.created_at
    from visits v cross join lateral unnest(array[v.quote_id, v.earlier_quote_id]) as offer (id)
    join quotes q on q.id = offer.id
    join (
      select id, sum(discount_amount)::bigint as discount, sum(line_total)::bigint as subtotal,
             sum(duty_amount)::bigint as duty, sum(tax_amount)::bigint as tax, max(weight) as weight,
             json_agg(json_build_object(
               'line', line, 'product_id', product_id, 'sku', sku, 'name', name, 'quantity', quantity, 'hs_code', hs_code,
               'country_of_origin', country_of_origin, 'weight_grams', weight_grams, 'unit_price', amount,
               'discount_amount', discount_amount, 'line_total', line_total, 'shipping_amount', shipping_amount,
               'duty_amount', duty_amount, 'tax_amount', tax_amount, 'shipping_tax_amount', shipping_tax_amount,
               'duty_on_delivery', 0, 'tax_on_delivery', 0) order by line) as lines,
             ('[' || string_agg(${explanation(tx)}, ',' order by line) || ']')::json as explanation
      from (
        select *, sum(weight_grams * quantity) over (partition by id) as weight,
               ((at - interval '1 minute') at time zone 'UTC')::date as as_of,
               line_total + shipping_amount as landed
        from visit_lines where quote_id is not null
      ) line
      group by id
    ) cost on cost.id = v.id
    order by q.id`;
  await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select 'quote.released', 1, 'quote', q.id::text, 2, q.user_id,
           case q.status when 'expired' then 'system:bench' else v.actor end,
           jsonb_build_object('id', q.id, 'cart_id', q.cart_id, 'user_id', q.user_id, 'status', q.status),
           case q.status when 'expired' then q.expires_at else v.quote_at end
    from visits v cross join lateral unnest(array[v.quote_id, v.earlier_quote_id]) as offer (id)
    join quotes q on q.id = offer.id
    where q.status in ('expired', 'superseded')
    order by q.id`;
}

/** How the charges of a row of `line` came to be, in JSON as text, which is the quickest to put together. */
const explanation = (tx: postgres.TransactionSql) =>
  tx`
    concat_ws(',',
      json_build_object(
        'line', line, 'kind', 'goods', 'amount', full_price, 'collected', true, 'rate', null, 'basis', null,
        'rule', format('%s × %s EUR, the list price', quantity, to_char(amount / 100.0, 'FM990.00')),
        'exchange', null, 'rounding', 'exact', 'source', null),
      case when coupon_code is not null then json_build_object(
        'line', line, 'kind', 'discount', 'amount', -discount_amount, 'collected', true, 'rate', '0.1', 'basis', full_price,
        'rule', format('Coupon %s: 10 %% off', coupon_code), 'exchange', null,
        'rounding', case when full_price % 10 = 0 then 'exact' else 'half_even' end, 'source', null) end,
      json_build_object(
        'line', line, 'kind', 'shipping', 'amount', shipping_amount, 'collected', true, 'rate', null, 'basis', 500,
        'rule', format('Its share by value of Standard, up to 100000 g (%s g): 5.00 EUR', weight),
        'exchange', null, 'rounding', 'largest_remainder', 'source', null),
      case when dutiable <= 15697 then json_build_object(
        'line', line, 'kind', 'duty', 'amount', 0, 'collected', true, 'rate', null, 'basis', dutiable,
        'rule', 'No duty: the goods are worth no more than 135.00 GBP',
        'exchange', json_build_object('from', 'GBP', 'to', 'EUR', 'rate', '1.162790697674', 'as_of', as_of, 'source', 'Bench'),
        'rounding', 'exact', 'source', 'Bench')
      else json_build_object(
        'line', line, 'kind', 'duty', 'amount', duty_amount, 'collected', true, 'rate', '0.12', 'basis', landed,
        'rule', 'Duty on goods of HS 6912: 12 % of goods and shipping',
        'exchange', null, 'rounding', case when landed % 25 = 0 then 'exact' else 'half_even' end, 'source', 'Bench') end,
      json_build_object(
        'line', line, 'kind', 'tax', 'amount', tax_amount, 'collected', true, 'rate', '0.2', 'basis', landed + duty_amount,
        'rule', 'VAT: 20 % of goods, shipping and duty' || case when dutiable <= 15697
          then '; collected at checkout: the goods are worth no more than 135.00 GBP' else '' end,
        'exchange', null, 'source', 'Bench',
        'rounding', case when (landed + duty_amount) % 5 = 0 then 'exact' else 'half_even' end))`;

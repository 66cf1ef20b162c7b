/** Orders with their lines, books, shipments and events. */

import type postgres from "postgres";

export async function writeOrders(tx: postgres.TransactionSql): Promise<void> {
  await priceRefunds(tx);
  await live(tx);
  await writeRows(tx);
  await writeEvents(tx);
  await writeLedger(tx);
  await writeShipments(tx);
}

/**
 * `given_back`: what is refunded, by its parts. One unit of the first line with its duty and tax (but not the tax on its
 * shipping), all of the order, or what was paid for one that was cancelled.
 */
async function priceRefunds(tx: postgres.TransactionSql): Promise<void> {
  await tx`drop table if exists given_back`;
  await tx`
    create temp table given_back on commit drop as
    select *, case refund when 'owed' then total_price else goods + shipping + duty + tax end as amount
    from (
      select d.id, d.refund, d.total_price,
             case d.refund when 'owed' then 0 when 'all' then d.subtotal
               else pg_temp.half_even(l.line_total, l.quantity) end as goods,
             case d.refund when 'all' then d.shipping_total else 0 end as shipping,
             case d.refund when 'owed' then 0 when 'all' then d.duty_total
               else pg_temp.half_even(l.duty_amount, l.quantity) end as duty,
             case d.refund when 'owed' then 0 when 'all' then d.tax_total
               else pg_temp.half_even(l.tax_amount - l.shipping_tax_amount, l.quantity) end as tax
      from draft d join drafted l on l.id = d.id and l.line = 1
      where d.refund is not null
    ) parts`;
  await tx`analyze given_back`;
}

/**
 * `lived`: a row for each event of an order, with what could change of it as it was then (`state`) and before (`past`).
 * The turns: created, processed, authorised, paid, being packed, shipped, delivered, ended, returned, refunded. Orders that
 * are still to be paid have no time limit: no worker is to expire them.
 */
async function live(tx: postgres.TransactionSql): Promise<void> {
  await tx`drop table if exists lived`;
  await tx`
    create temp table lived on commit drop as
    select id, at, type, actor, state, lag(state) over life as past, version,
           row_number() over life as sequence, count(*) over (partition by id) as sequences
    from (
      select id, at, turn, type, actor, (count(*) filter (where turn <> 2) over life)::int as version, jsonb_build_object(
        'status', status, 'payment_status', case
          when paid = 0 then case when authorised > 0 then 'AUTHORISED' else 'UNPAID' end
          when refunded = paid then 'REFUNDED' when refunded > 0 then 'PARTIALLY_REFUNDED' else 'PAID' end,
        'fulfilment_status', case
          when returned > 0 then 'PARTIALLY_RETURNED' when delivered > 0 then 'DELIVERED' when shipped > 0 then 'SHIPPED'
          else 'UNFULFILLED' end,
        'amount_authorised', authorised, 'amount_paid', paid, 'amount_refunded', refunded, 'amount_due', due,
        'units_shipped', shipped, 'units_delivered', delivered, 'units_returned', returned,
        'expires_at', case when slot = 7 then null when turn >= 3 and charge = 'manual' then at + interval '7 days'
                           else at + interval '30 minutes' end,
        'cancelled_at', case when turn >= 8 and status = 'CANCELLED' then at end)
        || case when shipped > 0 then jsonb_build_object('shipped_units', lines) else '{}' end
        || case when returned > 0 then jsonb_build_object('returned_units', jsonb_build_array(
             lines -> 0 || jsonb_build_object('quantity', returned))) else '{}' end as state
      from (
        select *, case when is_over then refunded - paid else total_price - paid end as due, case
          when is_over then ended when refunded > 0 and refunded = paid then 'REFUNDED'
          when delivered > 0 then 'DELIVERED' when shipped > 0 then 'SHIPPED' when turn >= 5 and is_processing then 'PROCESSING'
          when paid > 0 then 'PAID' else 'PENDING' end as status
        from (
          select d.id, d.at, d.slot, d.charge, d.total_price, step.*, d.status as ended,
                 case when turn = 2 or turn >= 5 or (turn = 4 and d.charge is null) then 'system:bench' else d.actor end as actor,
                 d.status in ('SHIPPED', 'DELIVERED', 'PROCESSING') as is_processing,
                 turn >= 8 and d.status in ('CANCELLED', 'EXPIRED') as is_over,
                 case when turn = 3 then d.total_price else 0 end as authorised,
                 case when turn >= 4 and is_paid then d.total_price else 0 end as paid,
                 case when turn >= 6 and is_shipped then units else 0 end as shipped,
                 case when turn >= 7 and d.status = 'DELIVERED' then units else 0 end as delivered,
                 case when turn >= 9 then units_returned else 0 end as returned,
                 case when turn = 10 then g.amount else 0 end as refunded, lines
          from draft d
          join (
            select id, jsonb_agg(jsonb_build_object('line', line, 'sku', sku, 'quantity', quantity) order by line) as lines
            from drafted group by id
          ) all_units on all_units.id = d.id
          left join given_back g on g.id = d.id and g.refund <> 'refused'
          join (values (1, 'order.created'), (2, 'order.processed'), (3, 'order.updated'), (4, 'order.updated'),
                       (5, 'order.updated'), (6, 'order.updated'), (7, 'order.updated'), (8, 'order.cancelled'),
                       (8, 'order.expired'), (9, 'order.updated'), (10, 'order.updated')) as step (turn, type)
            on case turn
              when 3 then d.charge = 'manual' when 4 then is_paid
              when 5 then d.status in ('PROCESSING', 'SHIPPED', 'DELIVERED') when 6 then is_shipped
              when 7 then d.status = 'DELIVERED' when 8 then type = 'order.' || lower(d.status)
              when 9 then units_returned > 0 when 10 then g.id is not null else true end
        ) moved
      ) reckoned
      window life as (partition by id order by turn)
    ) stated
    window life as (partition by id order by turn)`;
  await tx`analyze lived`;
}

async function writeRows(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into orders (id, number, user_id, status, payment_status, fulfilment_status, currency, coupon_code, discount_total,
                        subtotal, shipping_total, duty_total, tax_total, total_price, amount_authorised, amount_paid,
                        amount_refunded, amount_due, units, units_shipped, units_delivered, units_returned, quote_id,
                        incoterm, shipping_option, version, ship_to, placed_by, placed_at, created_at, updated_at, expires_at, cancelled_at)
    select d.id, d.number, d.user_id, now.status, now.payment_status, now.fulfilment_status, 'EUR', d.coupon_code,
           d.discount_total, d.subtotal, d.shipping_total, d.duty_total, d.tax_total, d.total_price,
           now.amount_authorised, now.amount_paid, now.amount_refunded, now.amount_due, d.units, now.units_shipped,
           now.units_delivered, now.units_returned, d.quote_id, case when d.shipping_option is not null then 'DDP' end, d.shipping_option, l.version,
           case when d.shipping_option is null
             then '{"name":"Ada Lovelace","lines":["Hauptstr. 1"],"city":"Berlin","postal_code":"10115","country":"DE"}'
             else '{"name":"Ada Lovelace","lines":["1 High St"],"city":"London","postal_code":"N1 9GU","country":"GB"}'
           end::jsonb, d.actor, d.at, d.at, d.at, now.expires_at, now.cancelled_at
    from draft d join lived l on l.id = d.id and l.sequence = l.sequences,
         jsonb_to_record(l.state) as now (
           status text, payment_status text, fulfilment_status text, amount_authorised bigint, amount_paid bigint,
           amount_refunded bigint, amount_due bigint, units_shipped int, units_delivered int, units_returned int,
           expires_at timestamptz, cancelled_at timestamptz)
    order by d.id`;
  await tx`
    insert into order_items (order_id, line, product_id, sku, name, quantity, unit_price, discount_amount, line_total,
                             shipping_amount, duty_amount, tax_amount, shipping_tax_amount, hs_code, country_of_origin,
                             weight_grams, shipped, returned)
    select l.id, line, product_id, sku, name, quantity, amount, discount_amount, line_total, shipping_amount, duty_amount,
           tax_amount, shipping_tax_amount, hs_code, country_of_origin, weight_grams,
           case when d.is_shipped then quantity else 0 end,
           case when line = 1 then d.units_returned else 0 end
    from drafted l join draft d on d.id = l.id order by l.id, line`;
  await tx`
    insert into idempotency_keys (actor, route, key, request_hash, order_id, created_at, expires_at)
    select actor, case when cart_id is null then 'POST /v1/orders' else 'POST /v1/carts/{id}/checkout' end, salt,
           md5(salt) || salt, id, at, at + interval '24 hours'
    from draft where at > now() - interval '24 hours'`;
}

/** Each with the header as it was then. */
async function writeEvents(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select l.type, 1, 'order', o.id::text, l.sequence, o.user_id, l.actor,
           case l.type
             when 'order.processed' then jsonb_build_object(
               'order_id', o.id, 'number', header->'number', 'user_id', o.user_id, 'total_price', header->'total_price',
               'currency', header->'currency', 'units', header->'units')
             when 'order.created' then header || (l.state || jsonb_build_object('version', 1, 'items', (
               select jsonb_agg((to_jsonb(item) - 'order_id') || '{"shipped":0,"returned":0}' order by item.line)
               from order_items item where item.order_id = o.id)))
             else header || (l.state || jsonb_build_object('version', l.version, 'changes', (
               -- What the state before lacks are units of which there were none.
               select jsonb_object_agg(key, jsonb_build_object('from', coalesce(l.past->key, '[]'), 'to', value))
               from jsonb_each(l.state) where value <> coalesce(l.past->key, '[]'))))
           end,
           l.at
    from lived l
    -- Once for all events of an order: OFFSET 0 keeps the planner from making it anew for each.
    join (select id, user_id, to_jsonb(orders) as header from orders where id in (select id from draft) offset 0) o
      on o.id = l.id
    order by o.id, l.sequence`;
}

async function writeLedger(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into ledger (order_id, kind, currency, receivable, cash_at_provider, revenue, shipping, duty, tax, refunds,
                        payment_id, refund_id, reason, actor, occurred_at)
    select d.id, entry.kind, 'EUR', entry.receivable, entry.cash, entry.revenue, entry.shipping, entry.duty, entry.tax,
           entry.refunds, case when kind in ('capture', 'refund') then d.payment_id end,
           case kind when 'refund' then d.refund_id end, case kind when 'refund' then 'Bench' end,
           case when kind = 'sale' or (kind = 'capture' and d.payment_id is not null) then d.actor else 'system:bench' end, d.at
    from draft d left join given_back g on g.id = d.id
    cross join lateral (values
      (1, 'sale', true, d.total_price, 0, -d.subtotal, -d.shipping_total, -d.duty_total, -d.tax_total, 0),
      (2, 'capture', d.is_paid, -d.total_price, d.total_price, 0, 0, 0, 0, 0),
      (3, 'cancellation', d.status in ('CANCELLED', 'EXPIRED'), -d.total_price, 0, d.subtotal, d.shipping_total, d.duty_total,
       d.tax_total, 0),
      (4, 'refund', g.refund <> 'refused', case g.refund when 'owed' then g.amount else 0 end, -g.amount, 0, g.shipping,
       g.duty, g.tax, g.goods)
    ) as entry (turn, kind, happened, receivable, cash, revenue, shipping, duty, tax, refunds)
    where happened
    order by d.id, turn`;
}

/** One shipment of all that the order has; it has the order's id. */
async function writeShipments(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into shipments (id, order_id, status, carrier, actor, version, shipped_at, delivered_at, updated_at)
    select id, id, lower(status), 'DHL', 'system:bench', case status when 'DELIVERED' then 2 else 1 end, at,
           case status when 'DELIVERED' then at end, at
    from draft where is_shipped order by id`;
  await tx`
    insert into shipment_items (shipment_id, line, quantity)
    select l.id, line, quantity from drafted l join draft d on d.id = l.id where d.is_shipped order by l.id, line`;
  await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select step.type, 1, 'shipment', s.id::text, sequence, d.user_id, s.actor,
           to_jsonb(s) - 'actor' || jsonb_build_object('items', items.list, 'version', sequence) ||
           case sequence when 1 then '{"status":"shipped","delivered_at":null}'
             else jsonb_build_object('changes', jsonb_build_object(
               'status', jsonb_build_object('from', 'shipped', 'to', 'delivered'),
               'delivered_at', jsonb_build_object('from', null, 'to', s.delivered_at))) end,
           d.at
    from draft d join shipments s on s.id = d.id
    join (
      select id, jsonb_agg(jsonb_build_object('line', line, 'quantity', quantity) order by line) as list
      from drafted group by id
    ) items on items.id = s.order_id
    join (values (1, 'shipment.created'), (2, 'shipment.updated')) as step (sequence, type) on sequence <= s.version
    order by s.id, sequence`;
}

import type { Invariant } from "./invariant.ts";

const common = { severity: "broken", table: "orders" } as const;

/** What must hold of orders: sums, units, and the statuses that follow from them (docs/architecture.md). */
export const ORDER_INVARIANTS: readonly Invariant[] = [
  {
    ...common,
    table: "order_items",
    name: "line_totals_are_price_times_quantity",
    holds: "A line's total is its unit price times its quantity, less its discount.",
    broken: (sql) =>
      sql`
      select order_id::text as id, format('line %s: %s', line, line_total) as what
      from order_items where line_total <> unit_price * quantity - discount_amount`,
  },
  {
    ...common,
    name: "order_totals_are_their_parts",
    holds: "An order's total is subtotal, shipping, duty and tax.",
    broken: (sql) =>
      sql`
      select id::text, format('%s: total %s', number, total_price) as what
      from orders where total_price <> subtotal + shipping_total + duty_total + tax_total`,
  },
  {
    ...common,
    name: "orders_are_sums_of_their_lines",
    holds:
      "An order's discount, subtotal, shipping, duty, tax, units that are not cancelled, and units shipped and returned are " +
      "the sums of its lines'.",
    isFinelyGrouped: true,
    // Summed and not joined: to join the sums would hash them all.
    broken: (sql) =>
      sql`
      select order_id::text as id,
             format('%s of subtotal and %s units more than its %s lines', sum(goods), sum(units), count(*) - count(is_order)) as what
      from (
        select id as order_id, true as is_order, discount_total as discount, subtotal as goods, shipping_total as shipping,
               duty_total as duty, tax_total as tax, units, units_shipped as shipped, units_returned as returned
        from orders
        union all
        select order_id, null, -discount_amount, -line_total, -shipping_amount, -duty_amount, -tax_amount,
               cancelled - quantity, -shipped, -returned
        from order_items
      ) both_sides
      group by order_id
      having count(is_order) = 0 or count(*) = 1 or sum(discount) <> 0 or sum(goods) <> 0 or sum(shipping) <> 0
        or sum(duty) <> 0 or sum(tax) <> 0 or sum(units) <> 0 or sum(shipped) <> 0 or sum(returned) <> 0`,
  },
  {
    ...common,
    table: "order_items",
    name: "shipped_lines_are_in_shipments",
    isFinelyGrouped: true,
    holds: "What a line says was shipped is in the order's shipments that are not cancelled.",
    broken: (sql) =>
      sql`
      select order_id::text as id, format('line %s: %s more units shipped than sent', line, sum(units)) as what
      from (
        select order_id, line, shipped as units from order_items where shipped <> 0
        union all
        select s.order_id, i.line, -i.quantity from shipment_items i join shipments s on s.id = i.shipment_id
        where s.status <> 'cancelled'
      ) both_sides
      group by order_id, line having sum(units) <> 0`,
  },
  {
    ...common,
    name: "delivered_units_are_in_shipments",
    isFinelyGrouped: true,
    holds: "An order's delivered units are those of its delivered shipments.",
    broken: (sql) =>
      sql`
      select order_id::text as id, format('%s more units delivered than arrived', sum(units)) as what
      from (
        select id as order_id, units_delivered as units from orders where units_delivered <> 0
        union all
        select s.order_id, -i.quantity from shipment_items i join shipments s on s.id = i.shipment_id
        where s.status = 'delivered'
      ) both_sides
      group by order_id having sum(units) <> 0`,
  },
  {
    ...common,
    table: "order_items",
    name: "returned_lines_are_in_returns",
    holds: "What a line says was returned was received, and restocked or written off.",
    broken: (sql) =>
      sql`
      select order_id::text as id, format('line %s: %s more units returned than received', line, sum(units)) as what
      from (
        select order_id, line, returned as units from order_items where returned <> 0
        union all
        select r.order_id, i.line, -(i.restocked + i.written_off) from return_items i join returns r on r.id = i.return_id
        where r.status in ('received', 'refunded')
      ) both_sides
      group by order_id, line having sum(units) <> 0`,
  },
  {
    ...common,
    table: "order_items",
    name: "cancelled_lines_were_refunded",
    holds:
      "Cancelled units of a line were refunded, and of a line of which units are still to be sent all that were refunded " +
      "without a return are cancelled.",
    broken: (sql) =>
      sql`
      select order_id::text as id,
             format('line %s: %s units cancelled, %s refunded', line, sum(cancelled), sum(refunded)) as what
      from (
        select order_id, line, cancelled, 0 as refunded from order_items where cancelled <> 0
        union all
        select r.order_id, item.line, 0, item.quantity
        from refunds r, jsonb_to_recordset(r.items) as item (line smallint, quantity int)
        where r.status = 'succeeded' and r.return_id is null
      ) both_sides
      group by order_id, line
      having sum(cancelled) > sum(refunded) or (sum(cancelled) < sum(refunded) and exists (
        select from order_items i join orders o on o.id = i.order_id
        where i.order_id = both_sides.order_id and i.line = both_sides.line and i.quantity > i.cancelled + i.shipped
          and o.status in ('PENDING', 'PAID', 'PROCESSING')))`,
  },
  {
    ...common,
    table: "order_items",
    name: "lines_are_refunded_once",
    holds:
      "No more units of a line were refunded, or are being refunded, than were sold; those of returns are among them.",
    // Few lines are refunded: they are summed before they are looked for among all.
    broken: (sql) =>
      sql`
      select refunded.order_id::text as id,
             format('line %s: %s units refunded of %s', refunded.line, refunded.units, coalesce(i.quantity, 0)) as what
      from (
        select r.order_id, item.line, sum(item.quantity) as units
        from refunds r, jsonb_to_recordset(r.items) as item (line smallint, quantity int)
        where r.status <> 'failed' group by r.order_id, item.line
      ) refunded
      left join order_items i on i.order_id = refunded.order_id and i.line = refunded.line
      where refunded.units > coalesce(i.quantity, 0)`,
  },
  {
    ...common,
    name: "order_status_follows",
    holds:
      "An order's status is what its money and its goods make it; only ending and beginning it are decisions.",
    broken: (sql) =>
      sql`
      select id::text, format('%s is %s', number, status) as what from orders
      where status not in ('CANCELLED', 'EXPIRED') and case
        when amount_paid > 0 and amount_refunded = amount_paid and amount_due <= 0 then status <> 'REFUNDED'
        -- Final: money that arrives afterwards goes back again.
        when status = 'REFUNDED' then amount_due > 0 or amount_refunded = 0 and units > 0
        when units = 0 then status <> case when amount_due <= 0 then 'REFUNDED' else 'PENDING' end
        when units_delivered = units then status <> 'DELIVERED'
        when units_shipped = units then status <> 'SHIPPED'
        when units_shipped > 0 then status <> 'PROCESSING'
        when amount_due <= 0 then status not in ('PAID', 'PROCESSING')
        else status <> 'PENDING' end`,
  },
  {
    ...common,
    severity: "warning",
    name: "orders_expire_in_time",
    holds:
      "No order is PENDING ten minutes after its time to pay was over. (Does a worker run? What does its log say?)",
    broken: (sql, now) =>
      sql`
      select id::text, format('%s: expired at %s', number, expires_at) as what from orders
      where status = 'PENDING' and expires_at < ${now}::timestamptz - interval '10 minutes'`,
  },
  {
    ...common,
    name: "order_payment_status_follows",
    holds: "An order's payment status is what was authorised, paid, refunded and is due.",
    broken: (sql) =>
      sql`
      select id::text, format('%s is %s', number, payment_status) as what from orders
      where payment_status <> case
        when amount_paid = 0 and total_price = 0 then 'PAID'
        when amount_paid = 0 and amount_authorised > 0 then 'AUTHORISED'
        when amount_paid = 0 then 'UNPAID'
        when amount_refunded = amount_paid then 'REFUNDED'
        when amount_due > 0 then 'PARTIALLY_PAID'
        when amount_paid - amount_refunded >= total_price then 'PAID'
        when amount_refunded > 0 then 'PARTIALLY_REFUNDED'
        else 'PARTIALLY_PAID' end`,
  },
  {
    ...common,
    name: "order_fulfilment_status_follows",
    holds: "An order's fulfilment status is what was shipped, delivered and returned of its units.",
    broken: (sql) =>
      sql`
      select id::text, format('%s is %s', number, fulfilment_status) as what from orders
      where fulfilment_status <> case
        when units_shipped = 0 then 'UNFULFILLED'
        when units_returned = units then 'RETURNED'
        when units_returned > 0 then 'PARTIALLY_RETURNED'
        when units_delivered = units then 'DELIVERED'
        when units_shipped = units then 'SHIPPED'
        else 'PARTIALLY_SHIPPED' end`,
  },
  {
    ...common,
    table: "quotes",
    name: "used_quotes_are_orders",
    holds: "A quote is used exactly when there is the one order that took it.",
    broken: (sql) =>
      sql`
      select coalesce(q.id, o.quote_id)::text as id,
             format('quote %s for order %s, order %s', q.status, q.order_id, o.id) as what
      from (select * from quotes where status = 'used' or order_id is not null) q
      full join (select id, quote_id from orders where quote_id is not null) o on o.quote_id = q.id
      where (q.status, q.order_id) is distinct from ('used', o.id) or o.id is null`,
  },
  {
    ...common,
    table: "quotes",
    name: "orders_cost_what_was_quoted",
    holds: "An order of a quote has its coupon and costs what was quoted, in all of its parts.",
    // Joined by uuid, so that the orders are hashed and not the quotes' events.
    broken: (sql) =>
      sql`
      select o.id::text, format('%s: total %s, quoted %s', o.number, o.total_price, q.data->>'total_price') as what
      from orders o join events q on q.aggregate_type = 'quote' and q.aggregate_id::uuid = o.quote_id and q.sequence = 1
      where (o.currency, o.coupon_code, o.discount_total::text, o.subtotal::text, o.shipping_total::text, o.duty_total::text,
             o.tax_total::text, o.total_price::text)
        is distinct from (q.data->>'currency', q.data->>'coupon_code', coalesce(q.data->>'discount_total', '0'),
                          q.data->>'subtotal', q.data->>'shipping_total', q.data->>'duty_total', q.data->>'tax_total',
                          q.data->>'total_price')`,
  },
  {
    ...common,
    table: "quotes",
    name: "open_quotes_have_open_carts",
    holds: "The cart of an open quote is open.",
    broken: (sql) =>
      sql`
      select q.id::text, format('cart %s is %s', q.cart_id, coalesce(c.status, 'missing')) as what
      from quotes q left join carts c on c.id = q.cart_id
      where q.status = 'open' and c.status is distinct from 'open'`,
  },
  {
    ...common,
    severity: "warning",
    table: "quotes",
    name: "quotes_expire_in_time",
    holds: "No quote is open ten minutes after it expired. (Does a worker run?)",
    broken: (sql, now) =>
      sql`
      select id::text, format('expired at %s', expires_at) as what from quotes
      where status = 'open' and expires_at < ${now}::timestamptz - interval '10 minutes'`,
  },
  {
    ...common,
    table: "carts",
    name: "checked_out_carts_are_orders",
    holds: "A cart is checked out exactly when it became the order of one of its quotes.",
    broken: (sql) =>
      sql`
      select coalesce(c.id, o.cart_id)::text as id,
             format('cart %s for order %s, order %s', c.status, c.order_id, o.id) as what
      from (select * from carts where status = 'checked_out' or order_id is not null) c
      full join (
        select o.id, q.cart_id from orders o join quotes q on q.id = o.quote_id
      ) o on o.cart_id = c.id and o.id = c.order_id
      where (c.status, c.order_id) is distinct from ('checked_out', o.id) or o.id is null`,
  },
];

import type { Invariant } from "./invariant.ts";

const broken = { severity: "broken", table: "orders" } as const;
const warning = { severity: "warning" } as const;

/** What must not be left over, and what should not lie about for long. */
export const REFERENCE_INVARIANTS: readonly Invariant[] = [
  {
    ...broken,
    name: "nothing_is_without_its_order",
    isFinelyGrouped: true,
    holds: "Whatever belongs to an order has one: lines, stock movements, shipments, payments and the rest.",
    broken: (sql) =>
      sql`
      select order_id::text as id, kind as what
      from (
        select order_id, 'stock_movements' as kind from stock_movements where order_id is not null
        union all select order_id, 'order_items' from order_items
        union all select order_id, 'shipments' from shipments
        union all select order_id, 'payments' from payments
        union all select order_id, 'refunds' from refunds
        union all select order_id, 'returns' from returns
        union all select order_id, 'consignees' from consignees
        union all select order_id, 'notifications' from notifications
      ) part
      where not exists (select from orders o where o.id = part.order_id)`,
  },
  {
    ...broken,
    name: "nothing_is_without_its_whole",
    holds:
      "Lines of shipments and returns are lines of their orders, captures have payments, quotes have carts, uses of coupons " +
      "have quotes.",
    broken: (sql) =>
      sql`
      select i.shipment_id::text as id, format('shipment without line %s', i.line) as what
      from shipment_items i left join shipments s on s.id = i.shipment_id
      where not exists (select from order_items o where o.order_id = s.order_id and o.line = i.line)
      union all
      select i.return_id::text, format('return without line %s', i.line)
      from return_items i left join returns r on r.id = i.return_id
      where not exists (select from order_items o where o.order_id = r.order_id and o.line = i.line)
      union all
      select id::text, 'capture without payment' from captures c
      where not exists (select from payments where id = c.payment_id)
      union all
      select id::text, 'refund without payment' from refunds r
      where payment_id is not null and not exists (select from payments where id = r.payment_id)
      union all
      select id::text, 'quote without cart' from quotes q
      where not exists (select from carts where id = q.cart_id)
      union all
      select quote_id::text, 'use of a coupon without quote' from promotion_redemptions r
      where quote_id is not null and not exists (select from quotes where id = r.quote_id)
      union all
      select quote_id::text, 'stock movement without quote' from stock_movements m
      where quote_id is not null and not exists (select from quotes where id = m.quote_id)`,
  },
  {
    ...broken,
    name: "order_references_are_claimed",
    holds:
      "An order's external reference is claimed for it, and no reference for an order that does not have it.",
    broken: (sql) =>
      sql`
      select coalesce(o.id, r.order_id)::text as id, coalesce(o.external_reference, r.external_reference) as what
      from (select id, external_reference from orders where external_reference is not null) o
      full join order_references r on r.order_id = o.id and r.external_reference = o.external_reference
      where o.id is null or r.order_id is null`,
  },
  {
    ...broken,
    table: "idempotency_keys",
    name: "idempotency_keys_have_their_order",
    holds: "The order that a key's answer is kept in is there.",
    broken: (sql) =>
      sql`
      select k.order_id::text as id, format('key %s of %s', k.key, k.actor) as what from idempotency_keys k
      where k.order_id is not null and not exists (select from orders o where o.id = k.order_id)`,
  },
  {
    ...warning,
    table: "outbox",
    name: "no_event_was_given_up",
    holds: "Kafka took every event. (See `deno task outbox list`.)",
    broken: (sql) =>
      sql`
      select position::text as id, format('%s attempts: %s', attempts, error) as what from outbox where status = 'dead'`,
  },
  {
    ...warning,
    table: "outbox",
    name: "no_event_waits_for_kafka",
    holds: "No event has waited for Kafka for over an hour.",
    broken: (sql, now) =>
      sql`
      select position::text as id, format('since %s, %s attempts: %s', created_at, attempts, error) as what from outbox
      where status = 'held' and created_at < ${now}::timestamptz - interval '1 hour'`,
  },
  {
    ...warning,
    table: "log_readers",
    name: "no_reader_of_the_log_is_behind",
    holds: "No reader of the log is an hour behind. (Does a worker run? Kafka counts once it was used.)",
    broken: (sql, now) =>
      sql`
      select r.name || ' ' || r.shard as id, format('at %s, next event of %s', r.position, e.occurred_at) as what
      from log_readers r join lateral (
        select occurred_at from events where position > r.position order by position limit 1
      ) e on e.occurred_at < ${now}::timestamptz - interval '1 hour'
      where exists (select from log_readers other where other.name = r.name and other.position > 0)
        or r.name <> 'kafka'`,
  },
  {
    ...warning,
    table: "payment_webhooks",
    name: "no_payment_webhook_waits",
    holds: "What providers told us was worked on within an hour.",
    broken: (sql, now) =>
      sql`
      select provider || ' ' || event_id as id, format('received at %s', received_at) as what from payment_webhooks
      where processed_at is null and received_at < ${now}::timestamptz - interval '1 hour'`,
  },
  {
    ...warning,
    table: "payments",
    name: "no_payment_is_in_doubt",
    holds: "What became of each payment was found out within an hour.",
    broken: (sql, now) =>
      sql`
      select id::text, format('%s, in doubt since %s', status, check_at) as what from payments
      where check_at < ${now}::timestamptz - interval '1 hour'`,
  },
  {
    ...warning,
    table: "orders",
    name: "no_order_owes_money",
    holds:
      "What payments could give back of what is owed to a customer is on its way within ten minutes. (A refund that " +
      "failed is for staff to ask for again; what they recorded as paid they give back themselves.)",
    broken: (sql, now) =>
      sql`
      select o.id::text, format('%s: %s owed, %s on its way', o.number, -o.amount_due, held.refunding) as what
      from orders o cross join lateral (
        select sum(greatest(amount_captured - amount_refunded - amount_refunding - amount_disputed, 0)) as left,
               sum(amount_refunding) as refunding
        from payments where order_id = o.id and provider <> 'manual'
      ) held
      where o.amount_due < 0 and o.updated_at < ${now}::timestamptz - interval '10 minutes'
        and held.left > 0 and -o.amount_due > held.refunding`,
  },
  {
    ...warning,
    table: "refunds",
    name: "no_refund_waits",
    holds: "Every refund succeeded or failed within a day.",
    broken: (sql, now) =>
      sql`
      select id::text, format('%s attempts since %s', attempts, created_at) as what from refunds
      where status = 'pending' and created_at < ${now}::timestamptz - interval '24 hours'`,
  },
];

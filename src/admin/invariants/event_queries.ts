import type { Fragment, Sql, Tx } from "../../platform/db.ts";
import { chained } from "../../events/mod.ts";
import type { Invariant } from "./invariant.ts";

const common = { severity: "broken", table: "events" } as const;

/** Everything whose life the log tells from its beginning. Shipments from before there were any were never told of. */
const things = (sql: Sql | Tx): Fragment =>
  sql`
    select 'order' as kind, id::text as id from orders
    union all select 'shipment', id::text from shipments where actor <> 'system:migration'
    union all select 'cart', id::text from carts
    union all select 'quote', id::text from quotes
    union all select 'payment', id::text from payments
    union all select 'refund', id::text from refunds
    union all select 'return', id::text from returns`;

/** What must hold of the log. */
export const EVENT_INVARIANTS: readonly Invariant[] = [
  {
    ...common,
    table: "event_seals",
    name: "sealed_events_are_as_they_were",
    holds:
      "The events of the 20 latest seals, and of 20 others taken at random, are those that were sealed, none more and none less.",
    broken: (sql) =>
      sql`
      select s.position::text as id,
             format('the events after %s up to %s are not those that were sealed', s.since, s.position) as what
      from (
        (select * from event_seals order by position desc limit 20)
        union
        (select * from event_seals order by random() limit 20)
      ) s
      left join event_seals before on before.position = s.since
      cross join lateral (
        select count(*) as events, ${chained(sql, sql`before.hash`)} as hash
        from events e where e.position > s.since and e.position <= s.position
      ) found
      where (found.events, found.hash) is distinct from (s.events::bigint, s.hash)
        or (s.since > 0 and before.position is null)`,
  },
  {
    ...common,
    name: "events_have_no_gap",
    isFinelyGrouped: true,
    holds:
      "The events of each thing count 1, 2, 3 … (What was there before the log, stock and shipments, was not told of.)",
    broken: (sql) =>
      sql`
      select aggregate_type || ' ' || aggregate_id as id,
             format('%s events from %s to %s', count(*), min(sequence), max(sequence)) as what
      from events group by aggregate_type, aggregate_id
      having max(sequence) - min(sequence) + 1 <> count(*)
        or min(sequence) > case when aggregate_type in ('inventory', 'shipment') then 2 else 1 end`,
  },
  {
    ...common,
    name: "the_log_begins_with_everything",
    holds:
      "Every order, shipment, cart, quote, payment, refund and return has its first event, and the log tells of no others.",
    broken: (sql) =>
      sql`
      select coalesce(thing.kind, e.aggregate_type) || ' ' || coalesce(thing.id, e.aggregate_id) as id,
             case when e.aggregate_id is null then 'no first event' else 'told, but not there' end as what
      from (${things(sql)}) thing
      full join (
        select aggregate_type, aggregate_id from events
        where sequence = 1 and aggregate_type in ('order', 'shipment', 'cart', 'quote', 'payment', 'refund', 'return')
      ) e on e.aggregate_id = thing.id and e.aggregate_type = thing.kind
      where e.aggregate_id is null or thing.id is null`,
  },
  {
    ...common,
    table: "orders",
    name: "orders_are_their_last_event",
    holds: "One event of an order tells its version, with its statuses, and none tells a later one.",
    // Each order counts 1, its telling event -1; only what is narrow is grouped. Joined by uuid, of which the planner knows
    // that it is unique: it hashes the orders then, and not gigabytes of events. What an order begins with is version 1,
    // and large: it is opened for orders alone that are still so.
    broken: (sql) => {
      const version = sql`case e.type when 'order.created' then 1 else (e.data->>'version')::int end`;
      return sql`
      select id::text, 'the log does not end with its version and statuses' as what
      from (
        select id, 1 as count from orders
        union all
        select o.id, case when ${version} > o.version then 1 else -1 end
        from orders o join events e on e.aggregate_type = 'order' and e.aggregate_id::uuid = o.id
        where e.type <> 'order.processed' and case
          when ${version} = o.version then (o.status, o.payment_status, o.fulfilment_status) =
            (e.data->>'status', e.data->>'payment_status', e.data->>'fulfilment_status')
          else ${version} > o.version end
      ) told
      group by id having sum(count) <> 0`;
    },
  },
];

import type { Invariant } from "./invariant.ts";

const common = { severity: "broken", table: "stock_movements" } as const;

/** What must hold of stock: levels, movements, and what orders and quotes hold. */
export const STOCK_INVARIANTS: readonly Invariant[] = [
  {
    ...common,
    name: "stock_levels_are_sums_of_movements",
    holds: "Every level is the sum of its movements.",
    broken: (sql) =>
      sql`
      select sku || '@' || location as id,
             format('level %s/%s, movements %s/%s (on hand/reserved)', l.on_hand, l.reserved, m.on_hand, m.reserved) as what
      from stock_levels l full join (
        select sku, location, sum(on_hand_delta) as on_hand, sum(reserved_delta) as reserved
        from stock_movements group by sku, location
      ) m using (sku, location)
      where (l.on_hand, l.reserved) is distinct from (coalesce(m.on_hand, 0), coalesce(m.reserved, 0))`,
  },
  {
    ...common,
    table: "stock_levels",
    name: "stock_is_never_negative",
    holds: "No level is negative, and none holds more than there is.",
    broken: (sql) =>
      sql`
      select sku || '@' || location as id, format('on hand %s, reserved %s', on_hand, reserved) as what
      from stock_levels where on_hand < 0 or reserved < 0 or reserved > on_hand`,
  },
  {
    ...common,
    table: "stock_levels",
    name: "reserved_stock_is_wanted",
    holds: "What is reserved of a SKU is what open orders have still to get and what open quotes hold.",
    broken: (sql) =>
      sql`
      select sku as id, format('reserved %s, wanted %s', coalesce(sum(reserved), 0), coalesce(sum(wanted), 0)) as what
      from (
        select sku, reserved, 0 as wanted from stock_levels
        union all
        select i.sku, 0, i.quantity - i.cancelled - i.shipped from order_items i join orders o on o.id = i.order_id
        where o.status in ('PENDING', 'PAID', 'PROCESSING')
        union all
        select line.sku, 0, line.quantity
        from quotes q join events e on e.aggregate_type = 'quote' and e.aggregate_id = q.id::text and e.sequence = 1,
             jsonb_to_recordset(e.data->'lines') as line (sku text, quantity int)
        where q.status = 'open'
      ) both_sides
      group by sku having sum(reserved) <> sum(wanted)`,
  },
  {
    ...common,
    name: "orders_move_the_stock_of_their_lines",
    isFinelyGrouped: true,
    holds:
      "By its movements and its quote's, an order holds what it has still to get; what was shipped left the shelves, and what was restocked is there again.",
    broken: (sql) =>
      sql`
      select order_id::text as id,
             format('%s: %s units too many are held, %s shipped too few, %s restocked too many', sku, sum(held), sum(shipped),
                    sum(restocked)) as what
      from (
        select coalesce(m.order_id, q.order_id) as order_id, m.sku, m.reserved_delta as held,
               case when m.kind in ('shipment', 'shipment_cancelled') then -m.on_hand_delta else 0 end as shipped,
               case m.kind when 'return' then m.on_hand_delta else 0 end as restocked
        from stock_movements m left join quotes q on q.id = m.quote_id and m.order_id is null
        where coalesce(m.order_id, q.order_id) is not null
        union all
        select i.order_id, i.sku,
               case when o.status in ('PENDING', 'PAID', 'PROCESSING') then i.shipped + i.cancelled - i.quantity else 0 end,
               -i.shipped, 0
        from order_items i join orders o on o.id = i.order_id
        union all
        select r.order_id, i.sku, 0, 0, -b.restocked
        from return_items b join returns r on r.id = b.return_id
          join order_items i on i.order_id = r.order_id and i.line = b.line
      ) both_sides
      group by order_id, sku having sum(held) <> 0 or sum(shipped) <> 0 or sum(restocked) <> 0`,
  },
  {
    ...common,
    name: "quotes_hold_their_lines",
    holds:
      "An open quote holds the stock of its lines, and one that expired or was superseded holds nothing.",
    broken: (sql) =>
      sql`
      select quote_id::text as id, format('%s: %s units too many are held', sku, sum(units)) as what
      from (
        select q.id as quote_id, m.sku, m.reserved_delta as units
        from stock_movements m join quotes q on q.id = m.quote_id
        where m.quote_id is not null and q.status <> 'used'
        union all
        select q.id, line.sku, -line.quantity
        from quotes q join events e on e.aggregate_type = 'quote' and e.aggregate_id = q.id::text and e.sequence = 1,
             jsonb_to_recordset(e.data->'lines') as line (sku text, quantity int)
        where q.status = 'open'
      ) both_sides
      group by quote_id, sku having sum(units) <> 0`,
  },
  {
    ...common,
    name: "movement_versions_have_no_gap",
    holds: "Each version of a level was made by one movement, or by a change of its threshold.",
    broken: (sql) =>
      sql`
      select l.sku || '@' || l.location as id,
             format('version %s, %s movements up to %s', l.version, coalesce(m.count, 0), m.last) as what
      from stock_levels l left join (
        select sku, location, count(*) as count, max(version) as last from stock_movements group by sku, location
      ) m using (sku, location)
      where coalesce(m.last, 0) > l.version or coalesce(m.count, 0) > l.version
        or case when coalesce(m.count, 0) < l.version then l.version - coalesce(m.count, 0) <> (
          select count(*) from events
          where aggregate_type = 'inventory' and aggregate_id = l.sku || '@' || l.location
            and data->>'kind' = 'threshold')
        end`,
  },
  {
    ...common,
    name: "movements_are_as_the_log_tells",
    holds:
      "The event of each version of a level tells the movement that made it. (That there is one: see the log's own.)",
    // Joined by the movement's own columns, so that the movements are hashed and not the events.
    broken: (sql) =>
      sql`
      select m.sku || '@' || m.location as id, format('%s, version %s', m.kind, m.version) as what
      from stock_movements m join events e
        on e.aggregate_type = 'inventory' and split_part(e.aggregate_id, '@', 1) = m.sku
          and split_part(e.aggregate_id, '@', 2) = m.location and e.sequence = m.version
      where (e.data->>'kind', e.data->>'on_hand_delta', e.data->>'reserved_delta', e.data->>'order_id', e.data->>'quote_id')
        is distinct from (m.kind, m.on_hand_delta::text, m.reserved_delta::text, m.order_id::text, m.quote_id::text)`,
  },
  {
    ...common,
    table: "stock_levels",
    name: "levels_are_their_last_event",
    holds: "The last event of a level tells its version and its counts.",
    broken: (sql) =>
      sql`
      select l.sku || '@' || l.location as id,
             format('version %s with %s/%s, event %s with %s/%s', l.version, l.on_hand, l.reserved, e.sequence,
                    e.data->>'on_hand', e.data->>'reserved') as what
      from stock_levels l join lateral (
        select sequence, data from events
        where aggregate_type = 'inventory' and aggregate_id = l.sku || '@' || l.location
        order by sequence desc limit 1
      ) e on true
      where (e.sequence, e.data->>'on_hand', e.data->>'reserved')
        is distinct from (l.version, l.on_hand::text, l.reserved::text)`,
  },
];

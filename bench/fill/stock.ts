/** What the warehouse's books say of all this. */

import type postgres from "postgres";

/** Holds, releases, shipments and returns: movements, levels, and an event for each. */
export async function writeStock(tx: postgres.TransactionSql): Promise<void> {
  await tx`drop table if exists moves`;
  await tx`
    create temp table moves on commit drop as
    select *, sum(on_hand_delta) over turns as on_hand_moved, sum(reserved_delta) over turns as reserved_moved,
           row_number() over turns as nth
    from (
      select sku, move.at, turn, kind, quantity * on_hand as on_hand_delta, quantity * reserved as reserved_delta,
             order_id, move.quote_id, user_id, case when turn < 4 then actor else 'system:bench' end as actor
      from (
        select l.sku, l.line, l.quantity, v.*, d.status, d.is_shipped, d.units_returned
        from visit_lines l join visits v on v.id = l.id left join draft d on d.id = v.id
      ) line cross join lateral (values
        (1, 'reservation', earlier_quote_id is not null, cart_at, 0, 1, null::uuid, earlier_quote_id),
        (2, 'release', earlier_quote_id is not null, quote_at, 0, -1, null, earlier_quote_id),
        (3, 'reservation', quote_id is not null, quote_at, 0, 1, null, quote_id),
        (3, 'reservation', is_order and quote_id is null, at, 0, 1, id, null),
        (4, 'release', quote_status = 'expired', quote_at + interval '7 days', 0, -1, null, quote_id),
        (4, 'release', status in ('CANCELLED', 'EXPIRED', 'REFUNDED'), at, 0, -1, id, null),
        (4, 'shipment', is_shipped, at, -1, -1, id, null)
      ) as move (turn, kind, happened, at, on_hand, reserved, order_id, quote_id)
      where happened
      union all
      select l.sku, d.at, 5, 'return', 1, 0, d.id, null, d.user_id, 'system:bench'
      from draft d join drafted l on l.id = d.id and l.line = 1
      where d.units_returned = 1 and d.spin < 6
    ) happened
    window turns as (partition by sku order by at, coalesce(order_id, quote_id), turn rows unbounded preceding)`;
  await tx`analyze moves`;
  await tx`
    with moved as (
      update stock_levels s set on_hand = s.on_hand + m.on_hand, reserved = s.reserved + m.reserved,
        version = s.version + m.moves, updated_at = m.at
      from (select sku, sum(on_hand_delta) as on_hand, sum(reserved_delta) as reserved, count(*) as moves, max(at) as at
            from moves group by sku) m
      where s.sku = m.sku and s.location = 'default'
      returning s.sku, s.version - m.moves as before, s.on_hand - m.on_hand as on_hand_before,
                s.reserved - m.reserved as reserved_before
    ), movement as (
      insert into stock_movements (sku, location, kind, on_hand_delta, reserved_delta, version, order_id, quote_id, actor,
                                   created_at)
      select sku, 'default', kind, on_hand_delta, reserved_delta, before + nth, order_id, quote_id, actor, at
      from moves join moved using (sku)
      order by at, coalesce(order_id, quote_id), turn
    )
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select 'inventory.updated', 1, 'inventory', sku || '@default', before + nth, user_id, actor,
           jsonb_build_object(
             'sku', sku, 'location', 'default', 'on_hand', on_hand_before + on_hand_moved,
             'reserved', reserved_before + reserved_moved,
             'available', on_hand_before + on_hand_moved - reserved_before - reserved_moved,
             'low_stock_threshold', null, 'kind', kind, 'on_hand_delta', on_hand_delta, 'reserved_delta', reserved_delta,
             'order_id', order_id, 'quote_id', quote_id),
           at
    from moves join moved using (sku)
    order by at, coalesce(order_id, quote_id), turn`;
}

import type { Sql } from "../src/platform/db.ts";

/** A thing in the database that contradicts another. */
export interface Contradiction {
  wrong: string;
  what: string;
}

/**
 * Everything in the database that contradicts anything else: levels are the sums of their movements and hold what
 * open orders want, orders are the sums of their lines, and the log tells of every change once.
 */
export async function findContradictions(sql: Sql): Promise<Contradiction[]> {
  return await sql<Contradiction[]>`
    select 'level is not the sum of its movements' as wrong, l.sku as what from stock_levels l left join (
      select sku, sum(on_hand_delta) as on_hand, sum(reserved_delta) as reserved from stock_movements group by sku
    ) m using (sku) where (l.on_hand, l.reserved) is distinct from (coalesce(m.on_hand, 0), coalesce(m.reserved, 0))
    union all
    select 'reserved is not what open orders want', l.sku from stock_levels l left join (
      select i.sku, sum(i.quantity) as wanted from order_items i join orders o on o.id = i.order_id
      where o.status in ('PENDING', 'PAID', 'PROCESSING') group by i.sku
    ) w using (sku) where l.reserved <> coalesce(w.wanted, 0)
    union all
    select 'order moved other stock than its lines say', o.number from orders o
    join lateral (select sum(quantity) as units from order_items where order_id = o.id) i on true
    left join (
      select order_id, sum(reserved_delta) as reserved, sum(on_hand_delta) as shipped
      from stock_movements where order_id is not null group by order_id
    ) m on m.order_id = o.id
    where m.reserved is distinct from
        case when o.status in ('PENDING', 'PAID', 'PROCESSING') then i.units else 0 end
      or m.shipped is distinct from
        case when o.fulfilment_status = 'UNFULFILLED' then 0 else -i.units end
    union all
    select 'order is not the sum of its lines', o.number from orders o
    where o.total_price <> (select coalesce(sum(line_total), -1) from order_items where order_id = o.id)
    union all
    select 'log has a gap', o.number from orders o
    where array(select sequence from events where aggregate_type = 'order' and aggregate_id = o.id::text order by sequence)
      is distinct from array(select generate_series(1, (
        select count(*)::int from events where aggregate_type = 'order' and aggregate_id = o.id::text)))
    union all
    select 'log tells of an order that is not there', e.aggregate_id from events e
    where e.aggregate_type = 'order' and not exists (select from orders where id::text = e.aggregate_id)
    union all
    select 'movement without its event', m.sku || ' ' || m.version from stock_movements m
    where m.order_id is not null and not exists (
      select from events e where e.aggregate_type = 'inventory' and e.aggregate_id = m.sku || '@' || m.location
        and e.sequence = m.version and e.data->>'on_hand_delta' = m.on_hand_delta::text
        and e.data->>'reserved_delta' = m.reserved_delta::text and e.data->>'order_id' = m.order_id::text)
    union all
    select 'last event is not the level', l.sku from stock_levels l join lateral (
      select data from events where aggregate_type = 'inventory' and aggregate_id = l.sku || '@' || l.location
      order by sequence desc limit 1
    ) e on true where (e.data->>'on_hand', e.data->>'reserved') <> (l.on_hand::text, l.reserved::text)
    union all
    select 'key without its order', k.key from idempotency_keys k
    where k.order_id is not null and not exists (select from orders where id = k.order_id)`;
}

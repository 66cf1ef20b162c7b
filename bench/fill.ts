/** `deno task bench:fill N`: puts N consistent orders of two lines each into DATABASE_URL's database, in minutes. */

import postgres from "postgres";
import { prepareDatabase } from "../tools/prepare_database.ts";
import { fillShop } from "./shop.ts";

const BATCH = 100_000;
const DEFAULT_COUNT = 1_000_000;
const DAYS = 365;

/**
 * Adds orders of the last year as if customers had placed them, staff had taken their money and warehouses had sent them:
 * lines at list prices, ledger, shipments, stock with its movements, and every event of it, so that `deno task verify`
 * finds nothing to say. The log's readers are put behind it, as if the workers had done their part. Foreign keys are not
 * checked row by row, so this needs a superuser; the data hold them.
 */
export async function fillOrders(
  sql: postgres.Sql,
  count: number,
  say: (line: string) => void,
): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`set local session_replication_role = replica`;
    await tx`set local work_mem = '128MB'`;
    await tx`set local synchronous_commit = off`;
    await createSources(tx);
    for (let done = 0; done < count; done += BATCH) {
      const size = Math.min(BATCH, count - done);
      await draft(tx, count, done, size);
      await write(tx);
      say(`${done + size} of ${count} orders`);
    }
    await tx`update log_readers set position = (select max(position) from events)`;
  });
  await sql`
    vacuum (analyze) orders, order_items, ledger, shipments, shipment_items, events, stock_movements, stock_levels`;
}

/** Products and customers with numbers to choose them by. */
async function createSources(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    create temp table goods on commit drop as
    select row_number() over (order by p.sku) - 1 as n, p.id, p.sku, p.name, price.amount
    from products p join product_prices price on price.product_id = p.id and price.currency = 'EUR'
    where p.sku like 'BENCH-%'`;
  await tx`
    create temp table buyers on commit drop as
    select row_number() over (order by id) - 1 as n, id from users where email like 'bench%@example.com' and role = 'customer'`;
  await tx`analyze goods, buyers`;
}

/** Decides a batch: `draft` with a row for each order, `drafted` with a row for each line. */
async function draft(tx: postgres.TransactionSql, count: number, from: number, size: number): Promise<void> {
  await tx`drop table if exists draft, drafted`;
  await tx`
    create temp table draft on commit drop as
    select timed.*, b.id as user_id, 'WB-' || nextval('order_numbers') as number,
           (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(salt, 1, 3) || '8' ||
            substr(salt, 4, 15))::uuid as id,
           (array['DELIVERED', 'DELIVERED', 'DELIVERED', 'DELIVERED', 'SHIPPED', 'PROCESSING', 'PAID', 'PENDING',
                  'CANCELLED', 'EXPIRED'])[1 + i % 10] as status
    from (
      select i, md5(i::text || random()::text) as salt, floor(random() * (select count(*) from buyers)) as buyer,
             floor(random() * (select count(*) from goods)) as first,
             1 + floor(random() * ((select count(*) from goods) - 1)) as step,
             date_trunc('milliseconds', now() - interval '1 hour' -
               (${count}::float - i) / ${count}::float * ${DAYS}::int * interval '1 day') as at
      from generate_series(${from}::int, ${from + size - 1}::int) i
    ) timed join buyers b on b.n = buyer
    order by i`;
  await tx`
    create temp table drafted on commit drop as
    select d.id as order_id, d.at, d.status, line, g.id as product_id, g.sku, g.name, g.amount,
           1 + (d.i + line) % 3 as quantity
    from draft d cross join generate_series(1, 2) line
    join goods g on g.n = (d.first + (line - 1) * d.step)::bigint % (select count(*) from goods)`;
  await tx`analyze draft, drafted`;
}

async function write(tx: postgres.TransactionSql): Promise<void> {
  await writeOrders(tx);
  await writeLedger(tx);
  await writeShipments(tx);
  await writeOrderEvents(tx);
  await writeStock(tx);
}

async function writeOrders(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into orders (id, number, user_id, status, payment_status, fulfilment_status, currency, subtotal, total_price,
                        amount_paid, amount_due, units, units_shipped, units_delivered, version, ship_to, placed_by,
                        placed_at, created_at, updated_at, cancelled_at)
    select d.id, d.number, d.user_id, d.status,
           case when is_paid then 'PAID' else 'UNPAID' end,
           case when is_shipped then d.status else 'UNFULFILLED' end,
           'EUR', total, total, case when is_paid then total else 0 end, case when d.status = 'PENDING' then total else 0 end,
           units, case when is_shipped then units else 0 end, case when d.status = 'DELIVERED' then units else 0 end,
           version,
           '{"name":"Ada Lovelace","lines":["Hauptstr. 1"],"city":"Berlin","postal_code":"10115","country":"DE"}',
           'user:' || d.user_id, d.at, d.at, d.at, case when d.status = 'CANCELLED' then d.at end
    from draft d
    join (
      select order_id, sum(amount * quantity) as total, sum(quantity) as units from drafted group by order_id
    ) sums on sums.order_id = d.id
    join (values ('PENDING', 1, false, false), ('CANCELLED', 2, false, false), ('EXPIRED', 2, false, false),
                 ('PAID', 2, true, false), ('PROCESSING', 3, true, false), ('SHIPPED', 4, true, true),
                 ('DELIVERED', 5, true, true)) as state (status, version, is_paid, is_shipped) on state.status = d.status
    order by d.id`;
  await tx`
    insert into order_items (order_id, line, product_id, sku, name, quantity, unit_price, line_total, shipped)
    select order_id, line, product_id, sku, name, quantity, amount, amount * quantity,
           case when status in ('SHIPPED', 'DELIVERED') then quantity else 0 end
    from drafted order by order_id, line`;
}

async function writeLedger(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into ledger (order_id, kind, currency, receivable, cash_at_provider, revenue, actor, occurred_at)
    select o.id, kind, o.currency, receivable * o.total_price, cash * o.total_price, revenue * o.total_price, o.placed_by, d.at
    from draft d join orders o on o.id = d.id
    join (values (1, 'sale', 1, 0, -1), (2, 'capture', -1, 1, 0), (2, 'cancellation', -1, 0, 1))
      as entry (turn, kind, receivable, cash, revenue)
      on kind = 'sale' or (kind = 'capture' and o.amount_paid > 0)
        or (kind = 'cancellation' and o.status in ('CANCELLED', 'EXPIRED'))
    order by o.id, turn`;
}

/** One shipment of all that the order has; it has the order's id. */
async function writeShipments(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into shipments (id, order_id, status, carrier, actor, version, shipped_at, delivered_at, updated_at)
    select id, id, lower(status), 'DHL', 'system:bench', case status when 'DELIVERED' then 2 else 1 end, at,
           case status when 'DELIVERED' then at end, at
    from draft where status in ('SHIPPED', 'DELIVERED') order by id`;
  await tx`
    insert into shipment_items (shipment_id, line, quantity)
    select order_id, line, quantity from drafted where status in ('SHIPPED', 'DELIVERED') order by order_id, line`;
  await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select step.type, 1, 'shipment', s.id::text, sequence, d.user_id, s.actor,
           to_jsonb(s) - 'actor' || jsonb_build_object('items', items.list, 'version', sequence) || step.data, d.at
    from draft d join shipments s on s.id = d.id
    join (
      select order_id, jsonb_agg(jsonb_build_object('line', line, 'quantity', quantity) order by line) as list
      from drafted group by order_id
    ) items on items.order_id = s.order_id
    join (values (1, 'shipment.created', '{"status":"shipped","delivered_at":null}'::jsonb),
                 (2, 'shipment.updated', '{"changes":{"status":{"from":"shipped","to":"delivered"}}}'::jsonb))
      as step (sequence, type, data) on sequence <= s.version
    order by s.id, sequence`;
}

/** From `order.created` to the status that the order has now, each with the header as it was then. */
async function writeOrderEvents(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select step.type, 1, 'order', o.id::text, sequence, o.user_id, o.placed_by,
           case step.type
             when 'order.processed' then jsonb_build_object(
               'order_id', o.id, 'number', o.number, 'user_id', o.user_id, 'total_price', o.total_price,
               'currency', o.currency, 'units', o.units)
             else to_jsonb(o) || jsonb_build_object(
               'status', step.status, 'version', step.version,
               'payment_status', case when is_paid then 'PAID' else 'UNPAID' end,
               'fulfilment_status', case when is_shipped then step.status else 'UNFULFILLED' end,
               'amount_paid', case when is_paid then o.total_price else 0 end,
               'amount_due', case when is_paid or step.status in ('CANCELLED', 'EXPIRED') then 0 else o.total_price end,
               'units_shipped', case when is_shipped then o.units else 0 end,
               'units_delivered', case when step.status = 'DELIVERED' then o.units else 0 end,
               'cancelled_at', case when step.status = 'CANCELLED' then o.cancelled_at end)
               || case step.type
                 when 'order.created' then jsonb_build_object('items', items.list)
                 else jsonb_build_object('changes', jsonb_build_object(
                   'status', jsonb_build_object('from', step.before, 'to', step.status))) end
           end,
           o.created_at
    from draft d join orders o on o.id = d.id
    join (
      select item.order_id, jsonb_agg(to_jsonb(item) - array['order_id', 'shipped', 'returned'] order by item.line) as list
      from order_items item join draft on draft.id = item.order_id group by item.order_id
    ) items on items.order_id = o.id
    join (values (1, 'order.created', 1, null, 'PENDING', false, false), (2, 'order.processed', 0, null, null, false, false),
                 (3, 'order.cancelled', 2, 'PENDING', 'CANCELLED', false, false),
                 (3, 'order.expired', 2, 'PENDING', 'EXPIRED', false, false),
                 (3, 'order.updated', 2, 'PENDING', 'PAID', true, false),
                 (4, 'order.updated', 3, 'PAID', 'PROCESSING', true, false),
                 (5, 'order.updated', 4, 'PROCESSING', 'SHIPPED', true, true),
                 (6, 'order.updated', 5, 'SHIPPED', 'DELIVERED', true, true))
      as step (sequence, type, version, before, status, is_paid, is_shipped)
      on step.version <= o.version
        and (step.version <= 1 or case when o.status in ('CANCELLED', 'EXPIRED') then step.status = o.status else is_paid end)
    order by o.id, sequence`;
}

/** Reservations, releases and shipments: movements, levels, and an event for each. */
async function writeStock(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    with moves as (
      select sku, order_id, at, kind, quantity * on_hand as on_hand, quantity * reserved as reserved,
             sum(quantity * on_hand) over turns as on_hand_moved, sum(quantity * reserved) over turns as reserved_moved,
             row_number() over turns as nth
      from drafted, (values (1, 'reservation', 0, 1), (2, 'release', 0, -1), (2, 'shipment', -1, -1))
        as move (turn, kind, on_hand, reserved)
      where kind = 'reservation' or (kind = 'release' and status in ('CANCELLED', 'EXPIRED'))
        or (kind = 'shipment' and status in ('SHIPPED', 'DELIVERED'))
      window turns as (partition by sku order by at, order_id, turn rows unbounded preceding)
    ), moved as (
      update stock_levels s set on_hand = s.on_hand + m.on_hand, reserved = s.reserved + m.reserved,
        version = s.version + m.moves, updated_at = m.at
      from (select sku, sum(on_hand) as on_hand, sum(reserved) as reserved, count(*) as moves, max(at) as at
            from moves group by sku) m
      where s.sku = m.sku and s.location = 'default'
      returning s.sku, s.version - m.moves as before, s.on_hand - m.on_hand as on_hand_before,
                s.reserved - m.reserved as reserved_before
    ), movement as (
      insert into stock_movements (sku, location, kind, on_hand_delta, reserved_delta, version, order_id, actor, created_at)
      select sku, 'default', kind, moves.on_hand, moves.reserved, before + nth, order_id, 'system:bench', at
      from moves join moved using (sku)
      order by at, order_id
    )
    insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
    select 'inventory.updated', 1, 'inventory', sku || '@default', before + nth, 'system:bench',
           jsonb_build_object(
             'sku', sku, 'location', 'default', 'on_hand', on_hand_before + on_hand_moved,
             'reserved', reserved_before + reserved_moved,
             'available', on_hand_before + on_hand_moved - reserved_before - reserved_moved,
             'low_stock_threshold', null, 'kind', kind, 'on_hand_delta', moves.on_hand, 'reserved_delta', moves.reserved,
             'order_id', order_id, 'quote_id', null),
           at
    from moves join moved using (sku)
    order by at, order_id`;
}

if (import.meta.main) {
  const url = Deno.env.get("DATABASE_URL");
  const count = Number(Deno.args[0] ?? DEFAULT_COUNT);
  if (!url || !Number.isSafeInteger(count) || count < 1) {
    console.error("DATABASE_URL=postgres://… deno task bench:fill [how many orders, 1000000]");
    Deno.exit(2);
  }
  await prepareDatabase(url);
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const [shop] = await sql`select from products where sku like 'BENCH-%' limit 1`;
  if (!shop) await fillShop(sql);
  const start = performance.now();
  await fillOrders(sql, count, console.log);
  console.log(`${count} orders in ${Math.round((performance.now() - start) / 1000)} s`);
  await sql.end();
}

/** `deno task bench:fill N`: puts N consistent orders of two lines each into DATABASE_URL's database, in minutes. */

import postgres from "postgres";
import { prepareDatabase } from "../tools/prepare_database.ts";
import { fillShop } from "./shop.ts";

const BATCH = 100_000;
const DEFAULT_COUNT = 1_000_000;
const DAYS = 365;

/**
 * Adds orders of the last year as if customers had placed them: lines at list prices, reservations, releases and
 * shipments in the ledger with the levels that follow from them, and each order's first event. (The inventory.updated
 * events are left out.) Foreign keys are not checked row by row, so this needs a superuser; the data hold them.
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
  });
  await sql`vacuum (analyze) orders, order_items, events, stock_movements, stock_levels`;
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
  await tx`
    insert into orders (id, number, user_id, status, payment_status, fulfilment_status, currency, subtotal, total_price,
                        ship_to, placed_by, placed_at, created_at, updated_at, cancelled_at)
    select d.id, d.number, d.user_id, d.status,
           case when d.status in ('PENDING', 'CANCELLED', 'EXPIRED') then 'UNPAID' else 'PAID' end,
           case when d.status in ('SHIPPED', 'DELIVERED') then d.status else 'UNFULFILLED' end,
           'EUR', sums.total, sums.total,
           '{"name":"Ada Lovelace","lines":["Hauptstr. 1"],"city":"Berlin","postal_code":"10115","country":"DE"}',
           'user:' || d.user_id, d.at, d.at, d.at, case when d.status = 'CANCELLED' then d.at end
    from draft d
    join (select order_id, sum(amount * quantity) as total from drafted group by order_id) sums on sums.order_id = d.id
    order by d.id`;
  await tx`
    insert into order_items (order_id, line, product_id, sku, name, quantity, unit_price, line_total)
    select order_id, line, product_id, sku, name, quantity, amount, amount * quantity
    from drafted order by order_id, line`;
  await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select 'order.created', 1, 'order', o.id::text, 1, o.user_id, o.placed_by,
           jsonb_build_object(
             'id', o.id, 'number', o.number, 'user_id', o.user_id, 'status', 'PENDING', 'payment_status', 'UNPAID',
             'fulfilment_status', 'UNFULFILLED', 'currency', o.currency, 'items', items.list, 'subtotal', o.subtotal,
             'total_price', o.total_price, 'ship_to', o.ship_to, 'note', null, 'metadata', o.metadata,
             'external_reference', null, 'placed_by', o.placed_by, 'placed_at', o.placed_at, 'created_at', o.created_at,
             'updated_at', o.created_at, 'expires_at', null, 'cancelled_at', null, 'cancel_reason', null, 'version', 1),
           o.created_at
    from draft d join orders o on o.id = d.id
    join (
      select order_id, jsonb_agg(jsonb_build_object(
        'line', line, 'product_id', product_id, 'sku', sku, 'name', name, 'quantity', quantity, 'unit_price', amount,
        'list_price', null, 'line_total', amount * quantity) order by line) as list
      from drafted group by order_id
    ) items on items.order_id = d.id
    order by o.id`;
  await tx`
    with moves as (
      select sku, order_id, at, kind, quantity * on_hand as on_hand, quantity * reserved as reserved,
             row_number() over (partition by sku order by at, order_id, turn) as nth
      from drafted, (values (1, 'reservation', 0, 1), (2, 'release', 0, -1), (2, 'shipment', -1, -1))
        as move (turn, kind, on_hand, reserved)
      where kind = 'reservation' or (kind = 'release' and status in ('CANCELLED', 'EXPIRED'))
        or (kind = 'shipment' and status in ('SHIPPED', 'DELIVERED'))
    ), moved as (
      update stock_levels s set on_hand = s.on_hand + m.on_hand, reserved = s.reserved + m.reserved,
        version = s.version + m.moves, updated_at = m.at
      from (select sku, sum(on_hand) as on_hand, sum(reserved) as reserved, count(*) as moves, max(at) as at
            from moves group by sku) m
      where s.sku = m.sku and s.location = 'default'
      returning s.sku, s.version - m.moves as before
    )
    insert into stock_movements (sku, location, kind, on_hand_delta, reserved_delta, version, order_id, actor, created_at)
    select sku, 'default', kind, moves.on_hand, moves.reserved, before + nth, order_id, 'system:bench', at
    from moves join moved using (sku)`;
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

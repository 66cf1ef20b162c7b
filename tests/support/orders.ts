import { assertEquals } from "@std/assert";
import { createApp } from "../../src/app.ts";
import { closeDeps, openDeps } from "../../src/deps.ts";
import type { Sql } from "../../src/platform/db.ts";
import { newId } from "../../src/platform/id.ts";
import { withConnection } from "../../tools/database_admin.ts";
import type { Answer, RequestOptions, TestApp, TestUser } from "./app.ts";

export const SHIP_TO = {
  name: "Ada Lovelace",
  lines: ["Hauptstr. 1"],
  city: "Berlin",
  postal_code: "10115",
  country: "DE",
};

export interface TestProduct {
  id: string;
  sku: string;
}

interface ProductOptions {
  sku?: string;
  stock?: number;
  prices?: Record<string, number>;
  status?: "draft" | "active" | "archived";
}

let made = 0;

/** A product with stock and prices, put straight into the database; its stock is booked as a receipt. */
export async function addProduct(
  { deps: { sql } }: TestApp,
  { sku = `SKU-${++made}`, stock = 100, prices = { EUR: 1499 }, status = "active" }: ProductOptions = {},
): Promise<TestProduct> {
  const id = newId();
  await sql`insert into products (id, sku, name, status) values (${id}, ${sku}, ${`Name of ${sku}`}, ${status})`;
  for (const [currency, amount] of Object.entries(prices)) {
    await sql`insert into product_prices (product_id, currency, amount) values (${id}, ${currency}, ${amount})`;
  }
  if (stock > 0) {
    await sql`update stock_levels set on_hand = ${stock}, version = 1 where sku = ${sku}`;
    await sql`
      insert into stock_movements (sku, location, kind, on_hand_delta, reserved_delta, version, reason, actor)
      values (${sku}, 'default', 'receipt', ${stock}, 0, 1, 'Opening stock', 'system:test')`;
  }
  return { id, sku };
}

/** A second process over the same database and the same Redis; it ends before the first. */
export async function startAnother(first: TestApp): Promise<TestApp> {
  const deps = await openDeps(first.deps.config, { clock: first.deps.clock, log: first.deps.log });
  const { fetch } = createApp(deps);
  return {
    ...first,
    deps,
    fetch: (request) => fetch(request),
    async request(method, path, { token, body, headers } = {}) {
      const response = await fetch(
        new Request(`http://waybill.test${path}`, {
          method,
          headers: {
            "Authorization": `Bearer ${token}`,
            ...body !== undefined && { "Content-Type": "application/json" },
            ...headers,
          },
          body: body === undefined ? undefined : JSON.stringify(body),
        }),
      );
      return { status: response.status, headers: response.headers, body: await response.json() };
    },
    [Symbol.asyncDispose]: () => closeDeps(deps),
  };
}

/** The body of an order of so many units by SKU, in EUR to Berlin unless `more` says otherwise. */
export function orderBody(quantities: Record<string, number>, more: Record<string, unknown> = {}) {
  const items = Object.entries(quantities).map(([sku, quantity]) => ({ sku, quantity }));
  return { items, currency: "EUR", ship_to: SHIP_TO, ...more };
}

/** Asks for an order, whatever comes of it. */
export function tryToPlace(
  app: TestApp,
  user: TestUser,
  quantities: Record<string, number>,
  options: { more?: Record<string, unknown>; key?: string } = {},
): Promise<Answer> {
  return app.request("POST", "/v1/orders", {
    token: user.token,
    body: orderBody(quantities, options.more),
    headers: options.key === undefined ? {} : { "Idempotency-Key": options.key },
  });
}

/** Places an order and gives its body. */
export async function place(
  app: TestApp,
  user: TestUser,
  quantities: Record<string, number>,
  more: Record<string, unknown> = {},
) {
  const answer = await tryToPlace(app, user, quantities, { more });
  assertEquals(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

export function patch(
  app: TestApp,
  user: TestUser,
  id: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return app.request("PATCH", `/v1/orders/${id}`, { token: user.token, body, headers });
}

export function read(
  app: TestApp,
  user: TestUser,
  id: string,
  options: RequestOptions = {},
): Promise<Answer> {
  return app.request("GET", `/v1/orders/${id}`, { token: user.token, ...options });
}

/** A SKU's level as the database has it. */
export async function levelOf({ deps: { sql } }: TestApp, sku: string) {
  const [level] = await sql<{ on_hand: number; reserved: number; available: number; version: number }[]>`
    select on_hand, reserved, available, version from stock_levels where sku = ${sku}`;
  return level!;
}

/**
 * Makes requests that all wait for one level's row before any of them may have it. A request holds a connection while
 * it waits, so there must be fewer of them than the pool has.
 */
export async function atTheSameTime<T>(
  { deps }: TestApp,
  sku: string,
  requests: (() => Promise<T>)[],
): Promise<T[]> {
  return await withConnection(deps.config.databaseUrl, async (holder) => {
    const answers = await holder.begin(async (tx) => {
      await tx`select from stock_levels where sku = ${sku} for update`;
      const pending = Promise.all(requests.map((request) => request()));
      for (let waiting = 0; waiting < requests.length;) {
        await tx`select pg_stat_clear_snapshot()`;
        const [row] = await tx`
          select count(*)::int from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`;
        waiting = row!.count;
      }
      return { pending };
    });
    return await answers.pending;
  });
}

/** What the log says of one thing, oldest first. */
export async function eventsOf({ deps: { sql } }: TestApp, aggregate: string, id: string) {
  // deno-lint-ignore no-explicit-any
  return await sql<{ type: string; sequence: number; user_id: string; actor: string; data: any }[]>`
    select type, sequence, user_id, actor, data from events
    where aggregate_type = ${aggregate} and aggregate_id = ${id} order by sequence`;
}

/** How many answers there were of each status, `409 insufficient_stock` where there is a code. */
export function tally(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const kind = status < 400 ? String(status) : `${status} ${body.code}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/**
 * Fails the test if anything in the database contradicts anything else: levels are the sums of their movements and
 * hold what open orders want, orders are the sums of their lines, and the log tells of every version once.
 */
export async function assertBooksBalance(sql: Sql): Promise<void> {
  const wrong = await sql`
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
  assertEquals([...wrong], []);
}

import { assertEquals } from "@std/assert";
import { brokenOf, verifyBooks } from "../../src/admin/mod.ts";
import { closeDeps, openDeps } from "../../src/deps.ts";
import { openCache } from "../../src/platform/cache.ts";
import type { Sql } from "../../src/platform/db.ts";
import { newId } from "../../src/platform/id.ts";
import { withConnection } from "../../tools/database_admin.ts";
import { assertEventsValid } from "./events.ts";
import { untilWaiting } from "./lock_waits.ts";
import { type Answer, faceOf, PATIENT, type RequestOptions, type TestApp, type TestUser } from "./app.ts";

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

/** A second process over the same database and the same Redis, as patient with that; it ends before the first. */
export async function startAnother(first: TestApp): Promise<TestApp> {
  const { config, clock, log } = first.deps;
  const deps = await openDeps(config, { clock, log, cache: await openCache(config.redis, PATIENT) });
  return { ...first, ...faceOf(deps), [Symbol.asyncDispose]: () => closeDeps(deps) };
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

/** Staff take an order through these statuses, one after the other. Gives it as it is then. */
export async function takeThrough(
  app: TestApp,
  staff: TestUser,
  id: string,
  statuses: string[],
): Promise<Answer["body"]> {
  let order: Answer["body"];
  for (const status of statuses) {
    const answer = await patch(app, staff, id, { status });
    assertEquals([answer.status, answer.body.status], [200, status], JSON.stringify(answer.body));
    order = answer.body;
  }
  return order;
}

/** Takes a paid order to DELIVERED. */
export function deliver(app: TestApp, staff: TestUser, id: string): Promise<Answer["body"]> {
  return takeThrough(app, staff, id, ["PROCESSING", "SHIPPED", "DELIVERED"]);
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
      await untilWaiting(tx, { count: requests.length });
      return { pending };
    });
    return await answers.pending;
  });
}

/** What the log says of one thing, oldest first. */
export async function eventsOf({ deps: { sql } }: TestApp, aggregate: string, id: string) {
  // deno-lint-ignore no-explicit-any
  const events = await sql<{ type: string; sequence: number; user_id: string; actor: string; data: any }[]>`
    select type, sequence, user_id, actor, data from events
    where aggregate_type = ${aggregate} and aggregate_id = ${id} order by sequence`;
  return [...events];
}

/** What happened to a thing, by the types of its events. */
export async function typesOf(...of: Parameters<typeof eventsOf>): Promise<string[]> {
  return (await eventsOf(...of)).map(({ type }) => type);
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

/** Fails the test if anything in the database contradicts anything else: see {@link verifyBooks}. */
export async function assertBooksBalance(sql: Sql): Promise<void> {
  assertEquals(brokenOf(await verifyBooks(sql, new Date())), []);
  await assertEventsValid(sql);
}

import { closeCarts } from "../carts/mod.ts";
import { DEFAULT_LOCATION, stockMoves } from "../inventory/mod.ts";
import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { listDue } from "../platform/end_due.ts";
import {
  claimingKeys,
  type FirstAnswer,
  firstAnswer,
  type Idempotency,
  keyColumns,
  unnestedKeys,
} from "../platform/idempotency.ts";
import { couponsRedeemed, redeemCoupons } from "../promotions/mod.ts";
import { type ProductFacts, productFacts } from "../trade/mod.ts";
import { quoteCreated } from "./events.ts";
import { completeQuote, type Quote, type QuoteData, type QuotedCart } from "./quote.ts";

/** What is to be known of a cart before it can be quoted. */
export interface CartFacts {
  cart: QuotedCart;
  products: ProductFacts[];
  /** The cart's present quote and what it holds. */
  open: HeldQuote | null;
  /** To this key, as text. */
  answer: FirstAnswer<string> | null;
}

/** What is asked about one cart. */
export interface CartQuestion {
  cartId: string;
  idempotency?: Idempotency;
}

/** Carts with their products, stock and present quotes, in one round trip, in the order of the questions. */
export async function findCartFacts(
  sql: Sql | Tx,
  questions: readonly CartQuestion[],
): Promise<(CartFacts | undefined)[]> {
  const rows = await sql<(CartFacts & { turn: number })[]>`
    select asked.turn::int as turn, row_to_json(c) as cart, answer.found as answer,
      (select coalesce(json_agg(product), '[]') from (
        select ${productFacts(sql)}
        from jsonb_to_recordset(c.items) as item (sku text)
        join products p on p.sku = item.sku
        join stock_levels s on s.sku = p.sku and s.location = ${DEFAULT_LOCATION}) product) as products,
      (select row_to_json(held) from (${heldQuotes(sql)} and q.cart_id = c.id) held) as open
    from unnest(${questions.map((q) => q.cartId)}::uuid[], ${
    unnestedKeys(sql, questions.map((q) => q.idempotency))
  })
         with ordinality as asked (cart_id, actor, route, key, request_hash, turn)
    cross join lateral (
      select id, version, user_id, status, order_id, merged_into, currency, destination, coupon_code, items, expires_at
      from carts where id = asked.cart_id
      limit 1 -- makes it a look-up for each, whatever the planner thinks of the table's size; likewise below
    ) c
    left join lateral (${firstAnswer(sql, sql`k.response`)} limit 1) answer on true`;
  const byTurn = new Map(rows.map((row) => [row.turn, row]));
  return questions.map((_, index) => byTurn.get(index + 1));
}

/** A quote that was decided on, and who asked for it how. */
export interface DecidedQuote {
  quote: QuoteData;
  actor: string;
  requestId: string;
  traceparent?: string;
  idempotency?: Idempotency;
}

/** What a repeated call with the key of this quote is answered. */
export function answerTo(quote: QuoteData): string {
  return JSON.stringify({ ...quote, status: "open", order_id: null });
}

/**
 * Commits new quotes in one statement: their idempotency keys, coupons, stock, movements and events, or none of them.
 * False where another call with the same key has committed first.
 *
 * Guarantees: a cart has one open quote (`quotes_open_key`), and is still as it was quoted. Locks: idempotency keys in
 * their order, carts in theirs, promotions in theirs, then stock in the order of SKUs. The quote comes before its stock: it
 * may have to wait for the end of the cart's last one, which waits for stock.
 */
export async function insertQuotes(sql: Sql | Tx, decided: readonly DecidedQuote[]): Promise<boolean[]> {
  const input = decided.map(({ quote, actor, requestId, traceparent, idempotency }) => ({
    data: quote,
    response: idempotency && answerTo(quote),
    actor,
    request_id: requestId,
    traceparent,
    ...keyColumns(idempotency),
  }));
  const withCoupons = decided.some(({ quote }) => quote.coupon_code !== null);
  const redeemed = withCoupons
    ? sql`${redeemCoupons(sql, "quote", sql`id in (select id from quoted)`)}, `
    : sql``;
  const rows = await sql<{ id: string }[]>`
    with input as materialized (
      select i.*, q.*
      from jsonb_to_recordset(${sql.json(input as never)}) as i (
        data jsonb, response text, actor text, request_id text, traceparent text, key_actor text, route text, key text,
        request_hash text
      ), jsonb_to_record(i.data) as q (
        id uuid, cart_id uuid, cart_version int, user_id uuid, currency text, coupon_code text, discount_total bigint,
        lines jsonb, created_at timestamptz, expires_at timestamptz
      )
    ), keys as (${claimingKeys(sql, sql`response`)}
    ), claimed as materialized (
      select * from input
      where key is null or (key_actor, route, key) in (select actor, route, key from keys)
    ), unchanged as materialized (
      select c.id from (select cart_id, cart_version from claimed order by cart_id) x
      cross join lateral ( -- a look-up for each, whatever the planner thinks of the table's size
        select id from carts where id = x.cart_id and version = x.cart_version for no key update
      ) c
    ), quoted as (
      insert into quotes (id, cart_id, cart_version, user_id, created_at, expires_at)
      select id, cart_id, cart_version, user_id, created_at, expires_at from claimed
      where guard(cart_id in (select id from unchanged), 'the cart has changed')
      returning id
    ), ${redeemed}demand as materialized (
      select null::uuid as order_id, c.id as quote_id, c.user_id, line.sku, line.quantity, c.actor, c.request_id,
             c.traceparent, c.created_at as at
      from claimed c, jsonb_to_recordset(c.lines) as line (sku text, quantity int)
      where c.id in (select id from quoted) and ${withCoupons ? couponsRedeemed(sql) : sql`true`}
    ), ${stockMoves(sql, "reservation")}, quote_event as (
      insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, traceparent,
                          data, occurred_at)
      select ${quoteCreated.type}, ${quoteCreated.version}::smallint, ${quoteCreated.aggregate}, id::text, 1, user_id,
             actor, request_id, traceparent, data, created_at
      from claimed
    )
    select id from quoted
    where guard((select count(*) from moved) = (select count(*) from wanted), 'a stock level is missing')`;
  const ids = new Set(rows.map(({ id }) => id));
  return decided.map(({ quote }) => ids.has(quote.id));
}

/**
 * The CTEs `closing`, `closed`, `cart_event` and `quoted`, for the statement that makes orders of quotes: each takes its
 * quote once, while it is open, and closes the cart if it is still at the version at which it was found to be as quoted; one
 * whose key is another's touches nothing. (That its time was not over by `created_at`, whoever decided on the order has seen:
 * a quote's time never changes.) Before them stand the CTEs `input` with a row for each order, `id, quote_id,
 * cart_version, key, created_at, actor, request_id, traceparent`, and `keys` with the `order_id` of those that had their
 * keys. `quoted` holds the orders that have their quotes.
 */
export function claimQuotes(sql: Sql): Fragment {
  return sql`
    closing as materialized (
      select q.cart_id, i.cart_version, i.id as order_id, i.actor, i.request_id, i.traceparent, i.created_at as at
      from input i cross join lateral (select cart_id from quotes where id = i.quote_id limit 1) q
      where i.key is null or i.id in (select order_id from keys)
    ), ${closeCarts(sql)}, quoted as (
      update quotes q set status = 'used', order_id = i.id
      from input i join closed on closed.order_id = i.id
      where q.id = i.quote_id and q.status = 'open'
      returning q.order_id
    )`;
}

/** A quote with what became of it, whosever it is. One whose time is over is `open` until it is released. */
export async function findQuote(sql: Sql | Tx, id: string): Promise<Quote | undefined> {
  const [row] = await sql<{ data: QuoteData; status: Quote["status"]; order_id: string | null }[]>`
    select ${quoteData(sql)} as data, q.status, q.order_id from quotes q where q.id = ${id}`;
  return row && { ...completeQuote(row.data), status: row.status, order_id: row.order_id };
}

/** What an open quote holds. */
export interface HeldQuote {
  id: string;
  cart_id: string;
  user_id: string;
  coupon_code: string | null;
  items: { sku: string; quantity: number }[];
}

/** What a quote says, from the event that made it; its table is called `q`. */
export const quoteData = (sql: Sql | Tx): Fragment =>
  sql`(
    select e.data from events e
    where e.aggregate_type = ${quoteCreated.aggregate} and e.aggregate_id = q.id::text and e.sequence = 1)`;

/** What open quotes hold; their table is called `q`, and more conditions may follow. */
const heldQuotes = (sql: Sql | Tx): Fragment =>
  sql`
    select q.id, q.cart_id, q.user_id, said.coupon_code, said.lines as items
    from quotes q, jsonb_to_record(${quoteData(sql)}) as said (coupon_code text, lines jsonb)
    where q.status = 'open'`;

/** Holds a cart and its open quote until the transaction ends. */
export async function lockCartAndQuote(tx: Tx, cartId: string): Promise<HeldQuote | undefined> {
  await tx`select id from carts where id = ${cartId} for no key update`;
  return (await lockOpenQuotes(tx, [cartId]))[0];
}

/** Holds the open quotes of carts whose rows the caller holds. */
export async function lockOpenQuotes(tx: Tx, cartIds: string[]): Promise<HeldQuote[]> {
  if (cartIds.length === 0) return [];
  return await tx<HeldQuote[]>`
    ${heldQuotes(tx)} and q.cart_id = any(${cartIds}::uuid[]) order by q.id for no key update of q`;
}

/** Open quotes whose time is over: as {@link listDue}. */
export async function listDueQuotes(sql: Sql, now: Date, except: string[]): Promise<string[]> {
  const isDue = sql`status = 'open' and expires_at > '-infinity' and expires_at <= ${now}`;
  const lines = sql`(select count(*) from stock_movements where quote_id = quotes.id)`;
  return await listDue(sql, "quotes", { isDue, lines }, except);
}

/** Those of these quotes, whose time is over, that are still open, locked; without those that somebody else holds. */
export async function lockDueQuotes(tx: Tx, ids: string[]): Promise<HeldQuote[]> {
  return await tx<HeldQuote[]>`
    ${heldQuotes(tx)} and q.id = any(${ids}::uuid[]) order by q.id for no key update of q skip locked`;
}

/** Ends quotes whose rows are locked. */
export async function closeQuotes(tx: Tx, ids: string[], status: "expired" | "superseded"): Promise<void> {
  await tx`update quotes set status = ${status} where id = any(${ids}::uuid[])`;
}

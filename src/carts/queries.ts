import { DEFAULT_LOCATION } from "../inventory/mod.ts";
import { actorName, type Ctx } from "../platform/ctx.ts";
import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { listDue } from "../platform/end_due.ts";
import type { EventType } from "../platform/events.ts";
import {
  claimingKeys,
  type FirstAnswer,
  firstAnswers,
  type Idempotency,
  keyColumns,
} from "../platform/idempotency.ts";
import { withinLines } from "../platform/page.ts";
import { type ProductFacts, productFacts } from "../trade/mod.ts";
import type { Cart, CartAccess, Products } from "./cart.ts";
import { cartCheckedOut, cartCreated } from "./events.ts";
import type { NewCart } from "./view.ts";

const cartColumns = (sql: Sql | Tx): Fragment =>
  sql`
    c.id, c.user_id, c.status, c.currency, c.destination, c.items, c.note, c.coupon_code, c.metadata, c.order_id,
    c.merged_into, c.version, c.created_at, c.updated_at, c.expires_at`;

/** Whose and which it must be: an unknown cart and another's are the same to whoever asks. */
const accessible = (sql: Sql | Tx, id: string, { userId, tokenHash, all }: CartAccess): Fragment =>
  sql`c.id = ${id} and (c.user_id = ${userId} or c.token_hash = ${tokenHash} or ${all}::boolean)`;

/** What a cart needs to know of the products that `skus` (a query with one column, `sku`) gives, as a JSON array. */
const productsOf = (sql: Sql | Tx, skus: Fragment): Fragment =>
  sql`(
    select coalesce(json_agg(found), '[]') from (
      select ${productFacts(sql)}
      from (${skus}) as asked
      join products p on p.sku = asked.sku
      join stock_levels s on s.sku = p.sku and s.location = ${DEFAULT_LOCATION}
    ) found)`;

/**
 * The cart with its products by SKU, and those of `skus` that are to get into it, in one round trip; undefined also for one
 * that `access` does not reach. What the cart's own quote holds is available to it: the next quote takes it over.
 */
export async function findCartWithProducts(
  sql: Sql | Tx,
  id: string,
  access: CartAccess,
  skus: string[] = [],
): Promise<{ cart: Cart; products: Products } | undefined> {
  const inCart = sql`select item ->> 'sku' as sku from jsonb_array_elements(c.items) as item`;
  const wanted = skus.length === 0 ? inCart : sql`${inCart} union select unnest(${skus}::text[])`;
  const [row] = await sql<(Cart & { products: ProductFacts[]; held: Record<string, number> })[]>`
    select ${cartColumns(sql)}, ${productsOf(sql, wanted)} as products, (
      select coalesce(json_object_agg(m.sku, m.reserved_delta), '{}')
      from quotes q join stock_movements m on m.quote_id = q.id
      where q.cart_id = c.id and q.status = 'open'
    ) as held
    from carts c where ${accessible(sql, id, access)}`;
  if (!row) return undefined;
  const { products, held, ...cart } = row;
  const heldUnits = new Map(Object.entries(held)); // a SKU may be called like what every object has
  const withHeld = products.map((product) => (
    { ...product, available: product.available + (heldUnits.get(product.sku) ?? 0) }
  ));
  return { cart, products: bySku(withHeld) };
}

/** Holds the cart until the transaction ends: changes of one cart come one after the other. */
export async function lockCart(tx: Tx, id: string, access: CartAccess): Promise<Cart | undefined> {
  const [cart] = await tx<Cart[]>`
    select ${cartColumns(tx)} from carts c where ${accessible(tx, id, access)} for no key update`;
  return cart;
}

/**
 * The user's open cart in this currency that was changed last and whose time is not over, held until the transaction
 * ends. A guest's cart that is merged into it is locked before it, and no user's cart ever is, so nothing deadlocks.
 */
export async function lockLatestCart(
  tx: Tx,
  { userId, currency, now }: { userId: string; currency: string; now: Date },
): Promise<Cart | undefined> {
  const [cart] = await tx<Cart[]>`
    select ${cartColumns(tx)} from carts c
    where c.user_id = ${userId} and c.status = 'open' and c.currency = ${currency} and c.expires_at > ${now}
    order by c.updated_at desc, c.id desc limit 1 for no key update`;
  return cart;
}

/** Open carts whose time is over: as {@link listDue}. */
export async function listDueCarts(sql: Sql, now: Date, except: string[]): Promise<string[]> {
  const isDue = sql`status = 'open' and expires_at > '-infinity' and expires_at <= ${now}`;
  return await listDue(sql, "carts", { isDue, lines: sql`jsonb_array_length(items)` }, except);
}

/** Those of these carts that are still due, locked; without those that somebody else holds. */
export async function lockDueCarts(tx: Tx, now: Date, ids: string[]): Promise<Cart[]> {
  return await tx<Cart[]>`
    select ${cartColumns(tx)} from carts c
    where c.id = any(${ids}::uuid[]) and c.status = 'open' and c.expires_at <= ${now}
    order by c.id for no key update skip locked`;
}

/** A status as a part of the text: the planner must see whether it is rare. Only ever one of our own words. */
const literal = (sql: Sql, status: Cart["status"]): Fragment => sql.unsafe(`'${status}'`);

/**
 * Carts, newest first, `limit + 1` or {@link withinLines} of them before `beforeId`. Everybody's open ones, which are few
 * beside those that are over, stand in the index of what is due.
 */
export async function listCartRows(
  sql: Sql,
  filter: { userId?: string; status: Cart["status"]; beforeId?: string; limit: number },
): Promise<Cart[]> {
  const rows = sql`(
    select * from carts c
    where c.status = ${literal(sql, filter.status)}
      ${filter.userId !== undefined ? sql`and c.user_id = ${filter.userId}` : sql``}
      ${filter.userId === undefined && filter.status === "open" ? sql`and c.expires_at > '-infinity'` : sql``}
      ${filter.beforeId === undefined ? sql`` : sql`and c.id < ${filter.beforeId}`}
    order by c.id desc limit ${filter.limit + 1})`;
  const few = withinLines(sql, rows, { lines: sql`jsonb_array_length(items)`, order: sql`id desc` });
  return await sql<Cart[]>`select ${cartColumns(sql)} from ${few} c order by c.id desc`;
}

/** What carts that are about to be created ask of the database, in one round trip. Answers in the order of `keys`. */
export async function findCreatingFacts(
  sql: Sql,
  { skus, keys }: { skus: string[]; keys: Idempotency[] },
): Promise<{ products: Products; answers: (FirstAnswer<NewCart> | null)[] }> {
  const [found] = await sql<{ products: ProductFacts[]; answers: (FirstAnswer<NewCart> | null)[] }[]>`
    select ${productsOf(sql, sql`select unnest(${skus}::text[]) as sku`)} as products,
           ${firstAnswers(sql, keys, sql`k.response::json`)} as answers`;
  return { products: bySku(found!.products), answers: found!.answers };
}

/** A cart that was decided on, who asked for it, and what they are answered. */
export interface CreatedCart {
  cart: Cart;
  /** Of a guest's cart. */
  tokenHash?: Uint8Array;
  actor: string;
  requestId: string;
  traceparent?: string;
  /** What a repeated call with the key is answered. */
  repeatable?: { idempotency: Idempotency; answer: NewCart };
}

/**
 * Writes new carts with their events and idempotency keys in one statement. Tells of each whether it was written:
 * not where another call with the same key has committed first. Locks: idempotency keys in their order.
 */
export async function insertCarts(sql: Sql, created: readonly CreatedCart[]): Promise<boolean[]> {
  const input = created.map(({ cart, tokenHash, actor, requestId, traceparent, repeatable }) => ({
    data: cart,
    token_hash: tokenHash?.toHex(),
    actor,
    request_id: requestId,
    traceparent,
    ...keyColumns(repeatable?.idempotency),
    response: repeatable && JSON.stringify(repeatable.answer),
  }));
  const rows = await sql<{ id: string }[]>`
    with input as materialized (
      select i.*, c.*
      from jsonb_to_recordset(${sql.json(input as never)}) as i (
        data jsonb, token_hash text, actor text, request_id text, traceparent text, key_actor text, route text, key text,
        request_hash text, response text
      ), jsonb_to_record(i.data) as c (
        id uuid, user_id uuid, currency text, destination text, items jsonb, note text, coupon_code text, metadata jsonb,
        created_at timestamptz, expires_at timestamptz
      )
    ), keys as (${claimingKeys(sql, sql`response`)}
    ), claimed as (
      select * from input i
      where i.key is null
         or exists (select from keys k where k.actor = i.key_actor and k.route = i.route and k.key = i.key)
    ), created as (
      insert into carts (id, user_id, token_hash, currency, destination, items, note, coupon_code, metadata, created_at,
                         updated_at, expires_at)
      select id, user_id, decode(token_hash, 'hex'), currency, destination, items, note, coupon_code, metadata,
             created_at, created_at, expires_at
      from claimed
    ), told as (
      insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, traceparent,
                          data, occurred_at)
      select ${cartCreated.type}, ${cartCreated.version}::smallint, ${cartCreated.aggregate}, id::text, 1, user_id, actor,
             request_id, traceparent, data, created_at
      from claimed
    )
    select id from claimed`;
  const written = new Set(rows.map(({ id }) => id));
  return created.map(({ cart }) => written.has(cart.id));
}

/** A cart's next version, and the event that tells of it. */
interface CartWrite {
  cart: Cart;
  event: EventType;
  data: object;
}

/**
 * Writes the next versions of carts with their events in one statement, and gives the ids of those it wrote: not of
 * one that is no longer at the version before. A guest's token is void once the cart is a user's.
 */
export async function writeCarts(sql: Sql | Tx, ctx: Ctx, writes: CartWrite[]): Promise<string[]> {
  const input = writes.map(({ cart, event: { type, version }, data }) => ({
    cart,
    type,
    event_version: version,
    data,
  }));
  const rows = await sql<{ id: string }[]>`
    with input as materialized (
      select i.type, i.event_version, i.data, n.*
      from jsonb_to_recordset(${sql.json(input as never)}) as i (
        cart jsonb, type text, event_version smallint, data jsonb
      ), jsonb_to_record(i.cart) as n (
        id uuid, user_id uuid, status text, currency text, destination text, items jsonb, note text, coupon_code text,
        metadata jsonb, order_id uuid, merged_into uuid, version int, updated_at timestamptz, expires_at timestamptz
      )
    ), written as (
      update carts c
      set user_id = n.user_id, token_hash = case when n.user_id is null then c.token_hash end, status = n.status,
          currency = n.currency, destination = n.destination, items = n.items, note = n.note,
          coupon_code = n.coupon_code, metadata = n.metadata, order_id = n.order_id, merged_into = n.merged_into,
          version = n.version, updated_at = n.updated_at, expires_at = n.expires_at
      from input n
      where c.id = n.id and c.version = n.version - 1
      returning c.id
    ), told as (
      insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, traceparent,
                          data, occurred_at)
      select n.type, n.event_version, ${cartCreated.aggregate}, n.id::text, n.version, n.user_id, ${
    actorName(ctx.actor)
  },
             ${ctx.requestId}, ${ctx.traceparent ?? null}, n.data, n.updated_at
      from written join input n on n.id = written.id
    )
    select id from written`;
  return rows.map(({ id }) => id);
}

function bySku(products: ProductFacts[]): Products {
  return new Map(products.map((product) => [product.sku, product]));
}

/**
 * Does the cart `c` still say all that a price may depend on as it did at this version? Its note and metadata may be others
 * by now. The log says which changes came since; most often none did.
 */
export function isPricedAs(sql: Sql, version: Fragment): Fragment {
  return sql`not exists (
    select from events e
    where e.aggregate_type = ${cartCreated.aggregate} and e.aggregate_id = c.id::text and e.sequence > ${version}
      and (e.data->'changes') - '{note,metadata}'::text[] is distinct from '{}')`;
}

/**
 * The CTEs `closed` and `cart_event`, for the statement that makes orders of carts. Before them stands a CTE `closing` with
 * a row for each: `cart_id, cart_version, order_id, actor, request_id, traceparent, at`. `closed` holds the carts that are
 * still at that version, at which they were open: ending one makes another. Of several orders for one cart, one gets it.
 */
export function closeCarts(sql: Sql): Fragment {
  // PostgreSQL's own JSON has no Z, and no milliseconds where they are 0.
  const asTold = (time: Fragment) =>
    sql`to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
  return sql`
    closed as (
      update carts c set status = 'checked_out', order_id = x.order_id, version = c.version + 1, updated_at = x.at
      from closing x
      where c.id = x.cart_id and c.version = x.cart_version
        and c.id = any(array( -- which holds all of them, in their order, before the first is written
          select id from carts where id = any(array(select cart_id from closing)) order by id for no key update))
      returning c.*, x.actor, x.request_id, x.traceparent
    ), cart_event as (
      insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, traceparent,
                          data, occurred_at)
      select ${cartCheckedOut.type}, ${cartCheckedOut.version}::smallint, ${cartCheckedOut.aggregate}, id::text, version,
             user_id, actor, request_id, traceparent,
             jsonb_build_object(
               'id', id, 'user_id', user_id, 'status', status, 'currency', currency, 'destination', destination,
               'items', items, 'note', note, 'coupon_code', coupon_code, 'metadata', metadata, 'order_id', order_id,
               'merged_into', merged_into, 'version', version, 'created_at', ${asTold(sql`created_at`)},
               'updated_at', ${asTold(sql`updated_at`)}, 'expires_at', ${asTold(sql`expires_at`)},
               'changes', jsonb_build_object(
                 'status', jsonb_build_object('from', 'open', 'to', status),
                 'order_id', jsonb_build_object('from', null, 'to', order_id))),
             updated_at
      from closed
    )`;
}

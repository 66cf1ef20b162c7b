import { insertConsignees, type SealedConsignee } from "../consignees/mod.ts";
import { DEFAULT_LOCATION, stockMoves } from "../inventory/mod.ts";
import type { Fragment, Sql } from "../platform/db.ts";
import {
  claimingKeys,
  type FirstAnswer,
  firstAnswers,
  type Idempotency,
  keyColumns,
} from "../platform/idempotency.ts";
import { couponsRedeemed, redeemCoupons, takeOverCoupons } from "../promotions/mod.ts";
import { claimQuotes } from "../quotes/mod.ts";
import { type ProductFacts, productFacts } from "../trade/mod.ts";
import { orderCreated } from "./events.ts";
import type { Order, OrderDraft } from "./order.ts";

/** What several orders that are about to be placed ask of the database. */
interface FactsWanted {
  skus: string[];
  productIds: string[];
  ownerIds: string[];
  references: string[];
  keys: Idempotency[];
}

/** The facts by what they were asked with; what does not exist is missing. */
interface FactsFound {
  products: ProductFacts[];
  owners: string[];
  /** Does the shop keep schedules of duty and tax, of which any is in force? */
  keepsSchedules: boolean;
  /** Order id by external reference. */
  references: Record<string, string>;
  /** In the order of `keys`. */
  answers: (FirstAnswer<Order> | null)[];
}

/** All that placing these orders needs to know, in one round trip. */
export async function findPlacingFacts(sql: Sql, wanted: FactsWanted): Promise<FactsFound> {
  const { skus, productIds, ownerIds, references, keys } = wanted;
  const [found] = await sql<FactsFound[]>`
    select
      (select coalesce(json_agg(found), '[]') from (
        select ${productFacts(sql)}
        from products p join stock_levels s on s.sku = p.sku and s.location = ${DEFAULT_LOCATION}
        where ${
    productIds.length === 0
      ? sql`p.sku = any(${skus}::text[])`
      : sql`(p.sku = any(${skus}::text[]) or p.id = any(${productIds}::uuid[]))`
  }) found) as products,
      (select coalesce(json_agg(id), '[]') from users
        where id = any(${ownerIds}::uuid[]) and disabled_at is null) as owners,
      exists (
        select from trade_schedules where effective_from <= (now() at time zone 'UTC')::date) as "keepsSchedules",
      ${references.length === 0 ? sql`'{}'::json` : findReferences(sql, references)} as references,
      ${firstAnswers(sql, keys, firstOrder(sql))} as answers`;
  return found!;
}

function findReferences(sql: Sql, references: string[]): Fragment {
  return sql`(
    select coalesce(json_object_agg(external_reference, id), '{}') from orders
    where external_reference = any(${references}::text[]))`;
}

/** The order of an idempotency key `k`, as it was first answered. */
export const firstOrder = (sql: Sql): Fragment =>
  sql`(
    select e.data from events e
    where e.aggregate_type = 'order' and e.aggregate_id = k.order_id::text and e.sequence = 1)`;

/** An order that was decided on, and who placed it how. */
export interface PlacedOrder extends OrderDraft {
  actor: string;
  requestId: string;
  traceparent?: string;
  idempotency?: Idempotency;
  consignee?: SealedConsignee;
  /** Of the cart that a quote is for: it was found to be as quoted at this version. */
  cartVersion?: number;
  /** What `also` writes with it. */
  also?: unknown;
}

/** How orders come to be: from a basket of their own, or from quotes, and then perhaps with more rows beside them. */
export type Origin = "basket" | {
  /**
   * CTEs that begin with a comma, over `claimed`, whose column `also` holds what each order brings, and `order_event`, the ids
   * of the orders that the log tells of by then: what comes with an order is told behind it.
   */
  also: (sql: Sql) => Fragment;
};

/**
 * Commits new orders in one statement: their idempotency keys, coupons, stock, movements, lines and events, or none of
 * them. Gives each its number; undefined where another call with the same key has committed first.
 *
 * Guarantees: a CHECK or `guard` that fails undoes all of it. Numbers are drawn only after reference and
 * stock were taken, so a refusal burns none. Locks: idempotency keys in their order, references in theirs, carts in
 * theirs, their quotes, promotions in theirs, then stock in the order of SKUs. A quote is used once, while it is open, for
 * the cart at the version at which it was found to be as quoted.
 */
export async function insertOrders(
  sql: Sql,
  placed: readonly PlacedOrder[],
  origin: Origin,
): Promise<(string | undefined)[]> {
  const input = placed.map((
    {
      order: { number: _, ...order },
      explanation,
      actor,
      requestId,
      traceparent,
      idempotency,
      consignee,
      cartVersion,
      also,
    },
  ) => ({
    data: { ...order, explanation },
    consignee,
    cart_version: cartVersion,
    also,
    actor,
    request_id: requestId,
    traceparent,
    ...keyColumns(idempotency),
  }));
  const withCoupons = placed.some(({ order }) => order.coupon_code !== null);
  // A quote holds its stock already, and its coupon.
  const redeems = withCoupons && origin === "basket";
  const rows = await sql<{ id: string; number: string }[]>`
    with input as materialized (
      select i.data, i.consignee, i.cart_version, i.also, i.actor, i.request_id, i.traceparent, i.key_actor, i.route, i.key,
             i.request_hash, o.*
      from jsonb_to_recordset(${sql.json(input as never)}) as i (
        data jsonb, consignee jsonb, cart_version int, also jsonb, actor text, request_id text, traceparent text,
        key_actor text, route text, key text, request_hash text
      ), jsonb_to_record(i.data) as o (
        id uuid, user_id uuid, status text, payment_status text, currency text, items jsonb, coupon_code text,
        discount_total bigint, subtotal bigint, shipping_total bigint, duty_total bigint, tax_total bigint,
        total_price bigint, amount_due bigint, units int, quote_id uuid, incoterm text, shipping_option text,
        ship_to jsonb, note text, metadata jsonb, external_reference text, placed_by text, placed_at timestamptz,
        created_at timestamptz, expires_at timestamptz
      )
    ), keys as (${claimingKeys(sql, sql`order_id`, sql`id`)}
    ), named as (
      insert into order_references (external_reference, order_id)
      select external_reference, id from input
      -- An array is made before the first row: however few of the references come with a key, all keys are taken before.
      where external_reference is not null
        and id = any(array(select order_id from keys union all select id from input where key is null))
      order by external_reference
      returning order_id
    ), ${origin === "basket" ? sql`` : sql`${claimQuotes(sql)}, `}claimed as materialized (
      select * from input
      where case when (key is null or id in (select order_id from keys))
          and (external_reference is null or id in (select order_id from named))
        then ${
    origin === "basket" ? sql`true` : sql`guard(id in (select order_id from quoted), 'quote is not open')`
  }
        else false end
    ), ${redeems ? sql`${redeemCoupons(sql, "order", sql`true`)}, ` : sql``}demand as materialized (
      select c.id as order_id, null::uuid as quote_id, c.user_id, item.sku, sum(item.quantity)::int as quantity,
             c.actor, c.request_id, c.traceparent, c.created_at as at
      from claimed c, jsonb_to_recordset(c.items) as item (sku text, quantity int)
      where c.quote_id is null and ${redeems ? couponsRedeemed(sql) : sql`true`}
      group by c.id, c.user_id, item.sku, c.actor, c.request_id, c.traceparent, c.created_at
    ), ${stockMoves(sql, "reservation")}, placed as (
      insert into orders (id, number, user_id, status, payment_status, currency, coupon_code, discount_total, subtotal,
                          shipping_total, duty_total, tax_total, total_price, amount_due, units, quote_id, incoterm,
                          shipping_option, ship_to, note, metadata, external_reference, placed_by, placed_at, created_at,
                          updated_at, expires_at)
      select id, 'WB-' || nextval('order_numbers'), user_id, status, payment_status, currency, coupon_code,
             discount_total, subtotal, shipping_total, duty_total, tax_total, total_price, amount_due, units, quote_id,
             incoterm, shipping_option, ship_to, note, metadata, external_reference, placed_by, placed_at, created_at,
             created_at, expires_at
      from claimed
      where guard((select count(*) from moved) = (select count(*) from wanted), 'a stock level is missing')
      returning id, number
    ), lines as (
      insert into order_items (order_id, line, product_id, sku, name, quantity, unit_price, list_price, discount_amount,
                               line_total, shipping_amount, duty_amount, tax_amount, shipping_tax_amount, hs_code,
                               country_of_origin, weight_grams)
      select c.id, item.*
      from claimed c, jsonb_to_recordset(c.items) as item (
        line smallint, product_id uuid, sku text, name text, quantity int, unit_price bigint, list_price bigint,
        discount_amount bigint, line_total bigint, shipping_amount bigint, duty_amount bigint, tax_amount bigint,
        shipping_tax_amount bigint, hs_code text, country_of_origin text, weight_grams int
      )
    ), sale as (
      insert into ledger (order_id, kind, currency, receivable, revenue, shipping, duty, tax, actor, request_id,
                          occurred_at)
      select id, 'sale', currency, total_price, -subtotal, -shipping_total, -duty_total, -tax_total, actor, request_id,
             created_at
      from claimed
    ), order_event as (
      insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, traceparent,
                          data, occurred_at)
      select ${orderCreated.type}, ${orderCreated.version}::smallint, ${orderCreated.aggregate}, c.id::text, 1,
             c.user_id, c.actor, c.request_id, c.traceparent,
             jsonb_build_object('number', placed.number) || c.data, c.created_at
      from placed join claimed c on c.id = placed.id
      returning aggregate_id::uuid as id
    )${origin === "basket" ? sql`` : origin.also(sql)}${
    placed.some(({ consignee }) => consignee) ? insertConsignees(sql) : sql``
  }${withCoupons && !redeems ? takeOverCoupons(sql) : sql``}
    select id, number from placed`;
  const numbers = new Map(rows.map(({ id, number }) => [id, number]));
  return placed.map(({ order }) => numbers.get(order.id));
}

import { actorName, type Ctx } from "../platform/ctx.ts";
import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { inventoryUpdated } from "./events.ts";
import { DEFAULT_LOCATION, type Movement, ORDER_MOVES, type OrderMove, type StockLevel } from "./level.ts";

const levelColumns = (sql: Sql | Tx) =>
  sql`sku, location, on_hand, reserved, available, low_stock_threshold, version, updated_at`;

export async function findLevel(sql: Sql, sku: string, location: string): Promise<StockLevel | undefined> {
  const [level] = await sql<StockLevel[]>`
    select ${levelColumns(sql)} from stock_levels where sku = ${sku} and location = ${location}`;
  return level;
}

/** Holds the level's row until the transaction ends. */
export async function lockLevel(tx: Tx, sku: string, location: string): Promise<StockLevel | undefined> {
  const [level] = await tx<StockLevel[]>`
    select ${
    levelColumns(tx)
  } from stock_levels where sku = ${sku} and location = ${location} for no key update`;
  return level;
}

/** Levels in the order of their SKUs, `limit + 1` of them after `afterSku`. */
export async function listLevels(
  sql: Sql,
  filter: {
    location: string;
    drafts: boolean;
    lowStock?: boolean;
    skus?: string[];
    skuPrefix?: string;
    afterSku?: string;
    limit: number;
  },
): Promise<StockLevel[]> {
  return await sql<StockLevel[]>`
    select ${levelColumns(sql)} from stock_levels
    where location = ${filter.location}
      ${
    filter.drafts ? sql`` : sql`
      and exists (select from products p where p.sku = stock_levels.sku and p.status <> 'draft')`
  }
      ${filter.afterSku === undefined ? sql`` : sql`and sku > ${filter.afterSku}`}
      ${filter.skus === undefined ? sql`` : sql`and sku = any(${filter.skus})`}
      ${filter.skuPrefix === undefined ? sql`` : sql`and starts_with(sku, ${filter.skuPrefix})`}
      ${filter.lowStock ? sql`and available <= low_stock_threshold` : sql``}
    order by sku limit ${filter.limit + 1}`;
}

/** A SKU's movements, newest first, `limit + 1` of them before `beforeVersion`. */
export async function listMovements(
  sql: Sql,
  filter: { sku: string; location: string; beforeVersion?: number; limit: number },
): Promise<Movement[]> {
  return await sql<Movement[]>`
    select sku, location, kind, on_hand_delta, reserved_delta, version, order_id, quote_id, reason, reference, actor,
           created_at
    from stock_movements
    where sku = ${filter.sku} and location = ${filter.location}
      ${filter.beforeVersion === undefined ? sql`` : sql`and version < ${filter.beforeVersion}`}
    order by version desc limit ${filter.limit + 1}`;
}

/** Writes the new counts of locked levels with the movements that explain them. Each SKU once; gives what they are then. */
export async function insertAdjustments(
  tx: Tx,
  ctx: Ctx,
  { location, kind, reason, reference, changes }: {
    location: string;
    kind: "receipt" | "adjustment" | "return";
    reason: string;
    reference: string | null;
    changes: { sku: string; delta: number }[];
  },
): Promise<StockLevel[]> {
  const now = ctx.clock.now().toISOString();
  return await tx<StockLevel[]>`
    with level as (
      update stock_levels s set on_hand = on_hand + c.delta, version = version + 1, updated_at = ${now}
      from unnest(${changes.map(({ sku }) => sku)}::text[], ${
    changes.map(({ delta }) => delta)
  }::int[]) as c (sku, delta)
      where s.sku = c.sku and location = ${location}
      returning s.*, c.delta
    ), movement as (
      insert into stock_movements (sku, location, kind, on_hand_delta, reserved_delta, version, reason, reference,
                                   actor, request_id, created_at)
      select sku, location, ${kind}, delta, 0, version, ${reason}, ${reference}, ${
    actorName(ctx.actor)
  }, ${ctx.requestId},
             ${now}::timestamptz
      from level
    )
    select ${levelColumns(tx)} from level`;
}

export async function updateThreshold(
  tx: Tx,
  ctx: Ctx,
  level: { sku: string; location: string; low_stock_threshold: number | null },
): Promise<StockLevel> {
  const [updated] = await tx<StockLevel[]>`
    update stock_levels
    set low_stock_threshold = ${level.low_stock_threshold}, version = version + 1, updated_at = ${ctx.clock.now()}
    where sku = ${level.sku} and location = ${level.location}
    returning ${levelColumns(tx)}`;
  return updated!;
}

/**
 * The CTEs `wanted`, `locked`, `moved`, `moves`, `movement` and `stock_event`, for a statement that moves the stock of
 * orders or quotes as part of what it commits. Before them stands a CTE `demand` with a row for each of them and SKU:
 * `order_id, quote_id` (one of them null), `user_id, sku, quantity, actor, request_id, traceparent, at`. After them
 * `moved` holds a row for each SKU.
 *
 * Guarantees: rows are locked in the order of SKUs, so two statements never wait for each other in a circle; the
 * CHECK `stock_levels_available_check` undoes the whole statement rather than oversell. Orders that want the same
 * SKU take their turns: each has its own movement and its own version of the level.
 */
export function stockMoves(sql: Sql | Tx, kind: OrderMove): Fragment {
  const { onHand, reserved } = ORDER_MOVES[kind];
  return sql`
    wanted as materialized (
      select sku, sum(quantity)::int as total, count(*)::int as turns, max(at) as at from demand group by sku
    ), locked as materialized (
      select s.sku, s.location, w.total, w.turns, w.at from stock_levels s join wanted w on w.sku = s.sku
      where s.location = ${DEFAULT_LOCATION}
      order by s.sku for no key update of s
    ), moved as (
      update stock_levels s
      set on_hand = s.on_hand + ${onHand}::int * l.total, reserved = s.reserved + ${reserved}::int * l.total,
          version = s.version + l.turns, updated_at = l.at
      from locked l
      where s.sku = l.sku and s.location = l.location
      returning s.*, l.total, l.turns
    ), moves as materialized (
      select d.*, m.location, m.low_stock_threshold,
             ${onHand}::int * d.quantity as on_hand_delta, ${reserved}::int * d.quantity as reserved_delta,
             m.on_hand - ${onHand}::int * (m.total - d.so_far) as on_hand,
             m.reserved - ${reserved}::int * (m.total - d.so_far) as reserved,
             m.version - m.turns + d.turn as version
      from moved m join (
        select *, (sum(quantity) over turn)::int as so_far, (row_number() over turn)::int as turn
        from demand window turn as (partition by sku order by order_id, quote_id rows unbounded preceding)
      ) d on d.sku = m.sku
    ), movement as (
      insert into stock_movements (sku, location, kind, on_hand_delta, reserved_delta, version, order_id, quote_id,
                                   actor, request_id, created_at)
      select sku, location, ${kind}, on_hand_delta, reserved_delta, version, order_id, quote_id, actor, request_id, at
      from moves
    ), stock_event as (
      insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, traceparent,
                          data, occurred_at)
      select ${inventoryUpdated.type}, ${inventoryUpdated.version}::smallint, ${inventoryUpdated.aggregate},
             sku || '@' || location, version, user_id, actor, request_id, traceparent,
             jsonb_build_object(
               'sku', sku, 'location', location, 'on_hand', on_hand, 'reserved', reserved,
               'available', on_hand - reserved, 'low_stock_threshold', low_stock_threshold, 'kind', ${kind}::text,
               'on_hand_delta', on_hand_delta, 'reserved_delta', reserved_delta, 'order_id', order_id,
               'quote_id', quote_id),
             at
      from moves
    )`;
}

/** Holds the levels of these SKUs until the transaction ends, in their order: for who moves them in several steps. */
export async function lockLevels(tx: Tx, skus: string[]): Promise<StockLevel[]> {
  return await tx<StockLevel[]>`
    select ${levelColumns(tx)} from stock_levels
    where sku = any(${skus}::text[]) and location = ${DEFAULT_LOCATION}
    order by sku for no key update`;
}

/** Which of these SKUs a document of the shop's is booked for. */
export async function listBookedSkus(
  tx: Tx,
  { skus, location, reference }: { skus: string[]; location: string; reference: string },
): Promise<string[]> {
  const rows = await tx<{ sku: string }[]>`
    select sku from stock_movements
    where sku = any(${skus}::text[]) and location = ${location} and reference = ${reference}`;
  return rows.map(({ sku }) => sku);
}

/** Whose stock moves: an order's, or what a quote holds. */
export interface StockHolder {
  order_id?: string;
  quote_id?: string;
  user_id: string;
  items: { sku: string; quantity: number }[];
}

/** Moves the stock of orders or quotes that exist: one statement, all SKUs of all of them or none. */
export async function moveStock(tx: Tx, ctx: Ctx, kind: OrderMove, holders: StockHolder[]): Promise<void> {
  const lines = holders.flatMap(({ items, ...holder }) =>
    items.map(({ sku, quantity }) => ({ ...holder, sku, quantity }))
  );
  if (lines.length === 0) return;
  await tx`
    with demand as materialized (
      select order_id, quote_id, user_id, sku, sum(quantity)::int as quantity, ${
    actorName(ctx.actor)
  } as actor,
             ${ctx.requestId} as request_id, ${ctx.traceparent ?? null}::text as traceparent,
             ${ctx.clock.now()}::timestamptz as at
      from jsonb_to_recordset(${tx.json(lines as never)}) as line (
        order_id uuid, quote_id uuid, user_id uuid, sku text, quantity int)
      group by order_id, quote_id, user_id, sku
    ), ${stockMoves(tx, kind)}
    select guard((select count(*) from moved) = (select count(*) from wanted), 'a stock level is missing')`;
}

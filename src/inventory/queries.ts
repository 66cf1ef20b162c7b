import { actorName, type Ctx } from "../platform/ctx.ts";
import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { newId } from "../platform/id.ts";
import { inventoryUpdated } from "./events.ts";
import {
  DEFAULT_LOCATION,
  type Demand,
  type Movement,
  ORDER_MOVES,
  type OrderMove,
  type StockLevel,
} from "./level.ts";

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
  filter: { location: string; lowStock?: boolean; skuPrefix?: string; afterSku?: string; limit: number },
): Promise<StockLevel[]> {
  return await sql<StockLevel[]>`
    select ${levelColumns(sql)} from stock_levels
    where location = ${filter.location}
      ${filter.afterSku === undefined ? sql`` : sql`and sku > ${filter.afterSku}`}
      ${filter.skuPrefix === undefined ? sql`` : sql`and starts_with(sku, ${filter.skuPrefix})`}
      ${filter.lowStock ? sql`and available <= low_stock_threshold` : sql``}
    order by sku limit ${filter.limit + 1}`;
}

/** A SKU's movements, newest first, `limit + 1` of them before `beforeId`. */
export async function listMovements(
  sql: Sql,
  filter: { sku: string; location: string; beforeId?: number; limit: number },
): Promise<Movement[]> {
  return await sql<Movement[]>`
    select id, sku, location, kind, on_hand_delta, reserved_delta, version, order_id, reason, reference, actor, created_at
    from stock_movements
    where sku = ${filter.sku} and location = ${filter.location}
      ${filter.beforeId === undefined ? sql`` : sql`and id < ${filter.beforeId}`}
    order by id desc limit ${filter.limit + 1}`;
}

/** Writes a locked level's new count with the movement that explains it. */
export async function insertAdjustment(
  tx: Tx,
  ctx: Ctx,
  movement: {
    sku: string;
    location: string;
    kind: "receipt" | "adjustment" | "return";
    delta: number;
    reason: string;
    reference: string | null;
  },
): Promise<StockLevel> {
  const now = ctx.clock.now().toISOString();
  const [level] = await tx<StockLevel[]>`
    with level as (
      update stock_levels set on_hand = on_hand + ${movement.delta}, version = version + 1, updated_at = ${now}
      where sku = ${movement.sku} and location = ${movement.location}
      returning *
    ), movement as (
      insert into stock_movements (sku, location, kind, on_hand_delta, reserved_delta, version, reason, reference,
                                   actor, request_id, created_at)
      select sku, location, ${movement.kind}, ${movement.delta}, 0, version, ${movement.reason}, ${movement.reference},
             ${actorName(ctx.actor)}, ${ctx.requestId}, ${now}::timestamptz
      from level
    )
    select ${levelColumns(tx)} from level`;
  return level!;
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
 * The CTEs `demand`, `locked`, `moved`, `movement` and `stock_event`, for a statement that moves an order's stock
 * as part of what it commits. `moved` holds one row for each SKU.
 *
 * Guarantees: rows are locked in the order of SKUs, so two orders never wait for each other in a circle; the
 * CHECK `stock_levels_available_check` undoes the whole statement rather than oversell.
 *
 * @param onlyIf nothing moves unless this holds
 */
export function stockMoves(
  sql: Sql | Tx,
  ctx: Ctx,
  move: { kind: OrderMove; orderId: string; userId: string; demand: Demand[]; onlyIf: Fragment },
): Fragment {
  const { onHand, reserved } = ORDER_MOVES[move.kind];
  const now = ctx.clock.now().toISOString();
  return sql`
    demand as materialized (
      select d.* from unnest(
        ${move.demand.map((d) => d.sku)}::text[],
        ${move.demand.map((d) => d.quantity)}::int[],
        ${move.demand.map(() => newId())}::uuid[]
      ) as d (sku, quantity, event_id)
      where ${move.onlyIf}
    ), locked as materialized (
      select s.sku, s.location from stock_levels s join demand d on d.sku = s.sku
      where s.location = ${DEFAULT_LOCATION}
      order by s.sku for no key update of s
    ), moved as (
      update stock_levels s
      set on_hand = s.on_hand + ${onHand}::int * d.quantity, reserved = s.reserved + ${reserved}::int * d.quantity,
          version = s.version + 1, updated_at = ${now}::timestamptz
      from locked l join demand d on d.sku = l.sku
      where s.sku = l.sku and s.location = l.location
      returning s.*, ${onHand}::int * d.quantity as on_hand_delta, ${reserved}::int * d.quantity as reserved_delta,
                d.event_id
    ), movement as (
      insert into stock_movements (sku, location, kind, on_hand_delta, reserved_delta, version, order_id, actor,
                                   request_id, created_at)
      select sku, location, ${move.kind}, on_hand_delta, reserved_delta, version, ${move.orderId}::uuid,
             ${actorName(ctx.actor)}, ${ctx.requestId}, ${now}::timestamptz
      from moved
    ), stock_event as (
      insert into events (id, type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, data,
                          occurred_at)
      select event_id, ${inventoryUpdated.type}, ${inventoryUpdated.version}::smallint, ${inventoryUpdated.aggregate},
             sku || '@' || location, version, ${move.userId}::uuid, ${actorName(ctx.actor)}, ${ctx.requestId},
             jsonb_build_object(
               'sku', sku, 'location', location, 'on_hand', on_hand, 'reserved', reserved, 'available', available,
               'low_stock_threshold', low_stock_threshold, 'kind', ${move.kind}::text,
               'on_hand_delta', on_hand_delta, 'reserved_delta', reserved_delta, 'order_id', ${move.orderId}::text),
             ${now}::timestamptz
      from moved
    )`;
}

/** Moves the stock of an order that exists: one statement, all SKUs or none. */
export async function moveOrderStock(
  tx: Tx,
  ctx: Ctx,
  move: { kind: OrderMove; orderId: string; userId: string; demand: Demand[] },
): Promise<void> {
  await tx`
    with ${stockMoves(tx, ctx, { ...move, onlyIf: tx`true` })}
    select guard((select count(*) from moved) = ${move.demand.length}, 'a stock level is missing')`;
}

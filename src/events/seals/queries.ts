import type { z } from "@hono/zod-openapi";
import type { Fragment, Sql, Tx } from "../../platform/db.ts";
import { leadingRows } from "../../platform/event_log.ts";
import type { SealSchema } from "./schemas.ts";

/** A link of the chain over the log. */
export type Seal = z.infer<typeof SealSchema>;

const sealColumns = (sql: Sql | Tx): Fragment =>
  sql`position, since, events, encode(hash, 'hex') as hash, sealed_at`;

/**
 * SHA-256 of one event, all of it, as the text of a JSON array; its table is called `e`. The order and the spelling of the
 * fields must never change.
 */
const digest = (sql: Sql | Tx): Fragment =>
  sql`sha256(convert_to(jsonb_build_array(
    e.position, e.id, e.type, e.version, e.aggregate_type, e.aggregate_id, e.sequence, e.user_id, e.actor, e.request_id,
    e.traceparent, e.data, (extract(epoch from e.occurred_at) * 1000000)::bigint
  )::text, 'UTF8'))`;

/** What a stretch of events makes of the seal before: `before` is its hash, null for the first. */
export const chained = (sql: Sql | Tx, before: Fragment): Fragment =>
  sql`sha256(coalesce(${before}, ''::bytea) || string_agg(${digest(sql)}, ''::bytea order by e.position))`;

/**
 * Seals the next events: `limit` of them at the most, none behind `upTo`, and no more once they are `bytes` as they are
 * stored. Undefined where there are none, or where somebody else has just sealed them.
 */
export async function insertSeal(
  sql: Sql,
  upTo: number,
  { limit, bytes }: { limit: number; bytes: number },
): Promise<Seal | undefined> {
  const condition = sql`position > coalesce((select position from last), 0) and position <= ${upTo}`;
  const [seal] = await sql<Seal[]>`
    with last as materialized (
      select position, hash from event_seals order by position desc limit 1
    ), e as materialized ${leadingRows(sql, { condition, limit, bytes })}
    insert into event_seals (position, since, events, hash)
    select max(e.position), coalesce((select position from last), 0), count(*), ${
    chained(sql, sql`(select hash from last)`)
  }
    from e having count(*) > 0
    on conflict do nothing
    returning ${sealColumns(sql)}`;
  return seal;
}

/** Seals, the latest first, `limit + 1` of them before `beforePosition`. */
export async function listSealRows(
  sql: Sql,
  { beforePosition, limit }: { beforePosition?: number; limit: number },
): Promise<Seal[]> {
  return await sql<Seal[]>`
    select ${sealColumns(sql)} from event_seals
    ${beforePosition === undefined ? sql`` : sql`where position < ${beforePosition}`}
    order by position desc limit ${limit + 1}`;
}

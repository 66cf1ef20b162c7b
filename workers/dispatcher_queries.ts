import type { Sql, Tx } from "../src/platform/db.ts";
import { leadingRows, MAX_STORED_BYTES, storedBytes } from "../src/platform/event_log.ts";
import type { OutgoingEvent } from "../src/platform/kafka.ts";

/** An event with the shard that it belongs to. */
export interface ShardedEvent extends OutgoingEvent {
  shard: number;
}

/** One that was read from the log; `behind`: an event of its key was refused, and is not done with yet. */
export interface ReadEvent extends ShardedEvent {
  behind: boolean;
}

/** One from the outbox. */
export interface HeldEvent extends ShardedEvent {
  attempts: number;
}

/** A shard as it is held: `live` while its owner's lease lasts. */
export interface ShardRow {
  shard: number;
  owner: string | null;
  live: boolean;
}

const eventColumns = (sql: Sql | Tx) =>
  sql`e.position, e.id, e.type, e.version, e.aggregate_type, e.aggregate_id, e.sequence, e.traceparent, e.occurred_at,
      e.data::text as data`;

/** All shards of Kafka's reader, locked in their order: whoever locks several of them does so in that order. */
export async function lockShards(tx: Tx): Promise<ShardRow[]> {
  return await tx<ShardRow[]>`
    select shard, owner, owner is not null and owned_until > now() as live
    from log_readers where name = 'kafka' order by shard for no key update`;
}

/** Makes these locked shards `owner`'s from now on, for so long. */
export async function holdShards(tx: Tx, owner: string, shards: number[], leaseMs: number): Promise<void> {
  await tx`
    update log_readers set owner = ${owner}, owned_until = now() + ${leaseMs}::int * interval '1 millisecond'
    where name = 'kafka' and shard = any(${shards}::smallint[])`;
}

/** Lets others have these shards, if they still are `owner`'s. */
export async function releaseShards(tx: Tx, owner: string, shards: number[]): Promise<void> {
  await lockOwned(tx, owner, shards);
  await tx`
    update log_readers set owner = null, owned_until = null
    where name = 'kafka' and owner = ${owner} and shard = any(${shards}::smallint[])`;
}

/** Which of these shards are `owner`'s. They stay so until the transaction ends. */
export async function lockOwned(tx: Tx, owner: string, shards: number[]): Promise<number[]> {
  const rows = await tx<{ shard: number }[]>`
    select shard from log_readers
    where name = 'kafka' and owner = ${owner} and shard = any(${shards}::smallint[])
    order by shard for no key update`;
  return rows.map(({ shard }) => shard);
}

export async function findPositions(sql: Sql, shards: number[]): Promise<Map<number, number>> {
  const rows = await sql<{ shard: number; position: number }[]>`
    select shard, position from log_readers where name = 'kafka' and shard = any(${shards}::smallint[])`;
  return new Map(rows.map(({ shard, position }) => [shard, position]));
}

export async function movePositions(tx: Tx, shards: number[], position: number): Promise<void> {
  await tx`
    update log_readers set position = ${position}, updated_at = now()
    where name = 'kafka' and shard = any(${shards}::smallint[]) and position < ${position}::bigint`;
}

/**
 * The next `limit` events of all shards, no more once they are `bytes` as they are stored, less those of other shards than
 * these; `to` is where they end.
 */
export async function readShards(
  sql: Sql,
  range: { shards: number[]; after: number; upTo: number; limit: number; bytes: number },
): Promise<{ events: ReadEvent[]; to: number }> {
  const { shards, after, upTo, limit, bytes } = range;
  const condition = sql`position > ${after} and position <= ${upTo}`;
  const end = sql`
    coalesce((
      select max(position) from ${leadingRows(sql, { condition, limit, bytes })} read
      having count(*) = ${limit} or max(stored_bytes) >= ${bytes}::bigint), ${upTo}::bigint)`;
  const rows = await sql<(ReadEvent & { to: number })[]>`
    with till as materialized (select ${end} as position)
    select till.position as to, e.*
    from till left join lateral (
      select ${eventColumns(sql)}, shard_of(e.aggregate_id) as shard,
             exists (select from outbox o where o.status = 'held' and o.shard = shard_of(e.aggregate_id)
                     and o.message_key = e.aggregate_id) as behind
      from events e
      where e.position > ${after} and e.position <= till.position
        and shard_of(e.aggregate_id) = any(${shards}::smallint[])
    ) e on true
    order by e.position`;
  return { events: rows.filter(({ position }) => position !== null), to: rows[0]!.to };
}

/**
 * What of the outbox is due, in order: of each key its first event, and those behind it as far as none of them was
 * tried before (because what they waited for is done with). Of a key that thousands wait for no more are read than may
 * be given. No more of them once they are {@link MAX_STORED_BYTES}.
 */
export async function listDue(sql: Sql | Tx, shards: number[], limit: number): Promise<HeldEvent[]> {
  return await sql<HeldEvent[]>`
    select ${eventColumns(sql)}, e.shard, e.attempts
    from (
      select e.*, due.shard, due.attempts, ${storedBytes(sql)} as stored_bytes
      from (
        select o.position, head.shard, o.attempts
        from (
          select distinct on (shard, message_key) shard, message_key, next_attempt_at
          from outbox where status = 'held' and shard = any(${shards}::smallint[])
          order by shard, message_key, position
        ) head
        cross join lateral (
          select position, attempts, row_number() over (order by position) as turn,
                 max(attempts) over (order by position) as tried
          from (
            select position, attempts from outbox
            where status = 'held' and shard = head.shard and message_key = head.message_key
            order by position limit ${limit}
          ) ahead
        ) o
        where head.next_attempt_at <= now() and (o.turn = 1 or o.tried = 0)
        order by o.position limit ${limit}
      ) due join events e using (position)
    ) e
    where stored_bytes - pg_column_size(data) < ${MAX_STORED_BYTES}::bigint
    order by e.position`;
}

/** A row of the outbox as an attempt, or the lack of one, leaves it. */
export interface OutboxRow {
  position: number;
  shard: number;
  message_key: string;
  status: "held" | "dead";
  attempts: number;
  /** How long it rests. */
  delay_ms: number;
  error: string | null;
}

/** Adds these, save those that are there already. */
export async function insertOutbox(tx: Tx, rows: OutboxRow[]): Promise<void> {
  if (rows.length === 0) return;
  await tx`
    insert into outbox (position, shard, message_key, status, attempts, next_attempt_at, error, dead_at)
    select position, shard, message_key, status, attempts, now() + delay_ms * interval '1 millisecond', error,
           case when status = 'dead' then now() end
    from jsonb_to_recordset(${tx.json(rows as never)}) as row (
      position bigint, shard smallint, message_key text, status text, attempts int, delay_ms int, error text
    )
    on conflict (position) do nothing`;
}

/** Writes down how these fared, save those that staff discarded meanwhile. */
export async function updateOutbox(tx: Tx, rows: OutboxRow[]): Promise<void> {
  if (rows.length === 0) return;
  await tx`
    update outbox o
    set status = row.status, attempts = row.attempts, error = row.error,
        next_attempt_at = now() + row.delay_ms * interval '1 millisecond',
        dead_at = case when row.status = 'dead' then now() end
    from jsonb_to_recordset(${tx.json(rows as never)}) as row (
      position bigint, status text, attempts int, delay_ms int, error text
    )
    where o.position = row.position`;
}

export async function deleteOutbox(tx: Tx, positions: number[]): Promise<void> {
  if (positions.length === 0) return;
  await tx`delete from outbox where position = any(${positions}::bigint[])`;
}

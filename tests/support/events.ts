import { assert, assertEquals, AssertionError } from "@std/assert";
import { EVENT_TYPES } from "../../src/events/mod.ts";
import { type Sql, transaction, type Tx } from "../../src/platform/db.ts";

const CHUNK = 1000;
/** UTC, to the millisecond. */
const TOLD_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * Fails the test if the log holds an event of no registered type, of another shape than its type and version say, or
 * out of turn among those of its aggregate. Gives how many there are of each type.
 *
 * @param times as they are written: by Waybill itself always in one way, by PostgreSQL in another
 */
export async function assertEventsValid(sql: Sql, times = TOLD_TIME): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const turns = new Map<string, number>();
  for (let after = 0;;) {
    const events = await sql<
      {
        position: number;
        type: string;
        version: number;
        aggregate_type: string;
        aggregate_id: string;
        sequence: number;
        occurred_at: string;
        data: { updated_at?: string };
      }[]
    >`
      select position, type, version, aggregate_type, aggregate_id, sequence, occurred_at, data from events
      where position > ${after} order by position limit ${CHUNK}`;
    for (const event of events) {
      const what = `${event.type} v${event.version} at ${event.position}`;
      const registered = EVENT_TYPES.find(({ type, version }) =>
        type === event.type && version === event.version
      );
      if (!registered) throw new AssertionError(`${what} is not registered`);
      assertEquals(event.aggregate_type, registered.aggregate, what);
      const parsed = registered.schema.safeParse(event.data);
      assert(parsed.success, `${what} is not of its shape: ${JSON.stringify(parsed.error?.issues)}`);
      assertEquals(parsed.data, event.data, `${what} holds more than its shape says`);
      for (const time of timesIn(event.data)) assert(times.test(time), `${what} tells a time as ${time}`);
      const { updated_at = event.occurred_at } = event.data;
      assertEquals(Date.parse(updated_at), Date.parse(event.occurred_at), `${what}: when it happened`);
      const aggregate = `${event.aggregate_type} ${event.aggregate_id}`;
      const turn = turns.get(aggregate);
      if (turn !== undefined) assertEquals(event.sequence, turn + 1, `${what}: the turn of ${aggregate}`);
      turns.set(aggregate, event.sequence);
      counts[event.type] = (counts[event.type] ?? 0) + 1;
    }
    if (events.length < CHUNK) return counts;
    after = events.at(-1)!.position;
  }
}

/** All texts in it that begin as a time does. */
function timesIn(data: unknown): string[] {
  if (typeof data === "string") return /^\d{4}-\d\d-\d\dT/.test(data) ? [data] : [];
  return typeof data === "object" && data !== null ? Object.values(data).flatMap(timesIn) : [];
}

/** Does with the log what nobody may: no trigger is in the way of `work`. */
export async function rewriteLog(sql: Sql, work: (tx: Tx) => Promise<unknown>): Promise<void> {
  await transaction(sql, async (tx) => {
    await tx`set local session_replication_role = replica`;
    await work(tx);
  });
}

/** Adds events of 1.4 MB each, which PostgreSQL cannot compress much. */
export async function addLargeEvents(sql: Sql, count: number): Promise<void> {
  await sql`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
    select 'order.created', 1, 'order', gen_random_uuid(), 1, 'system', data, now()
    from (
      select jsonb_build_object('note', string_agg(gen_random_uuid()::text, '')) as data
      from generate_series(1, 40000)
    ) large, generate_series(1, ${count}::int)`;
}

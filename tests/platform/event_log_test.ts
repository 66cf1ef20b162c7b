import { assert, assertEquals, assertRejects } from "@std/assert";
import { openDatabase, type Sql } from "../../src/platform/db.ts";
import {
  advanceReader,
  type LoggedEvent,
  MAX_STORED_BYTES,
  readEvents,
} from "../../src/platform/event_log.ts";
import { LogHorizon } from "../../src/platform/log_horizon.ts";
import { withConnection } from "../../tools/database_admin.ts";
import { testDatabase } from "../support/database.ts";
import { addLargeEvents, rewriteLog } from "../support/events.ts";

const READER = "jobs";
const PATIENCE_MS = 20_000;

interface World {
  sql: Sql;
  horizon: LogHorizon;
  url: string;
}

async function withLog(work: (world: World) => Promise<void>): Promise<void> {
  await using database = await testDatabase();
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 5 });
  try {
    await sql`create table effects (event_id uuid, by text)`;
    await work({ sql, horizon: new LogHorizon(sql), url: database.url });
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function append(sql: Sql, count: number, aggregate = crypto.randomUUID() as string): Promise<void> {
  await sql`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
    select 'test.happened', 1, 'test', ${aggregate}, n, 'system:test', '{}', now()
    from generate_series(1, ${count}::int) as n`;
}

const write =
  (by: string) => async (tx: Parameters<Parameters<typeof advanceReader>[4]>[0], events: LoggedEvent[]) => {
    for (const { id } of events) await tx`insert into effects values (${id}, ${by})`;
  };

async function cursorOf(sql: Sql): Promise<number> {
  const [row] = await sql<
    { position: number }[]
  >`select position from log_readers where name = ${READER} and shard = 0`;
  return row!.position;
}

/** Advances until the reader has come to the end of the log. */
async function advanceToEnd({ sql, horizon }: World, by: string, limit: number): Promise<void> {
  const [row] = await sql<{ end: number }[]>`select coalesce(max(position), 0) as end from events`;
  for (const deadline = Date.now() + PATIENCE_MS; await cursorOf(sql) < row!.end;) {
    await advanceReader(sql, horizon, READER, limit, write(by));
    assert(Date.now() < deadline, "the reader does not come to the end");
  }
}

/** What a reader gets each time, until it is told that there is no more. */
async function readInBatches({ sql, horizon }: World, limit: number): Promise<LoggedEvent[][]> {
  const batches: LoggedEvent[][] = [];
  for (let mayBeMore = true; mayBeMore;) {
    ({ mayBeMore } = await advanceReader(sql, horizon, READER, limit, (_, events) => {
      batches.push(events);
      return Promise.resolve();
    }));
  }
  return batches;
}

async function assertEachOnce(sql: Sql): Promise<void> {
  const wrong = await sql`
    select e.position, count(f.event_id)::int as effects from events e left join effects f on f.event_id = e.id
    group by e.position having count(f.event_id) <> 1`;
  assertEquals([...wrong], []);
}

Deno.test("A reader gets every event once and in order, in batches as large as it wants", async () => {
  await withLog(async (world) => {
    const { sql, horizon } = world;
    await append(sql, 25);
    const batches = await readInBatches(world, 10);
    assertEquals(batches.map(({ length }) => length), [10, 10, 5]);
    assertEquals(batches.flat().map(({ sequence }) => sequence), Array.from({ length: 25 }, (_, n) => n + 1));
    assertEquals(await cursorOf(sql), 25);
    const none = () => Promise.reject(new Error("There is nothing to do"));
    assertEquals(await advanceReader(sql, horizon, READER, 10, none), { count: 0, mayBeMore: false });
  });
});

Deno.test("Work that throws leaves neither its effects nor a moved cursor, and the next attempt has the same events", async () => {
  await withLog(async (world) => {
    const { sql, horizon } = world;
    await append(sql, 5);
    await assertRejects(
      () =>
        advanceReader(sql, horizon, READER, 3, async (tx, events) => {
          await write("broken")(tx, events);
          throw new Error("broken off");
        }),
      Error,
      "broken off",
    );
    assertEquals([await cursorOf(sql), (await sql`select from effects`).length], [0, 0]);
    await advanceToEnd(world, "again", 3);
    await assertEachOnce(sql);
  });
});

Deno.test("A process that is killed in its work, or before its commit, is as if it had never begun", async () => {
  await withLog(async (world) => {
    const { sql, url } = world;
    await append(sql, 5);
    for (const moment of ["in its work", "before its commit"]) {
      const doomed = openDatabase({ databaseUrl: url, databasePoolSize: 2 });
      const died = await advanceReader(doomed, new LogHorizon(doomed), READER, 5, async (tx, events) => {
        if (moment === "before its commit") await write("doomed")(tx, events);
        const [row] = await tx`select pg_backend_pid() as pid`;
        await withConnection(url, (other) => other`select pg_terminate_backend(${row!.pid})`);
        await write("doomed")(tx, events);
      }).then(() => false, () => true);
      await doomed.end({ timeout: 1 });
      assert(died, moment);
      assertEquals([await cursorOf(sql), (await sql`select from effects`).length], [0, 0], moment);
    }
    await advanceToEnd(world, "survivor", 2);
    await assertEachOnce(sql);
  });
});

Deno.test("Of two that read at once one works, and the other finds nothing to do", async () => {
  await withLog(async ({ sql, horizon }) => {
    await append(sql, 5);
    const inside = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const first = advanceReader(sql, horizon, READER, 10, async (tx, events) => {
      await write("first")(tx, events);
      inside.resolve();
      await goOn.promise;
    });
    await inside.promise;
    assertEquals((await advanceReader(sql, horizon, READER, 10, write("second"))).count, 0);
    goOn.resolve();
    assertEquals((await first).count, 5);
    await assertEachOnce(sql);
    assertEquals((await advanceReader(sql, horizon, READER, 10, write("second"))).count, 0);
  });
});

Deno.test("Processes that race while the log grows do each event once", async () => {
  await withLog(async (world) => {
    const { sql, url } = world;
    let growing = true;
    const racers = Array.from({ length: 3 }, async (_, n) => {
      const own = openDatabase({ databaseUrl: url, databasePoolSize: 2 });
      const racer = { sql: own, horizon: new LogHorizon(own), url };
      while (growing) await advanceReader(own, racer.horizon, READER, 7, write(`racer ${n}`));
      await advanceToEnd(racer, `racer ${n}`, 7);
      await own.end({ timeout: 1 });
    });
    await Promise.all(Array.from({ length: 4 }, async () => {
      for (let n = 0; n < 25; n++) {
        await append(sql, 1 + n % 4);
        if (n % 5 === 0) await append(sql, 1, "taken").catch(() => {}); // leaves a gap
      }
    }));
    growing = false;
    await Promise.all(racers);
    await assertEachOnce(sql);
  });
});

Deno.test("A reader waits before a transaction that is under way, and moves past a gap that stays empty", async () => {
  await withLog(async (world) => {
    const { sql, horizon } = world;
    const drawn = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    await append(sql, 1);
    const late = sql.begin(async (tx) => {
      await append(tx as unknown as Sql, 1);
      drawn.resolve();
      await end.promise;
      throw new Error("undone");
    }).catch(() => {});
    await drawn.promise;
    await append(sql, 1);
    assertEquals((await advanceReader(sql, horizon, READER, 10, write("reader"))).count, 1);
    assertEquals((await advanceReader(sql, horizon, READER, 10, write("reader"))).count, 0);
    assertEquals(await cursorOf(sql), 1);
    end.resolve();
    await late;
    await advanceToEnd(world, "reader", 10);
    assertEquals(await cursorOf(sql), 3);
    await assertEachOnce(sql);
  });
});

Deno.test("Reading by user gives only theirs, within the bounds", async () => {
  await withLog(async ({ sql }) => {
    const [user, other] = [crypto.randomUUID(), crypto.randomUUID()];
    await append(sql, 3, "a");
    await append(sql, 3, "b");
    await rewriteLog(sql, async (tx) => {
      await tx`update events set user_id = ${user} where sequence = 2`;
      await tx`update events set user_id = ${other} where sequence = 3`;
    });
    const positions = async (filter: object) =>
      (await readEvents(sql, { after: 0, upTo: 6, limit: 10, ...filter })).events.map(({ position }) =>
        position
      );
    assertEquals(await positions({}), [1, 2, 3, 4, 5, 6]);
    assertEquals(await positions({ after: 2, upTo: 5 }), [3, 4, 5]);
    assertEquals(await positions({ limit: 2 }), [1, 2]);
    assertEquals(await positions({ userId: user }), [2, 5]);
    assertEquals(await positions({ userId: user, after: 2 }), [5]);
  });
});

Deno.test("Of large events few are read at a time, one of them at the least, and none is left out", async () => {
  await withLog(async (world) => {
    await append(world.sql, 4);
    await addLargeEvents(world.sql, 8);
    const read = await readInBatches(world, 10);
    assertEquals(read.flat().map(({ position }) => position), Array.from({ length: 12 }, (_, n) => n + 1));
    assert(read.length >= 4, `${read.length} batches`);
  });
});

Deno.test("Of events that are to the byte as large as what is read at a time, none behind them is left out", async () => {
  await withLog(async (world) => {
    const { sql } = world;
    await sql`alter table events alter column data set storage external`; // uncompressed
    const sizeOfNext = async (length: number) => {
      await sql`
        insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
        values ('test.happened', 1, 'test', ${crypto.randomUUID()}, 1, 'system:test',
                jsonb_build_object('note', repeat('x', ${length}::int)), now())`;
      const [row] = await sql`select pg_column_size(data) as size from events order by position desc limit 1`;
      return row!.size as number;
    };
    const half = MAX_STORED_BYTES / 2;
    const more = await sizeOfNext(half) - half;
    assertEquals(await sizeOfNext(half - 2 * more), half - more);
    await append(sql, 1);
    const read = await readInBatches(world, 10);
    assertEquals(read.map((events) => events.map(({ position }) => position)), [[1, 2], [3]]);
  });
});

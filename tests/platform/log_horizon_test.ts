import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { setTimeout as delay } from "node:timers/promises";
import postgres from "postgres";
import { openDatabase, type Sql } from "../../src/platform/db.ts";
import { type LoggedEvent, readEvents } from "../../src/platform/event_log.ts";
import { LogHorizon } from "../../src/platform/log_horizon.ts";
import { testDatabase } from "../support/database.ts";
import { rewriteLog } from "../support/events.ts";

const PATIENCE_MS = 20_000;

interface World {
  sql: Sql;
  writers: postgres.Sql;
  url: string;
}

/** A migrated database, a pool as a process has it, and one for up to thirty transactions that are held open. */
async function withLog(work: (world: World) => Promise<void>): Promise<void> {
  await using database = await testDatabase();
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 5 });
  const writers = postgres(database.url, { max: 30, onnotice: () => {} });
  try {
    await work({ sql, writers, url: database.url });
  } finally {
    // A transaction that a failed test holds does not end by itself.
    await Promise.all([sql.end({ timeout: 1 }), writers.end({ timeout: 1 })]);
  }
}

/** Appends the next event of an aggregate, as verbs do: under a lock that only one transaction has. */
async function append(tx: postgres.TransactionSql, aggregate: string): Promise<number> {
  await tx`select pg_advisory_xact_lock(hashtext(${aggregate}))`;
  return await appendUnlocked(tx, aggregate);
}

async function appendUnlocked(tx: postgres.TransactionSql, aggregate: string): Promise<number> {
  const [row] = await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
    select 'test.happened', 1, 'test', ${aggregate}, 1 + coalesce(max(sequence), 0), 'system:test', '{}', now()
    from events where aggregate_type = 'test' and aggregate_id = ${aggregate}
    returning position`;
  return Number(row!.position);
}

interface Held {
  position: number;
  end(how: "commit" | "rollback"): Promise<void>;
}

/** A transaction that has drawn a position and waits to be told how it ends. */
async function hold(writers: postgres.Sql, aggregate: string): Promise<Held> {
  const ready = Promise.withResolvers<number>();
  const ending = Promise.withResolvers<"commit" | "rollback">();
  const undone = new Error("undone");
  const running = writers.begin(async (tx) => {
    ready.resolve(await appendUnlocked(tx, aggregate));
    if (await ending.promise === "rollback") throw undone;
  }).catch((error) => {
    ready.reject(error);
    if (error !== undone) throw error;
  });
  running.catch(() => {});
  return {
    position: await ready.promise,
    async end(how) {
      ending.resolve(how);
      await running;
    },
  };
}

/** A transaction that has an id, draws no position, and ends when it is told to. */
async function begin(writers: postgres.Sql): Promise<() => Promise<void>> {
  const hasId = Promise.withResolvers<void>();
  const ending = Promise.withResolvers<void>();
  const running = writers.begin(async (tx) => {
    await tx`select pg_current_xact_id()`;
    hasId.resolve();
    await ending.promise;
  });
  await hasId.promise;
  return async () => {
    ending.resolve();
    await running;
  };
}

async function commitOne(writers: postgres.Sql, aggregate: string): Promise<number> {
  return await writers.begin((tx) => append(tx, aggregate)) as number;
}

/**
 * Asks until the horizon is there. Other tests' transactions on this server count as well: a gap that nobody holds
 * any more may take until those end.
 */
async function settlesAt(horizon: LogHorizon, position: number): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const settled = await horizon.settled();
    if (settled === position) return;
    assert(settled < position, `settled ${settled}, beyond ${position}`);
    assert(Date.now() < deadline, `still at ${settled}, not at ${position}`);
    await delay(5);
  }
}

/** Looks a few times, and finds it where it was. */
async function staysAt(horizon: LogHorizon, position: number): Promise<void> {
  for (let look = 0; look < 5; look++) assertEquals(await horizon.settled(), position);
}

Deno.test("Twenty writers that commit in any order: the reader gets every event once, a naive one passes by some", async () => {
  await withLog(async ({ sql, writers }) => {
    const horizon = new LogHorizon(sql);
    const read: LoggedEvent[] = [];
    const naivelyRead = new Set<string>();
    let cursor = 0;
    let naive = 0;
    let done = false;

    /** Waits until the naive reader is past a position: whoever still holds an earlier one it has passed by. */
    const naiveIsPast = async (position: number, patienceMs = PATIENCE_MS) => {
      for (const deadline = Date.now() + patienceMs; naive < position && Date.now() < deadline;) {
        await delay(1);
      }
    };
    const write = async (writer: number) => {
      for (let round = 0; round < 12; round++) {
        const fate = (writer + round) % 5;
        const undone = new Error("undone");
        await writers.begin(async (tx) => {
          let last = 0;
          for (let n = 0; n <= (writer + round) % 3; n++) last = await append(tx, `${writer % 7}`);
          await tx`savepoint s`;
          last = await append(tx, `own-${writer}`);
          if (fate === 1) await tx`rollback to savepoint s`;
          if (fate === 2) throw undone;
          await delay(Math.random() * 4);
          if (fate === 3) await naiveIsPast(last + 1, 50);
        }).catch((error) => {
          if (error !== undone) throw error;
        });
      }
    };
    const readAll = async () => {
      for (let last = false;;) {
        last = done;
        const upTo = await horizon.settled();
        const { events, reached } = await readEvents(sql, {
          after: cursor,
          upTo,
          limit: 1 + Math.floor(Math.random() * 20),
        });
        read.push(...events);
        cursor = reached;
        const [row] = await sql`select max(position) as position from events`;
        if (last && events.length === 0 && upTo >= (row!.position as number)) return;
      }
    };
    const readNaively = async () => {
      while (!done) {
        const { events } = await readEvents(sql, {
          after: naive,
          upTo: Number.MAX_SAFE_INTEGER,
          limit: 1000,
        });
        for (const event of events) naivelyRead.add(event.id);
        naive = events.at(-1)?.position ?? naive;
      }
    };
    const reading = Promise.all([readAll(), readNaively()]);
    await Promise.all(Array.from({ length: 20 }, (_, writer) => write(writer)));
    const late = await hold(writers, "late");
    const ahead = await commitOne(writers, "ahead");
    await naiveIsPast(ahead);
    await late.end("commit");
    done = true;
    await reading;

    const all = await sql<
      { id: string; position: number }[]
    >`select id, position from events order by position`;
    assertEquals(read.map(({ id }) => id), all.map(({ id }) => id));
    const [{ drawn }] = await sql`select last_value as drawn from events_position_seq` as unknown as [
      { drawn: number },
    ];
    assert(drawn > all.length + 20, "too few transactions were undone to show anything");
    const sequences = new Map<string, number>();
    for (const { aggregate_id, sequence } of read) {
      assertEquals(sequence, 1 + (sequences.get(aggregate_id) ?? 0), `of ${aggregate_id}`);
      sequences.set(aggregate_id, sequence);
    }
    assert(naivelyRead.size < all.length, "the naive reader would have done as well");
  });
});

Deno.test("Who holds a gap holds the horizon, also if its id is younger than every transaction that ended", async () => {
  await withLog(async ({ sql, writers }) => {
    const horizon = new LogHorizon(sql);
    const before = await commitOne(writers, "a");
    await settlesAt(horizon, before);
    // The older transaction draws the later position and ends: what PostgreSQL calls xmax is then its id + 1, which
    // is the id of the one that still runs.
    const draw = Promise.withResolvers<void>();
    const hasId = Promise.withResolvers<void>();
    const older = writers.begin(async (tx) => {
      await tx`select pg_current_xact_id()`;
      hasId.resolve();
      await draw.promise;
      return await appendUnlocked(tx, "b");
    });
    await hasId.promise;
    const younger = await hold(writers, "c");
    draw.resolve();
    const position = await older as number;
    assert(position > younger.position);
    await staysAt(horizon, before);
    await younger.end("commit");
    await settlesAt(horizon, position);
  });
});

Deno.test("A transaction that holds no gap is not waited for, however long it runs", async () => {
  await withLog(async ({ sql, writers }) => {
    const horizon = new LogHorizon(sql);
    await horizon.settled();
    const end = await begin(writers);
    for (let n = 0; n < 5; n++) {
      const position = await commitOne(writers, "a");
      assertEquals(await horizon.settled(), position);
    }
    await end();
  });
});

Deno.test("A gap that a rollback left is passed, even though new transactions never cease", async () => {
  await withLog(async ({ sql, writers }) => {
    const horizon = new LogHorizon(sql);
    const first = await commitOne(writers, "a");
    await settlesAt(horizon, first);
    let busy = true;
    const load = (async () => {
      // Always some transaction with an id is under way: one begins before the one before it ends.
      let end = await begin(writers);
      while (busy) {
        const next = await begin(writers);
        await end();
        end = next;
      }
      await end();
    })();
    const undone = await hold(writers, "b");
    const behind = await commitOne(writers, "c");
    await staysAt(horizon, first);
    await undone.end("rollback");
    await settlesAt(horizon, behind);
    busy = false;
    await load;
  });
});

Deno.test("Each gap waits for those that could fill it and not for the next one", async () => {
  await withLog(async ({ sql, writers }) => {
    const horizon = new LogHorizon(sql);
    const first = await hold(writers, "a");
    const between = await commitOne(writers, "b");
    await staysAt(horizon, first.position - 1);
    const second = await hold(writers, "c");
    const last = await commitOne(writers, "d");
    await first.end("commit");
    await settlesAt(horizon, between);
    await staysAt(horizon, between);
    await second.end("rollback");
    await settlesAt(horizon, last);
  });
});

Deno.test("A process that starts late begins where readers are, and waits for gaps behind that all the same", async () => {
  await withLog(async ({ sql, writers }) => {
    const early = new LogHorizon(sql);
    const undone = await hold(writers, "a");
    const passed = await commitOne(writers, "b");
    await undone.end("rollback");
    await settlesAt(early, passed);
    await sql`update log_readers set position = ${passed} where name = 'jobs'`;
    const held = await hold(writers, "c");
    const behind = await commitOne(writers, "d");
    const late = new LogHorizon(sql);
    await staysAt(late, passed);
    await held.end("commit");
    await settlesAt(late, behind);
  });
});

Deno.test("A process that starts before any reader takes a long log in one call, gaps and all", async () => {
  await withLog(async ({ sql, writers }) => {
    await writers`
      insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
      select 'test.happened', 1, 'test', 'many', n, 'system:test', '{}', now() from generate_series(1, 25000) as n`;
    const end = await begin(writers); // or what is seen would be settled without being counted
    assertEquals(await new LogHorizon(sql).settled(), 25_000);
    await end();
    await rewriteLog(sql, (tx) => tx`delete from events where position in (5, 9999, 10001, 20000)`);
    await settlesAt(new LogHorizon(sql), 25_000);
  });
});

Deno.test("Calls at the same time share looks, and each sees what its caller committed before", async () => {
  await withLog(async ({ sql, writers }) => {
    let looks = 0;
    let seen = () => {};
    let answer = Promise.resolve();
    const counting = new Proxy(sql, {
      apply(target, self, args) {
        const query = Reflect.apply(target as never, self, args) as Promise<unknown>;
        if (!String(args[0]).includes("pg_current_snapshot")) return query;
        looks++;
        return query.then(async (rows) => {
          seen();
          await answer;
          return rows;
        });
      },
    });
    const horizon = new LogHorizon(counting);
    await horizon.settled();
    looks = 0;
    await Promise.all(Array.from({ length: 100 }, () => horizon.settled()));
    assert(looks <= 2, `${looks} looks for 100 calls`);
    const held = Promise.withResolvers<void>();
    answer = held.promise;
    const looked = new Promise<void>((resolve) => seen = resolve);
    const early = horizon.settled();
    await looked;
    const committed = await commitOne(writers, "a");
    const later = horizon.settled();
    held.resolve();
    assertEquals([await early < committed, await later], [true, committed]);
    for (let round = 0; round < 20; round++) {
      const settled: number[] = [];
      await Promise.all(Array.from({ length: 10 }, async (_, n) => {
        if (n === 5) {
          const position = await commitOne(writers, "a");
          assert(await horizon.settled() >= position);
        } else settled.push(await horizon.settled());
      }));
      assertEquals(settled, settled.toSorted((a, b) => a - b), "it never goes back");
    }
  });
});

Deno.test("A look that failed fails its callers only", async () => {
  await withLog(async ({ sql, writers }) => {
    let broken = true;
    const flaky = new Proxy(sql, {
      apply(target, self, args) {
        return broken ? Promise.reject(new Error("away")) : Reflect.apply(target as never, self, args);
      },
    });
    const horizon = new LogHorizon(flaky);
    const results = await Promise.allSettled([horizon.settled(), horizon.settled()]);
    assertEquals(results.map(({ status }) => status), ["rejected", "rejected"]);
    broken = false;
    assertEquals(await horizon.settled(), 0);
    assertEquals(await commitOne(writers, "a"), await horizon.settled());
  });
});

Deno.test("A position is never drawn by a transaction without an id, not even by its first statement", async () => {
  await withLog(async ({ writers }) => {
    await writers.unsafe(`
      create function draw(positions regclass) returns bigint language plpgsql as $$
      begin
        if pg_current_xact_id_if_assigned() is null then raise exception 'drawn without an id'; end if;
        return pg_catalog.nextval(positions);
      end $$;`);
    const insert = (tx: postgres.Sql, aggregate: string) =>
      tx`insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
         select 'test.happened', 1, 'test', ${aggregate}, n, 'system:test', '{}', now() from generate_series(1, 3) as n`;
    const [before] = await writers`
      select pg_get_expr(adbin, adrelid) as expression from pg_attrdef
      where adrelid = 'events'::regclass and pg_get_expr(adbin, adrelid) like '%nextval%'`;
    const watched = before!.expression.replace("nextval(", "draw(");
    assertNotEquals(watched, before!.expression);
    await writers.unsafe(`alter table events alter position set default ${watched}`);
    await insert(writers, "alone");
    await writers.begin((tx) => insert(tx as unknown as postgres.Sql, "first statement"));

    // The same without CASE: the position would come first.
    await writers.unsafe(`alter table events alter position set default draw('events_position_seq')`);
    const failure = await insert(writers, "without").then(() => "none", (error: Error) => error.message);
    assertEquals(failure, "drawn without an id");
  });
});

Deno.test("Where the database goes back under a running process, what is written then is not passed by", async () => {
  await withLog(async ({ sql, writers }) => {
    const horizon = new LogHorizon(sql);
    const kept = await commitOne(writers, "a");
    await commitOne(writers, "a");
    await settlesAt(horizon, kept + 1);
    const lost = await hold(writers, "lost");
    await commitOne(writers, "a");
    await staysAt(horizon, kept + 1);
    await lost.end("rollback");
    await rewriteLog(sql, (tx) => tx`delete from events where position > ${kept}`);
    await sql`select setval('events_position_seq', ${kept})`;
    // Nor is what was missing before taken for settled now.
    assertEquals(await horizon.settled(), kept);
    const late = await hold(writers, "late");
    assertEquals(late.position, kept + 1);
    await commitOne(writers, "a");
    await staysAt(horizon, kept);
    await late.end("commit");
    await settlesAt(horizon, kept + 2);
  });
});

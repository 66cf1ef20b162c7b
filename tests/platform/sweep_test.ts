import { assert, assertEquals } from "@std/assert";
import { deleteExpiredTokens } from "../../src/identity/mod.ts";
import { openDatabase, type Sql, transaction } from "../../src/platform/db.ts";
import { deleteExpiredKeys } from "../../src/platform/idempotency.ts";
import { systemCtx } from "../../src/deps.ts";
import { HANDLERS } from "../../workers/handlers.ts";
import { startTestApp } from "../support/app.ts";
import { testDatabase } from "../support/database.ts";

const { signal } = new AbortController();

/** Runs a test with 2,500 keys that are over and one that is not; `sizes` tells how many each statement deleted. */
async function withKeys(test: (sql: Sql, sizes: () => Promise<number[]>) => Promise<void>): Promise<void> {
  await using database = await testDatabase();
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 2 });
  try {
    await sql`
      insert into idempotency_keys (actor, route, key, request_hash, response, expires_at)
      select 'a', 'r', n, ${
      "0".repeat(64)
    }, '', now() + case n when 0 then '1 hour' else '-1 hour' end::interval
      from generate_series(0, 2500) n`;
    await sql.unsafe(`
      create table swept (number int generated always as identity, size int);
      create function note_size() returns trigger language plpgsql as
        'begin insert into swept (size) select count(*) from gone; return null; end';
      create trigger note_size after delete on idempotency_keys referencing old table as gone
        for each statement execute function note_size()`);
    await test(sql, async () => (await sql`select size from swept order by number`).map(({ size }) => size));
  } finally {
    await sql.end();
  }
}

const keysLeft = async (sql: Sql) =>
  (await sql`select key from idempotency_keys order by key`).map(({ key }) => key);

Deno.test("a sweep deletes all that is over and nothing else, never more than a thousand rows at once", () =>
  withKeys(async (sql, sizes) => {
    assertEquals(await deleteExpiredKeys(sql, signal), 2500);
    assertEquals(await sizes(), [1000, 1000, 500]);
    assertEquals(await keysLeft(sql), ["0"]);
  }));

Deno.test("a sweep waits for nobody: what somebody holds is left for the next one", () =>
  withKeys(async (sql) => {
    await transaction(sql, async (tx) => {
      await tx`select from idempotency_keys where key = '7' for update`;
      assertEquals(await deleteExpiredKeys(sql, signal), 2499);
    });
    assertEquals(await keysLeft(sql), ["0", "7"]);
    assertEquals(await deleteExpiredKeys(sql, signal), 1);
  }));

Deno.test("a sweep whose worker is to stop deletes no more", () =>
  withKeys(async (sql, sizes) => {
    assertEquals(await deleteExpiredKeys(sql, AbortSignal.abort()), 0);
    assertEquals(await sizes(), []);
  }));

Deno.test("sessions go with the last of their tokens, and those that live are not even looked at", async () => {
  await using database = await testDatabase();
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 1 });
  try {
    await sql`insert into users (id, email) values (gen_random_uuid(), 'anna@example.com')`;
    const open = (count: number, ...tokens: string[]) =>
      sql`
        with family as (
          insert into refresh_families (id, user_id) select gen_random_uuid(), id from users, generate_series(1, ${count})
          returning id
        )
        insert into refresh_tokens (hash, family_id, expires_at)
        select sha256(gen_random_uuid()::text::bytea), id, now() + token::interval
        from family, unnest(${tokens}::text[]) token`;
    await open(1200, "-2 days", "-1 hour");
    await open(20_000, "1 hour");
    await open(300, "-1 hour", "1 hour");
    const looked = async () => {
      await sql`select pg_stat_force_next_flush()`;
      const [row] = await sql<{ rows: number }[]>`
        select seq_tup_read + idx_tup_fetch as rows from pg_stat_user_tables where relname = 'refresh_families'`;
      return row!.rows;
    };
    const before = await looked();
    assertEquals(await deleteExpiredTokens(sql, signal), 2700);
    const rows = await looked() - before;
    assert(rows < 20_000, `${rows} rows of sessions were looked at`);
    const [left] = await sql`
      select (select count(*) from refresh_families) as sessions, (select count(*) from refresh_tokens) as tokens,
             (select count(*) from refresh_tokens where expires_at < now()) as expired`;
    assertEquals(left, { sessions: 20_300, tokens: 20_300, expired: 0 });
  } finally {
    await sql.end();
  }
});

Deno.test("a session whose token is being used when it expires is left for the next sweep", async () => {
  await using database = await testDatabase();
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 2 });
  try {
    await sql`insert into users (id, email) values (gen_random_uuid(), 'anna@example.com')`;
    await sql`insert into refresh_families (id, user_id) select gen_random_uuid(), id from users`;
    await sql`
      insert into refresh_tokens (hash, family_id, expires_at)
      select sha256(n::text::bytea), id, now() - interval '1 hour' from refresh_families, generate_series(1, 2) n`;
    const families = async () => (await sql`select from refresh_families`).length;
    await transaction(sql, async (tx) => {
      await tx`update refresh_tokens set used_at = now() where hash = sha256('1')`;
      assertEquals([await deleteExpiredTokens(sql, signal), await families()], [1, 1]);
    });
    assertEquals([await deleteExpiredTokens(sql, signal), await families()], [1, 0]);
  } finally {
    await sql.end();
  }
});

Deno.test("the worker's sweep takes keys, password tokens and tickets that are over", async () => {
  await using app = await startTestApp();
  const { id } = await app.user();
  const { sql } = app.deps;
  await sql`
    insert into idempotency_keys (actor, route, key, request_hash, response, expires_at)
    values ('a', 'r', 'k', ${"0".repeat(64)}, '', now() - interval '1 hour')`;
  for (const table of ["password_tokens", "stream_tickets"]) {
    await sql`
      insert into ${sql(table)} (hash, user_id, expires_at)
      values (sha256('gone'), ${id}, now() - interval '1 hour'), (sha256('good'), ${id}, now() + interval '1 hour')`;
  }
  await HANDLERS["platform.sweep"].alone(systemCtx(app.deps, "test"), {}, signal);
  const left = await sql`
    select (select count(*)::int from idempotency_keys) as keys, (select count(*)::int from password_tokens) as tokens,
           (select count(*)::int from stream_tickets) as tickets`;
  assertEquals([...left], [{ keys: 0, tokens: 1, tickets: 1 }]);
});

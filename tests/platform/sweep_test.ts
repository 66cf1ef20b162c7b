import { assertEquals } from "@std/assert";
import { openDatabase, type Sql, transaction } from "../../src/platform/db.ts";
import { deleteExpiredKeys } from "../../src/platform/idempotency.ts";
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

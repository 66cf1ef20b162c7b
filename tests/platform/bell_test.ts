import { assertEquals } from "@std/assert";
import { Bell } from "../../src/platform/bell.ts";
import { openDatabase, type Sql } from "../../src/platform/db.ts";
import { within } from "../../src/platform/recent.ts";
import { testDatabase } from "../support/database.ts";

/** A promise of the next ring, renewed after each. */
function hearing(bell: Bell) {
  let heard = Promise.withResolvers<void>();
  const silence = bell.listen("waybill_events", () => heard.resolve());
  return {
    silence,
    async next() {
      await heard.promise;
      heard = Promise.withResolvers();
    },
  };
}

Deno.test("A ring wakes other processes, also after the connection that listens was lost", async () => {
  await using database = await testDatabase();
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 2 });
  const [ringer, sleeper] = [new Bell(sql, database.url), new Bell(sql, database.url)];
  const ear = hearing(sleeper);
  await ear.next(); // it listens now
  ringer.ring("waybill_events");
  await ear.next();
  for (let i = 0; i < 3; i++) {
    const [lost] = await sql`
      select count(pg_terminate_backend(pid))::int from pg_stat_activity
      where application_name = 'waybill-bell' and datname = current_database()`;
    assertEquals(lost!.count, 1);
    await ear.next(); // what was missed meanwhile may have been a ring
    ringer.ring("waybill_events");
    await ear.next();
  }
  await Promise.all([ringer.close(), sleeper.close()]);
  await sql.end();
});

Deno.test("A bell without a database rings and listens without a word, and closes", async () => {
  const url = "postgres://nobody@127.0.0.1:1/nothing";
  const sql = openDatabase({ databaseUrl: url, databasePoolSize: 1 });
  const bell = new Bell(sql, url);
  bell.listen("waybill_events", () => {});
  bell.ring("waybill_events");
  await bell.close();
  await sql.end({ timeout: 0 });
});

Deno.test("A ring that comes while one is under way is rung after it, once for all of them, unless the bell is closed", async () => {
  const rung: (() => void)[] = [];
  const sql = () => new Promise<void>((resolve) => rung.push(resolve));
  const bell = new Bell(sql as never as Sql, "");
  const endLast = async () => {
    rung.at(-1)!();
    await new Promise((resolve) => setTimeout(resolve));
  };
  for (let i = 0; i < 3; i++) bell.ring("waybill_events");
  assertEquals(rung.length, 1);
  await endLast();
  assertEquals(rung.length, 2);
  await endLast();
  assertEquals(rung.length, 2);
  for (let i = 0; i < 2; i++) bell.ring("waybill_events");
  const closing = bell.close();
  await endLast();
  await closing;
  assertEquals(rung.length, 3);
});

Deno.test("A bell that is closed while it connects closes", async () => {
  await using database = await testDatabase();
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 1 });
  const bell = new Bell(sql, database.url);
  bell.listen("waybill_events", () => {});
  await within(bell.close(), 20_000);
  await sql.end();
});

Deno.test("A bell whose database takes the connection and says nothing gives up, and closes", async () => {
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `postgres://nobody@127.0.0.1:${mute.addr.port}/nothing`;
  const sql = openDatabase({ databaseUrl: url, databasePoolSize: 1 });
  const bell = new Bell(sql, url);
  bell.listen("waybill_events", () => {});
  using _connection = await mute.accept();
  await within(bell.close(), 20_000);
  await sql.end();
});

import { assertEquals } from "@std/assert";
import { Bell } from "../../src/platform/bell.ts";
import { openDatabase } from "../../src/platform/db.ts";
import { startTestApp } from "../support/app.ts";
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

Deno.test("A call that changed something rings for the readers of the log; one that was refused, or only reads, does not", async () => {
  await using app = await startTestApp();
  const rung: string[] = [];
  app.deps.bell.ring = (channel) => void rung.push(channel);
  assertEquals((await app.request("GET", "/v1/products")).status, 200);
  assertEquals((await app.request("POST", "/v1/carts", { body: {} })).status, 422);
  assertEquals(rung, []);
  assertEquals((await app.request("POST", "/v1/carts", { body: { currency: "EUR" } })).status, 201);
  assertEquals(rung, ["waybill_events"]);
});

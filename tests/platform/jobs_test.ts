import { assertEquals, assertRejects } from "@std/assert";
import { JOBS } from "../../src/jobs.ts";
import { Bell } from "../../src/platform/bell.ts";
import { openDatabase } from "../../src/platform/db.ts";
import { DEAD_LETTERS, installJobs, Jobs } from "../../src/platform/jobs.ts";
import { testDatabase } from "../support/database.ts";
import { Wire } from "./redis_server.ts";

Deno.test("A process that could not reach its jobs at first reaches them once the database is back", async () => {
  await using database = await testDatabase();
  const address = new URL(database.url);
  await using wire = new Wire(Number(address.port || 5432));
  address.host = `127.0.0.1:${wire.port}`;
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 1 });
  const jobs = new Jobs(address.href, new Bell(sql, database.url));
  await wire.cut();
  await assertRejects(() => jobs.boss());
  wire.mend();
  const boss = await jobs.boss();
  assertEquals((await boss.getQueues()).some(({ name }) => name === "orders.process"), true);
  await jobs.close();
  await sql.end();
});

Deno.test("A queue that is there already gets the policy of the release that starts", async () => {
  await using database = await testDatabase();
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 1 });
  const policies = async () => [
    ...await sql`
      select name, retry_limit, retry_delay, retry_delay_max, expire_seconds, heartbeat_seconds, retention_seconds,
             deletion_seconds, dead_letter
      from pgboss.queue order by name`,
  ];
  const before = await policies();
  await sql`update pgboss.queue set retention_seconds = 1, deletion_seconds = 1`;
  await sql`
    update pgboss.queue set retry_limit = 1, retry_delay = 7, retry_delay_max = 7, expire_seconds = 1
    where name <> ${DEAD_LETTERS}`;
  await installJobs(database.url, JOBS);
  assertEquals(await policies(), before);
  await sql.end();
});

import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { Redis } from "ioredis";
import { withConnection } from "../../tools/database_admin.ts";
import { hasRedis, testDatabase, testRedis } from "./database.ts";

Deno.test("what one test writes, no other database sees", async () => {
  await using mine = await testDatabase();
  await using other = await testDatabase();
  await withConnection(mine.url, (sql) => sql`create table mine as select 1`);
  await using later = await testDatabase();
  for (const { url } of [other, later]) {
    const [row] = await withConnection(url, (sql) => sql`select to_regclass('mine') as found`);
    assertEquals(row?.found, null);
  }
});

Deno.test("a test database has the schema and is gone after the test, whoever is connected", async () => {
  const database = await testDatabase();
  await withConnection(database.url, async (sql) => {
    const [row] = await sql`select count(*)::int as files from schema_migrations`;
    assertNotEquals(row?.files, 0);
    await database.drop();
  });
  await assertRejects(() => withConnection(database.url, (sql) => sql`select 1`), Error, "does not exist");
});

Deno.test({
  name: "tests that run at once never share a Redis database, and one with keys in it is left alone",
  ignore: !hasRedis,
  async fn() {
    await using first = await testRedis();
    await using second = await testRedis();
    assertNotEquals(first.url, second.url);
    const redis = new Redis(first.url);
    await redis.set("kept", "yes");
    const index = new URL(first.url).pathname.slice(1);
    const claims = new Redis(new URL("/0", first.url).href);
    await claims.del(`waybill:test:database:${index}`);
    await using third = await testRedis();
    assertNotEquals(third.url, first.url);
    assertEquals(await redis.get("kept"), "yes");
    await Promise.all([redis.quit(), claims.quit()]);
  },
});

import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { migrate } from "../../src/platform/migrate.ts";
import { inDatabase, withConnection } from "../../tools/database_admin.ts";

interface Workshop extends AsyncDisposable {
  url: string;
  /** Writes a migration. */
  write(name: string, sql: string): Promise<void>;
  migrate(): Promise<string[]>;
  /** The names of the tables but the runner's own. */
  tables(): Promise<string[]>;
}

/** An empty database and an empty folder of migrations. */
async function workshop(encoding = "UTF8"): Promise<Workshop> {
  const adminUrl = Deno.env.get("TEST_DATABASE_URL")!;
  const name = `${Deno.env.get("TEST_DATABASE_TEMPLATE")}_${crypto.randomUUID().slice(0, 8)}`;
  await withConnection(
    adminUrl,
    (sql) => sql.unsafe(`create database ${name} encoding '${encoding}' locale 'C' template template0`),
  );
  const directory = await Deno.makeTempDir();
  const url = inDatabase(adminUrl, name);
  return {
    url,
    write: (name, sql) => Deno.writeTextFile(join(directory, name), sql),
    migrate: () => migrate(url, { directory, log: () => {} }),
    async tables() {
      const rows = await withConnection(
        url,
        (sql) =>
          sql`select tablename from pg_tables where schemaname = 'public' and tablename <> 'schema_migrations' order by 1`,
      );
      return rows.map((row) => row.tablename);
    },
    async [Symbol.asyncDispose]() {
      await withConnection(adminUrl, (sql) => sql.unsafe(`drop database ${name} with (force)`));
      await Deno.remove(directory, { recursive: true });
    },
  };
}

Deno.test("files run once, in the order of their numbers, and nothing but .sql counts", async () => {
  await using shop = await workshop();
  await shop.write("0010_rename.sql", "alter table first rename to renamed;");
  await shop.write("0002_first.sql", "create table first (id int);");
  await shop.write("README.md", "no migration");
  assertEquals(await shop.migrate(), ["0002_first", "0010_rename"]);
  assertEquals(await shop.migrate(), []);
  assertEquals(await shop.tables(), ["renamed"]);
});

Deno.test("processes that migrate at once take turns, and each file runs once", async () => {
  await using shop = await workshop();
  await shop.write("0001_slow.sql", "create table item (id int); select pg_sleep(0.3);");
  await shop.write("0002_index.sql", "-- no transaction\ncreate index concurrently item_id on item (id);");
  await shop.write("0003_more.sql", "create table more (id int);");
  const ran = await Promise.all([shop.migrate(), shop.migrate(), shop.migrate()]);
  assertEquals(ran.flat().sort(), ["0001_slow", "0002_index", "0003_more"]);
  const [index] = await withConnection(
    shop.url,
    (sql) => sql`select indisvalid from pg_index where indexrelid = 'item_id'::regclass`,
  );
  assert(index?.indisvalid);
});

Deno.test("a file that fails takes the files before it back too", async () => {
  await using shop = await workshop();
  await shop.write("0001_good.sql", "create table good (id int);");
  await shop.write("0002_bad.sql", "create table bad (id int); select no_such_function();");
  await assertRejects(() => shop.migrate(), Error, "no_such_function");
  assertEquals(await shop.tables(), []);
  await shop.write("0002_bad.sql", "create table mended (id int);");
  assertEquals(await shop.migrate(), ["0001_good", "0002_bad"]);
});

Deno.test("a new file that sorts before one that has run is refused", async () => {
  await using shop = await workshop();
  await shop.write("0001_one.sql", "create table one (id int);");
  await shop.write("0003_three.sql", "create table three (id int);");
  await shop.migrate();
  await shop.write("0002_two.sql", "create table two (id int);");
  await assertRejects(() => shop.migrate(), Error, "0002_two is preceding already run migration 0003_three");
  assertEquals(await shop.tables(), ["one", "three"]);
});

Deno.test("a comment about the way down does not cut a file short", async () => {
  await using shop = await workshop();
  await shop.write(
    "0001_one.sql",
    "create table one (id int);\n-- Down migration: there is none.\ncreate table two (id int);",
  );
  await shop.migrate();
  assertEquals(await shop.tables(), ["one", "two"]);
});

Deno.test("a database that is not UTF-8 is refused before anything is made", async () => {
  await using shop = await workshop("LATIN1");
  await shop.write("0001_one.sql", "create table one (id int);");
  await assertRejects(() => shop.migrate(), Error, "has the encoding LATIN1, but Waybill needs UTF8");
  assertEquals(await shop.tables(), []);
});

Deno.test("an index that was not finished, as its migration was killed or failed, is made anew by the next run", async () => {
  await using shop = await workshop();
  await shop.write("0001_item.sql", "create table item (id int); insert into item values (1), (1);");
  await shop.write(
    "0002_index.sql",
    "-- no transaction\n-- Why.\ncreate unique index concurrently item_id on item (id);",
  );
  await assertRejects(shop.migrate, Error, "could not create unique index");
  await withConnection(shop.url, (sql) => sql`delete from item`);
  await shop.migrate();
  const [index] = await withConnection(
    shop.url,
    (sql) => sql`select indisvalid from pg_index where indexrelid = 'item_id'::regclass`,
  );
  assert(index?.indisvalid);
});

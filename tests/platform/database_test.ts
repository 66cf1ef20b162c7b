import { Buffer } from "node:buffer";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import tls from "node:tls";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { isUnavailable, openDatabase, transaction } from "../../src/platform/db.ts";
import { within } from "../../src/platform/recent.ts";
import pg from "pg";
import { inDatabase, withConnection } from "../../tools/database_admin.ts";
import { testDatabase } from "../support/database.ts";
import { NOBODY, Wire } from "./redis_server.ts";

Deno.test("Arrays arrive whole over connections that were never used before, whatever is in them", async () => {
  await using database = await testDatabase();
  const hostile = ["a,b", 'quo"te', "back\\slash", "{curly}", "", "NULL", "ünï", "new\nline"];
  for (let round = 0; round < 5; round++) {
    const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 8 });
    const rows = await Promise.all(
      Array.from(
        { length: 8 },
        () =>
          sql`select to_json(${hostile}::text[]) as texts, to_json(${[1, -2]}::int[]) as ints,
                 to_json(${["01a1fca5-ace2-75e1-841b-d8f0d25d719e"]}::uuid[]) as ids,
                 to_json(${[2 ** 53 - 1]}::bigint[]) as bigs, to_json(${[] as string[]}::text[]) as none`,
      ),
    );
    await sql.end();
    for (const [row] of rows) {
      assertEquals(row!.texts, hostile);
      assertEquals(row!.ints, [1, -2]);
      assertEquals(row!.ids, ["01a1fca5-ace2-75e1-841b-d8f0d25d719e"]);
      assertEquals(row!.bigs, [2 ** 53 - 1]);
      assertEquals(row!.none, []);
    }
  }
});

Deno.test("A database that does not let us in, as our password was changed, say, is one to try again", async () => {
  await using database = await testDatabase();
  const url = new URL(database.url);
  url.username = "somebody-else";
  const sql = openDatabase({ databaseUrl: url.href, databasePoolSize: 1 });
  const error = await assertRejects(() => Promise.resolve(sql`select 1`));
  await sql.end();
  assertEquals(isUnavailable(error), true);
});

Deno.test("A statement that ends halfway leaves no holes in the next one's rows", async () => {
  await using database = await testDatabase();
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 1 });
  const next = async () => {
    const rows = await sql`select n from generate_series(1, 2) n`;
    return [rows.length, rows.count, rows[0], rows.at(-1)];
  };
  const whole = [2, 2, { n: 1 }, { n: 2 }];
  await assertRejects(() => sql`select 1 / (3 - n) from generate_series(1, 5) n`, Error, "division by zero");
  assertEquals(await next(), whole);
  // Large enough to be on their way before the third ends its own connection.
  const cut = () =>
    sql`select repeat('x', 100000), case when n = 3 then pg_terminate_backend(pg_backend_pid()) end
        from generate_series(1, 5) n`;
  await assertRejects(cut);
  assertEquals(
    await next().catch(next),
    whole,
    "the driver gives the first after a lost connection its error",
  );
  await sql.end();
});

Deno.test("A server that ends every connection at once is told of, each time and soon", async () => {
  await using wire = new Wire(NOBODY);
  const sql = openDatabase({
    databaseUrl: `postgres://nobody@127.0.0.1:${wire.port}/x`,
    databasePoolSize: 1,
  });
  for (let i = 0; i < 3; i++) await assertCode(() => sql`select 1`, "CONNECTION_CLOSED");
  await sql.end();
});

Deno.test("A server that lets nobody in after a connection was lost under a statement is told of", async () => {
  await using database = await testDatabase();
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 1 });
  const letIn = (allowed: boolean) =>
    withConnection(
      Deno.env.get("TEST_DATABASE_URL")!,
      (admin) =>
        admin`alter database ${admin(new URL(database.url).pathname.slice(1))}
              allow_connections ${admin.unsafe(String(allowed))}`,
    );
  await sql`select 1`;
  await letIn(false);
  await assertCode(() => sql`select pg_terminate_backend(pg_backend_pid())`, "CONNECTION_CLOSED");
  await assertCode(() => sql`select 1`, "CONNECTION_CLOSED");
  await letIn(true);
  await sql`select 1`.catch(() => {}); // the driver gives it the error of before
  assertEquals([...await sql`select 1 as n`], [{ n: 1 }]);
  await sql.end();
});

Deno.test("What a transaction says after its connection was lost is said to nobody, and within no other one", async () => {
  await using database = await testDatabase();
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 1 });
  await sql`create table said (word text)`;
  for (const how of ["told", "unsafe", "fails"]) {
    const elsewhere = Promise.withResolvers<void>();
    const pid = Promise.withResolvers<number>();
    const lost = transaction(sql, async (tx) => {
      const [row] = await tx`select pg_backend_pid() as pid`;
      pid.resolve(row!.pid);
      await elsewhere.promise;
      if (how === "fails") throw new Error(how);
      if (how === "told") await tx`insert into said values ('late')`;
      else await tx.unsafe("insert into said values ('late')");
    });
    const ended = assertCode(() => lost, "CONNECTION_CLOSED");
    const killed = await pid.promise;
    await withConnection(database.url, (admin) => admin`select pg_terminate_backend(${killed})`);
    await ended;
    await sql`select 1`.catch(() => {}); // the driver gives it the error of before
    await transaction(sql, async (tx) => {
      elsewhere.resolve();
      await tx`insert into said values ('mine')`;
      await tx`select pg_sleep(0.1)`;
    });
  }
  assertEquals([...await sql`select word from said`], Array(3).fill({ word: "mine" }));
  await sql.end();
});

async function assertCode(statement: () => Promise<unknown>, code: string): Promise<void> {
  const error = await assertRejects(statement, Error);
  assertEquals((error as { code?: string }).code, code);
}

for (const [how, sslmode] of [["", "disable"], [" over TLS", "require"]] as const) {
  Deno.test(`While connections are lost${how} each statement gets its own answer or an error, and all end`, async () => {
    await using database = await testDatabase();
    const url = new URL(database.url);
    await using relay = await startRelay(Number(url.port || 5432), sslmode === "require");
    url.host = `localhost:${relay.port}`;
    url.search = `?sslmode=${sslmode}&sslnegotiation=direct`;
    const sql = openDatabase({ databaseUrl: url.href, databasePoolSize: 4 });
    let asked = 0;
    let answered = 0;
    let running = true;
    const clients = Array.from({ length: 16 }, async (_, client) => {
      while (running) {
        const n = ++asked;
        const ask = client % 4 === 0
          ? transaction(sql, async (tx) => (await tx`select 1`, await tx`select ${n}::int as n`))
          : sql`select ${n}::int as n, pg_sleep(0.001)`;
        const rows = await ask.catch(() => undefined);
        if (rows) assertEquals([rows.length, rows[0]?.n], [1, n]);
        if (rows) answered++;
      }
    });
    const losses = (async () => {
      for (let loss = 0; loss < 30; loss++) {
        const until = answered + 20;
        while (answered < until) await delay(5);
        relay.lose();
      }
      running = false;
    })();
    try {
      await within(Promise.all([...clients, losses]), 60_000);
    } finally {
      running = false;
      await sql.end({ timeout: 0 });
    }
  });
}

/** Hands on to a port of this machine, behind TLS if need be, until its connections are lost: new ones work. */
async function startRelay(target: number, behindTls: boolean) {
  const open = new Set<net.Socket>();
  const relay = (near: net.Socket) => {
    const far = net.connect(target, "127.0.0.1");
    for (const [from, to] of [[near, far], [far, near]] as const) {
      open.add(from);
      from.on("data", (data) => to.write(data)).on("error", () => {});
      from.on("close", () => (open.delete(from), to.destroy()));
    }
  };
  const fixture = (name: string) =>
    Deno.readTextFile(new URL(`../fixtures/localhost.${name}`, import.meta.url));
  const server = behindTls
    ? tls.createServer({ key: await fixture("key"), cert: await fixture("crt") }, relay)
    : net.createServer(relay);
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  const lose = () => open.forEach((each) => each.destroy());
  return {
    port: (server.address() as net.AddressInfo).port,
    lose,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      lose();
      await closed;
    },
  };
}

Deno.test("A connection on which nobody answers is given up after the time of a statement, and new ones work", async () => {
  await using database = await testDatabase();
  const url = new URL(database.url);
  await using wire = new Wire(Number(url.port || 5432));
  url.host = `127.0.0.1:${wire.port}`;
  const sql = openDatabase({ databaseUrl: url.href, databasePoolSize: 2 }, 1000);
  await Promise.all([sql`select 1`, sql`select 2`]);
  wire.silence();
  const start = performance.now();
  const asked = [sql`select 1`, sql`select 2`, transaction(sql, (tx) => tx`select 3`)];
  await within(Promise.all(asked.map((each) => assertCode(() => each, "ETIMEDOUT"))), 12_000);
  assert(performance.now() - start > 1000, "a statement has its time");
  assertEquals([...await sql`select 4 as n`], [{ n: 4 }]);
  await sql.end({ timeout: 0 }); // the driver would wait for the connections that are lost
});

Deno.test("Both drivers find the same database, whatever it is called", async () => {
  const adminUrl = Deno.env.get("TEST_DATABASE_URL")!;
  const name = `${Deno.env.get("TEST_DATABASE_TEMPLATE")} Käse 100%`;
  await withConnection(adminUrl, (sql) => sql`create database ${sql(name)}`);
  const url = inDatabase(adminUrl, encodeURI(name));
  const sql = openDatabase({ databaseUrl: url, databasePoolSize: 1 });
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
    assertEquals((await client.query("select current_database() as name")).rows, [{ name }]);
    assertEquals([...await sql`select current_database() as name`], [{ name }]);
  } finally {
    await client.end();
    await sql.end();
    await withConnection(adminUrl, (admin) => admin`drop database ${admin(name)} with (force)`);
  }
});

Deno.test("Times and bytes are read as they are, however the server would write them by itself", async () => {
  await using database = await testDatabase();
  const name = new URL(database.url).pathname.slice(1);
  await withConnection(database.url, async (admin) => {
    for (
      const setting of ["datestyle = 'SQL, DMY'", "timezone = 'Asia/Kathmandu'", "bytea_output = 'escape'"]
    ) {
      await admin.unsafe(`alter database ${name} set ${setting}`);
    }
  });
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 1 });
  const times = ["2026-05-11T23:59:59.999Z", "2024-02-29T00:00:00.000Z", "2026-11-22T12:00:00.000Z"];
  const bytes = new Uint8Array([0, 92, 120, 255]);
  for (const time of times) {
    const [row] = await sql`select ${time}::timestamptz as time, ${bytes}::bytea as bytes`;
    assertEquals(row, { time, bytes: Buffer.from(bytes) });
  }
  await sql.end();
});

Deno.test("docs/operations.md names each setting that PgBouncer is to pass over", async () => {
  await using database = await testDatabase();
  const { connection } = openDatabase({ databaseUrl: database.url, databasePoolSize: 1 }).options;
  const known = ["application_name", "TimeZone", "DateStyle"]; // to PgBouncer itself
  const text = await Deno.readTextFile("docs/operations.md");
  const passedOver = /^ignore_startup_parameters = (.*)$/m.exec(text)![1]!.split(",");
  assertEquals(passedOver.sort(), Object.keys(connection).filter((name) => !known.includes(name)).sort());
});

Deno.test("No statement is compiled, whatever the planner thinks it costs and the server is set to do", async () => {
  await using database = await testDatabase();
  const name = new URL(database.url).pathname.slice(1);
  await withConnection(database.url, (admin) => admin.unsafe(`alter database ${name} set jit = on`));
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 1 });
  const [setting] = await sql`show jit`;
  assertEquals(setting, { jit: "off" });
});

Deno.test("A transaction that waited for another sees what that did, whatever isolation the database is set to", async () => {
  await using database = await testDatabase();
  const name = new URL(database.url).pathname.slice(1);
  await withConnection(database.url, async (sql) => {
    await sql`alter database ${sql(name)} set default_transaction_isolation = 'repeatable read'`;
    await sql`create table counter (n int)`;
    await sql`insert into counter values (0)`;
  });
  const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 4 });
  await Promise.all(
    Array.from({ length: 20 }, () => transaction(sql, (tx) => tx`update counter set n = n + 1`)),
  );
  assertEquals([...await sql`select n from counter`], [{ n: 20 }]);
  await sql.end();
});

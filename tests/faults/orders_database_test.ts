import { testWithRedis } from "../support/database.ts";
import { assert, assertEquals } from "@std/assert";
import { withConnection } from "../../tools/database_admin.ts";
import { openDatabase } from "../../src/platform/db.ts";
import { Wire } from "../platform/redis_server.ts";
import { cutConnections, startTestApp } from "../support/app.ts";
import {
  addProduct,
  assertBooksBalance,
  levelOf,
  orderBody,
  patch,
  place,
  read,
  tryToPlace,
} from "../support/orders.ts";

Deno.test("When every connection is cut under load answers are right or 503, and no key places two orders", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 1_000_000 });
  const order = await place(app, user, { [sku]: 1 });
  const placedByKey = new Map<string, string>();
  const kinds = new Set<string>();
  let running = true;
  let over = false;
  let answered = 0;
  let wake = () => {};
  const clients = Array.from({ length: 8 }, async (_, client) => {
    for (let i = 0; running; i++) {
      const key = `${client}-${i}`;
      let answer = await tryToPlace(app, user, { [sku]: 1 }, { key });
      for (; answer.status === 503 && !over; answer = await tryToPlace(app, user, { [sku]: 1 }, { key })) {
        assertEquals([answer.body.code, answer.headers.get("Retry-After")], ["unavailable", "1"]);
        kinds.add("503 when placing");
      }
      assertEquals(answer.status, 201, JSON.stringify(answer.body));
      placedByKey.set(key, answer.body.id);
      for (
        const other of [
          await patch(app, client % 2 ? user : staff, order.id, { note: key }),
          await app.request("POST", `/inventory/${sku}/adjustments`, {
            token: staff.token,
            body: { delta: 1, reason: "x" },
          }),
          await app.request("GET", "/orders", { token: staff.token }),
        ]
      ) {
        assert([200, 201, 503].includes(other.status), `${other.status} ${JSON.stringify(other.body)}`);
        if (other.status === 503) kinds.add("503 elsewhere");
      }
      answered++;
      wake();
    }
  });
  const more = async (count: number) => {
    const until = answered + count;
    while (answered < until) {
      await Promise.race([new Promise<void>((resolve) => wake = resolve), Promise.all(clients)]);
    }
  };
  try {
    for (let cut = 0; cut < 10; cut++) {
      await more(10);
      assert(await cutConnections(app) > 0);
    }
    await more(10);
    running = false;
    await Promise.all(clients);
  } finally {
    over = true;
  }
  assertEquals([...kinds].sort(), ["503 elsewhere", "503 when placing"], "the cuts were felt");
  assertEquals(new Set(placedByKey.values()).size, placedByKey.size);
  const [rows] = await app.deps.sql`select count(*) from orders`;
  assertEquals(rows!.count, placedByKey.size + 1);
  assertEquals((await levelOf(app, sku)).reserved, placedByKey.size + 1);
  const [stored] = await app.deps.sql`select note, version from orders where id = ${order.id}`;
  const { body } = await read(app, user, order.id);
  assertEquals([body.note, body.version], [stored!.note, stored!.version]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("While the database is read-only or full calls that change answer 503 and reads go on, and afterwards all is well", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const order = await place(app, user, { [sku]: 1 });
  const { body: { key } } = await app.request("POST", "/v1/api-keys", {
    token: staff.token,
    body: { name: "A" },
  });
  const url = new URL(app.deps.config.databaseUrl);
  const asAdmin = (statement: string) => withConnection(url.href, (sql) => sql.unsafe(statement));
  const name = url.pathname.slice(1);
  const troubles = [
    [
      `alter database "${name}" set default_transaction_read_only = on`,
      `begin read write; alter database "${name}" reset default_transaction_read_only; commit`,
    ],
    [
      `create function full_disk() returns trigger language plpgsql as
         $$ begin raise 'could not extend file' using errcode = 'disk_full'; end $$;
       create trigger full_disk before insert on events for each statement execute function full_disk()`,
      `drop function full_disk cascade`,
    ],
  ] as const;
  for (const [begin, end] of troubles) {
    await asAdmin(begin);
    await cutConnections(app);
    await app.deps.sql`select 1`.catch(() => {}); // the driver gives it the error of before
    const calls: [string, string, string, unknown?][] = [
      ["POST", "/orders", user.token, orderBody({ [sku]: 1 })],
      ["PATCH", `/orders/${order.id}`, user.token, { note: "x" }],
      ["POST", `/inventory/${sku}/adjustments`, staff.token, { delta: 1, reason: "x" }],
    ];
    for (const [method, path, token, body] of calls) {
      const answer = await app.request(method, path, { token, body });
      assertEquals([answer.status, answer.body.code], [503, "unavailable"], `${method} ${path}`);
      assertEquals(answer.headers.get("Retry-After"), "1");
    }
    for (const token of [user.token, key]) {
      assertEquals((await read(app, { ...user, token }, order.id)).status, 200);
    }
    await asAdmin(end);
    await cutConnections(app);
    await app.deps.sql`select 1`.catch(() => {});
    assertEquals((await tryToPlace(app, user, { [sku]: 1 })).status, 201);
  }
  await assertBooksBalance(app.deps.sql);
});

testWithRedis(
  "While the database is away every call answers 503 but cached orders are read, and afterwards all is well",
  async () => {
    let wire: Wire;
    await using app = await startTestApp({}, (config) => {
      const url = new URL(config.databaseUrl);
      wire = new Wire(Number(url.port || 5432));
      url.host = `127.0.0.1:${wire.port}`;
      return { sql: openDatabase({ ...config, databaseUrl: url.href }) };
    });
    const [user, staff] = [await app.user(), await app.user("staff")];
    const { sku } = await addProduct(app);
    const order = await place(app, user, { [sku]: 1 });
    await read(app, user, order.id);
    const calls: [string, string, string, unknown?][] = [
      ["POST", "/orders", user.token, orderBody({ [sku]: 1 })],
      ["PATCH", `/orders/${order.id}`, user.token, { note: "x" }],
      ["POST", `/orders/${order.id}/cancellation`, user.token],
      ["GET", "/orders", user.token],
      ["GET", "/orders", staff.token],
      ["GET", `/orders/${order.id}/timeline`, user.token],
      ["POST", `/inventory/${sku}/adjustments`, staff.token, { delta: 1, reason: "x" }],
      ["GET", `/inventory/${sku}`, user.token],
    ];
    for (let outage = 0; outage < 3; outage++) {
      await wire!.cut();
      for (const [method, path, token, body] of calls) {
        const answer = await app.request(method, path, { token, body });
        assertEquals([answer.status, answer.body.code], [503, "unavailable"], `${method} ${path}`);
      }
      const cached = await read(app, user, order.id);
      assertEquals([cached.status, cached.headers.get("X-Cache-Status")], [200, "HIT"]);
      wire!.mend();
      assertEquals((await patch(app, user, order.id, { note: `back ${outage}` })).status, 200);
      assertEquals((await tryToPlace(app, user, { [sku]: 1 })).status, 201);
      assertEquals((await app.request("GET", "/orders", { token: staff.token })).status, 200);
    }
    await assertBooksBalance(app.deps.sql);
    await wire![Symbol.asyncDispose]();
  },
);

import { assert, assertEquals } from "@std/assert";
import { withConnection } from "../../tools/database_admin.ts";
import { until } from "../support/until.ts";
import { contents, inWorld, isGated, operations, pathOf } from "./operations.ts";

const INJECTIONS = [
  "'",
  "' or '1'='1",
  "'; drop table orders; --",
  "1; select pg_sleep(9)",
  "created_at; delete from users",
  "(select password_hash from users limit 1)",
  "-created_at, (case when 1=1 then id else number end)",
  '" desc nulls last --',
  "\\'; --",
  "$$;select 1;$$",
  "$1",
  "%' or 1=1 --",
  "a' union select email from users --",
  "x') or (1=1",
  "--",
  "/* */",
  "a\\",
  "a & | ! <-> (",
  ":* <2>",
];

const cursorOf = (position: unknown) =>
  btoa(JSON.stringify(position)).replaceAll("+", "-").replaceAll("/", "_");

Deno.test("SQL in filters, sorts, cursors and paths is a value or is refused: the database never misreads it", async () => {
  await inWorld(async (world) => {
    const { app, stranger, admin } = world;
    const before = await contents(world);
    const { rollbacks, drained } = database(app.deps.config.databaseUrl);
    const countBefore = await rollbacks();
    for (const operation of operations.filter((each) => each.method === "GET" && isGated(each))) {
      const names = operation.parameters.filter((parameter) => parameter.in === "query").map(({ name }) =>
        name
      );
      const path = pathOf(world, operation);
      const sorts: string[] = operation.parameters.find(({ name }) => name === "sort")?.schema.enum ?? ["x"];
      const cursors = INJECTIONS.slice(0, 8).flatMap((payload) => [
        ...[[payload], [1, payload], [payload, payload, payload]].map((position) => ({ position, sort: "" })),
        ...sorts.flatMap((sort) =>
          [[sort, payload], [sort, payload, admin.id], [sort, admin.id, payload]]
            .map((position) => ({ position, sort: `&sort=${sort}` }))
        ),
      ]);
      const attacks = [
        ...names.flatMap((name) =>
          INJECTIONS.map((payload) => `${path}?${name}=${encodeURIComponent(payload)}`)
        ),
        ...names.includes("cursor")
          ? cursors.map(({ position, sort }) =>
            `${path}?cursor=${cursorOf(position)}${names.includes("sort") ? sort : ""}`
          )
          : [],
        ...INJECTIONS.map((payload) => operation.template.replace(/\{[^}]+\}/, encodeURIComponent(payload))),
      ];
      const token = operation.policy === "staff" ? admin.token : stranger.token;
      for (const attack of attacks) {
        const { status, body } = await app.request("GET", attack, { token });
        assert(status < 500, `${attack}: ${status}`);
        const isOrders = operation.template.startsWith("/v1/orders");
        if (status === 200 && isOrders) assertEquals(body.data, [], attack);
      }
    }
    assertEquals(await contents(world), before);
    await app.deps.streams.close();
    await app.deps.bell.close(); // it has a connection of its own once a stream was opened
    await app.deps.sql.end();
    await drained();
    assertEquals(await rollbacks(), countBefore, "statements that the database refused");

    await withConnection(app.deps.config.databaseUrl, (sql) => sql.unsafe("select '").catch(() => {}));
    await drained();
    assertEquals(await rollbacks(), countBefore + 1, "the count sees a syntax error");
  });
});

/** What the server counts for one database: transactions that ended in an error; connections write that when they end. */
function database(url: string) {
  const name = new URL(url).pathname.slice(1);
  const postgres = new URL(url);
  postgres.pathname = "/postgres";
  const elsewhere = postgres.href;
  return {
    async rollbacks(): Promise<number> {
      return await withConnection(elsewhere, async (sql) => {
        const [row] =
          await sql`select xact_rollback::int as count from pg_stat_database where datname = ${name}`;
        return row!.count;
      });
    },
    async drained(): Promise<void> {
      await withConnection(elsewhere, async (sql) => {
        const open = () => sql`select from pg_stat_activity where datname = ${name}`;
        await until(async () => (await open()).length === 0, "its connections have ended");
      });
    },
  };
}

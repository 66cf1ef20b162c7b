import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { withConnection } from "../../tools/database_admin.ts";
import { addProduct, assertBooksBalance, eventsOf, patch, place } from "../support/orders.ts";
import { startTestApp } from "../support/app.ts";
import { rewriteLog } from "../support/events.ts";
import { untilWaiting } from "../support/lock_waits.ts";
import { until } from "../support/until.ts";
import { doJobs, readLog } from "../support/worker.ts";
import { systemCtx } from "../../src/deps.ts";
import { transaction, type Tx } from "../../src/platform/db.ts";
import { processOrder, processOrders } from "../../src/orders/mod.ts";
import { serveLanes, takeJobs } from "../../workers/lanes.ts";

Deno.test("Every order that is placed is processed once, however often the log and the queue are worked", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 500 });
  const orders = await Promise.all(Array.from({ length: 120 }, () => place(app, user, { [sku]: 2 })));
  await Promise.all([readLog(app.deps), readLog(app.deps)]);
  const done = await Promise.all([doJobs(app.deps, "orders.process"), doJobs(app.deps, "orders.process")]);
  assertEquals(done[0] + done[1], 120);
  await readLog(app.deps);
  assertEquals(await doJobs(app.deps, "orders.process"), 0);
  for (const order of orders) {
    const events = await eventsOf(app, "order", order.id);
    assertEquals(events.map(({ type, sequence }) => [type, sequence]), [["order.created", 1], [
      "order.processed",
      2,
    ]]);
    assertEquals(events[1]!.data.units, 2);
    assertEquals(events[1]!.actor, "system:orders.process");
  }
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A job that is made anew for a processed order changes nothing", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, user, { [sku]: 1 });
  await readLog(app.deps);
  await doJobs(app.deps, "orders.process");
  await app.deps.sql`update log_readers set position = 0 where name = 'jobs'`;
  await readLog(app.deps);
  assertEquals(await doJobs(app.deps, "orders.process"), 1);
  assertEquals((await eventsOf(app, "order", id)).length, 2);
});

Deno.test("An order that was changed before its job is processed after the change, in its turn", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const { id } = await place(app, user, { [sku]: 1 });
  assertEquals((await patch(app, staff, id, { status: "CANCELLED" })).status, 200);
  await readLog(app.deps);
  await doJobs(app.deps, "orders.process");
  const events = await eventsOf(app, "order", id);
  assertEquals(events.map(({ type }) => type), ["order.created", "order.cancelled", "order.processed"]);
  assertEquals(events.map(({ sequence }) => sequence), [1, 2, 3]);
});

Deno.test("An order that contradicts itself fails its own job, and holds up no other of its batch", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app, { prices: { EUR: 500 } });
  const { sql } = app.deps;
  const damages: [RegExp, (tx: Tx, id: string) => Promise<unknown>][] = [
    [
      /PENDING with 1 units to send, and the ledger holds 0/,
      (tx, id) => tx`update stock_movements set order_id = null where order_id = ${id}`,
    ],
    [
      /its total is 500, its ledger has a sale of 501/,
      (tx, id) => tx`update ledger set receivable = 501, revenue = -501 where order_id = ${id}`,
    ],
    [
      /its lines sum to 501, its subtotal is 500/,
      (tx, id) => tx`update order_items set unit_price = 501, line_total = 501 where order_id = ${id}`,
    ],
    [
      /its lines with their charges sum to 501, its total is 500/,
      (tx, id) => tx`update order_items set shipping_amount = 1 where order_id = ${id}`,
    ],
  ];
  const orders = await Promise.all(
    Array.from({ length: damages.length + 4 }, () => place(app, user, { [sku]: 1 })),
  );
  const [wrong, right] = [orders.slice(0, damages.length), orders.slice(damages.length)];
  await rewriteLog(sql, async (tx) => {
    for (const [n, [_, damage]] of damages.entries()) await damage(tx, wrong[n].id);
  });
  await readLog(app.deps);
  await doJobs(app.deps, "orders.process");
  for (const { id } of right) assertEquals((await eventsOf(app, "order", id)).length, 2);
  for (const [n, [message]] of damages.entries()) {
    const { id } = wrong[n];
    assertEquals((await eventsOf(app, "order", id)).length, 1);
    const [job] = await sql`
      select state::text, output from pgboss.job where name = 'orders.process' and data->>'order_id' = ${id}`;
    assertEquals(job!.state, "retry");
    assertMatch(job!.output.message, message);
  }
});

Deno.test("A job that fails leaves nothing of what it did, and waits for its next attempt", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const { sql } = app.deps;
  const boss = await app.deps.jobs.boss();
  const failures: ((tx: Tx) => Promise<unknown>)[] = [
    () => Promise.reject(new Error("halfway")),
    (tx) => tx`select 1 / 0`,
  ];
  for (const fail of failures) {
    const { id } = await place(app, user, { [sku]: 1 });
    await readLog(app.deps);
    const handler = {
      async together(tx: Tx) {
        await tx`update users set name = 'half done'`;
        await fail(tx);
      },
    };
    assertEquals(await takeJobs(app.deps, boss, processOrder, handler, 1), 1);
    const [job] = await sql`
      select state::text from pgboss.job where name = 'orders.process' and data->>'order_id' = ${id}`;
    assertEquals(job!.state, "retry");
  }
  assertEquals((await sql`select from users where name = 'half done'`).length, 0);
});

Deno.test("An order whose amounts, lines and ledger do not agree is not screened, and what contradicts what is said", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const { sql } = app.deps;
  await sql`alter table ledger disable trigger ledger_append_only`;
  const damages: [(id: string) => Promise<unknown>, RegExp][] = [
    [
      (id) => sql`update orders set subtotal = subtotal + 1, total_price = total_price + 1 where id = ${id}`,
      /its lines sum to/,
    ],
    [
      (id) => sql`update orders set tax_total = 1, total_price = total_price + 1 where id = ${id}`,
      /with their charges/,
    ],
    [
      (id) =>
        sql`update ledger set receivable = receivable - 1, revenue = revenue + 1 where order_id = ${id}`,
      /a sale of/,
    ],
  ];
  for (const [damage, said] of damages) {
    const { id } = await place(app, user, { [sku]: 1 });
    await damage(id);
    const screening = transaction(sql, (tx) => processOrders(tx, systemCtx(app.deps, "test"), [id]));
    assertMatch(await screening.then(() => "screened", (error: Error) => error.message), said);
  }
});

Deno.test("A job under way when its connection is lost is there for the next look, and the process lives on", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, user, { [sku]: 1 });
  await readLog(app.deps);
  const boss = await app.deps.jobs.boss();
  for (let cut = 0; cut < 3; cut++) {
    const handler = {
      async together(tx: Tx) {
        await tx`select pg_terminate_backend(pg_backend_pid())`;
      },
    };
    await assertRejects(() => takeJobs(app.deps, boss, processOrder, handler, 1));
  }
  await until(() => doJobs(app.deps, "orders.process").catch(() => 0), "the job is done");
  assertEquals((await eventsOf(app, "order", id)).map(({ type }) => type), [
    "order.created",
    "order.processed",
  ]);
});

Deno.test("A worker that is told to stop finishes the jobs that it has taken first", async () => {
  await using app = await startTestApp({ WORKER_LANES: "orders" });
  const { sql, jobs } = app.deps;
  const boss = await jobs.openForWork(4, () => {});
  const { sku } = await addProduct(app);
  const { id } = await place(app, await app.user(), { [sku]: 1 });
  await readLog(app.deps);
  let isStopped = false;
  const { stopping } = await withConnection(
    app.deps.config.databaseUrl,
    (other) =>
      other.begin(async (tx) => {
        await tx`select from orders where id = ${id} for update`;
        const lanes = await serveLanes(app.deps, boss);
        await untilWaiting(tx);
        const stopping = lanes.stop().then(() => isStopped = true);
        await sql`select`;
        assert(!isStopped, "stopped in the middle of a job");
        return { stopping };
      }),
  );
  await stopping;
  assertEquals((await eventsOf(app, "order", id)).length, 2);
  await boss.stop({ graceful: true, close: false });
});

Deno.test("A job waits for a worker however long none came: an order of a year ago is processed yet", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, user, { [sku]: 1 });
  await readLog(app.deps);
  const year = app.deps.sql`interval '1 year'`;
  await app.deps.sql`
    update pgboss.job
    set created_on = created_on - ${year}, start_after = start_after - ${year}, keep_until = keep_until - ${year}`;
  await (await app.deps.jobs.boss()).supervise(); // what a worker begins with
  assertEquals(await doJobs(app.deps, "orders.process"), 1);
  assertEquals((await eventsOf(app, "order", id)).length, 2);
});

Deno.test("However many finished jobs are kept, PostgreSQL looks again which there are after a thousand new ones", async () => {
  await using app = await startTestApp();
  const options = await app.deps.sql`
    select option_name, option_value from pg_class, pg_options_to_table(reloptions)
    where oid = 'pgboss.job_common'::regclass order by option_name`;
  assertEquals(options.map(({ option_name, option_value }) => [option_name, option_value]), [
    ["autovacuum_analyze_scale_factor", "0"],
    ["autovacuum_analyze_threshold", "1000"],
  ]);
});

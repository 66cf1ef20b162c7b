import { assert, assertEquals, assertMatch } from "@std/assert";
import { findDeadLetters } from "../../../src/admin/queries.ts";
import { expireOrders } from "../../../src/orders/mod.ts";
import { openDatabase, transaction } from "../../../src/platform/db.ts";
import { newId } from "../../../src/platform/id.ts";
import { Bell } from "../../../src/platform/bell.ts";
import { Jobs } from "../../../src/platform/jobs.ts";
import { NOBODY, Wire } from "../../platform/redis_server.ts";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { addProduct, eventsOf, place, tally } from "../../support/orders.ts";
import { doJobs, readLog } from "../../support/worker.ts";

// deno-lint-ignore no-explicit-any
type Json = any;

async function open() {
  const app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 1000 });
  const { sql } = app.deps;
  const ask = (method: string, path: string, { token }: { token?: string } = staff) =>
    app.request(method, `/v1/admin${path}`, { token });
  return {
    app,
    user,
    staff,
    sql,
    ask,
    /** An order whose job waits. */
    async order() {
      const order = await place(app, user, { [sku]: 1 });
      await readLog(app.deps);
      return order;
    },
    /** An order that contradicts itself, and its job, which has used up its attempts on it. */
    async failedOrder() {
      const order = await this.order();
      await sql`update stock_movements set reserved_delta = 2 where order_id = ${order.id}`;
      await sql`update pgboss.job set retry_limit = 0 where data->>'order_id' = ${order.id}`;
      await doJobs(app.deps, "orders.process");
      const [job] = await this.list(`?queue=orders.process&state=failed&limit=1`);
      const [letter] = await this.list("?queue=dead_letters&limit=1");
      return { order, job, letter };
    },
    repair: () => sql`update stock_movements set reserved_delta = 1 where reserved_delta = 2`,
    async list(query = ""): Promise<Json[]> {
      const { status, body } = await ask("GET", `/jobs${query}`);
      assertEquals(status, 200, JSON.stringify(body));
      return body.data;
    },
    async counts(queue: string) {
      const { body } = await ask("GET", "/queues");
      return body.data.find(({ name }: Json) => name === queue).counts;
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

/** How often an order was processed. */
async function timesProcessed(app: TestApp, { id }: { id: string }): Promise<number> {
  return (await eventsOf(app, "order", id)).filter(({ type }) => type === "order.processed").length;
}

Deno.test("Staff see every queue with its lane, its policy, and how many jobs it has", async () => {
  await using shop = await open();
  await shop.failedOrder();
  await shop.order();
  const { id } = await shop.order();
  await shop
    .sql`update pgboss.job set start_after = now() + interval '1 hour' where data->>'order_id' = ${id}`;
  assertEquals(await shop.counts("orders.process"), {
    ready: 1,
    deferred: 1,
    active: 0,
    failed: 1,
    dead_letters: 1,
  });
  const { body } = await shop.ask("GET", "/queues");
  const queues = Object.fromEntries(body.data.map((each: Json) => [each.name, each]));
  assertEquals(Object.keys(queues).filter((name) => name.startsWith("__")), []);
  assertEquals(queues["orders.process"].lane, "orders");
  assertEquals(queues["orders.process"].policy, {
    work: "transaction",
    retry_limit: 5,
    retry_delay: 2,
    retry_delay_max: 300,
    time_limit: 30,
    heartbeat: null,
    exclusive: false,
  });
  assertEquals([queues["orders.expire"].policy.exclusive, queues["dead_letters"].lane], [true, null]);
});

Deno.test("A job that failed for good is listed with its error, in its queue and as a dead letter", async () => {
  await using shop = await open();
  const { order, job, letter } = await shop.failedOrder();
  assertEquals([job.queue, job.lane, job.state, job.data], ["orders.process", "orders", "failed", {
    order_id: order.id,
  }]);
  assertEquals([job.attempts, job.max_attempts, job.dead_letter_of], [1, 1, null]);
  assertEquals(job.error.name, "ScreeningError");
  assertMatch(job.error.message, /PENDING with 1 units to send, and the ledger holds 2/);
  assertEquals([letter.queue, letter.state, letter.data], ["dead_letters", "created", job.data]);
  assertEquals([letter.error, letter.attempts, letter.lane], [job.error, 1, "orders"]);
  assertEquals(letter.dead_letter_of, { queue: "orders.process", id: job.id });
  for (const each of [job, letter]) {
    assertEquals((await shop.ask("GET", `/jobs/${each.id}`)).body, each);
  }
  assertEquals((await shop.ask("GET", `/jobs/${newId()}`)).status, 404);
});

Deno.test("A failed job that is sent back runs once more and completes, and its dead letter is gone", async () => {
  await using shop = await open();
  const { app } = shop;
  const { order, job } = await shop.failedOrder();
  await shop.repair();
  const { status, body } = await shop.ask("POST", `/jobs/${job.id}/retry`);
  assertEquals([status, body.id, body.state, body.max_attempts], [200, job.id, "retry", 2]);
  assertEquals(await shop.list("?queue=dead_letters"), []);
  assertEquals(await doJobs(app.deps, "orders.process"), 1);
  const done = (await shop.ask("GET", `/jobs/${job.id}`)).body;
  assertEquals([done.state, done.error, done.attempts], ["completed", null, 2]);
  assertEquals(await timesProcessed(app, order), 1);
  assertEquals((await shop.ask("POST", `/jobs/${job.id}/retry`)).body.code, "invalid_transition");
});

Deno.test("A job that fails again after it was sent back is a dead letter again, one", async () => {
  await using shop = await open();
  const { job } = await shop.failedOrder();
  for (let again = 0; again < 2; again++) {
    assertEquals((await shop.ask("POST", `/jobs/${job.id}/retry`)).status, 200);
    await doJobs(shop.app.deps, "orders.process");
    assertEquals((await shop.list("?queue=dead_letters")).length, 1);
  }
  const failed = (await shop.ask("GET", `/jobs/${job.id}`)).body;
  assertEquals([failed.state, failed.attempts, failed.max_attempts], ["failed", 3, 3]);
});

Deno.test("A job and its dead letter that many send back at once are sent back once", async () => {
  await using shop = await open();
  const { app } = shop;
  for (let round = 0; round < 5; round++) {
    const { job, letter } = await shop.failedOrder();
    const ids = [letter.id, job.id, letter.id, job.id, letter.id, job.id].slice(round % 2);
    // One that comes behind finds the job waiting, and would only begin it at once: that is no second job.
    const answers = await Promise.all(ids.map((id) => shop.ask("POST", `/jobs/${id}/retry`)));
    const letters = answers.filter((_, i) => ids[i] === letter.id);
    for (const { status, body } of answers) {
      if (status === 200) assertEquals([body.id, body.state], [job.id, "retry"]);
      else assert([404, 409].includes(status), JSON.stringify(body));
    }
    assert(letters.filter(({ status }) => status === 200).length <= 1, JSON.stringify(tally(answers)));
    await shop.repair();
    assertEquals(await doJobs(app.deps, "orders.process"), 1);
    assertEquals((await shop.counts("orders.process")).ready, 0);
    assertEquals(await shop.list("?queue=dead_letters"), []);
  }
});

Deno.test("A dead letter whose job is long forgotten is made into a new one, once", async () => {
  await using shop = await open();
  const { app } = shop;
  const { order, job, letter } = await shop.failedOrder();
  await shop.sql`delete from pgboss.job where id = ${job.id}`;
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => shop.ask("POST", `/jobs/${letter.id}/retry`)),
  );
  const [made, ...others] = answers.toSorted((a, b) => a.status - b.status);
  assertEquals([made!.status, made!.body.queue, made!.body.state], [200, "orders.process", "created"]);
  assertEquals(made!.body.data, job.data);
  for (const { status } of others) assert([404, 409].includes(status));
  await shop.repair();
  assertEquals(await doJobs(app.deps, "orders.process"), 1);
  assertEquals((await shop.ask("GET", `/jobs/${made!.body.id}`)).body.state, "completed");
  assertEquals(await timesProcessed(app, order), 1);
  assertEquals((await shop.ask("GET", `/jobs/${letter.id}`)).status, 404);
});

Deno.test("A dead letter that is dismissed is counted no more, and cannot be sent back", async () => {
  await using shop = await open();
  const { job, letter } = await shop.failedOrder();
  assertEquals((await shop.ask("POST", `/jobs/${letter.id}/cancellation`)).body.state, "cancelled");
  assertEquals((await shop.counts("orders.process")).dead_letters, 0);
  assertEquals((await shop.ask("POST", `/jobs/${letter.id}/retry`)).status, 409);
  assertEquals((await shop.ask("GET", `/jobs/${job.id}`)).body.state, "failed");
});

Deno.test("A dead letter stays until somebody deals with it; one that is dismissed goes like any job that has ended", async () => {
  await using shop = await open();
  const [kept, dismissed] = [await shop.failedOrder(), await shop.failedOrder()];
  await shop.ask("POST", `/jobs/${dismissed.letter.id}/cancellation`);
  await shop.sql`
    update pgboss.job set created_on = created_on - interval '1 year', start_after = start_after - interval '1 year',
      keep_until = keep_until - interval '1 year', completed_on = completed_on - interval '1 year'`;
  await (await shop.app.deps.jobs.boss()).supervise();
  const [found, gone] = [kept, dismissed].map(({ letter }) => shop.ask("GET", `/jobs/${letter.id}`));
  assertEquals([(await found!).body.state, (await gone!).status], ["created", 404]);
});

Deno.test("A waiting job that is cancelled is not done; one that has ended cannot be cancelled", async () => {
  await using shop = await open();
  const { app } = shop;
  const [unwanted, wanted] = [await shop.order(), await shop.order()];
  const jobs = await shop.list("?queue=orders.process&state=created");
  const jobOf = ({ id }: Json) => jobs.find(({ data }) => data.order_id === id);
  for (let again = 0; again < 2; again++) {
    const { status, body } = await shop.ask("POST", `/jobs/${jobOf(unwanted).id}/cancellation`);
    assertEquals([status, body.state], [200, "cancelled"]);
  }
  assertEquals(await doJobs(app.deps, "orders.process"), 1);
  assertEquals([await timesProcessed(app, unwanted), await timesProcessed(app, wanted)], [0, 1]);
  const late = await shop.ask("POST", `/jobs/${jobOf(wanted).id}/cancellation`);
  assertEquals([late.status, late.body.code], [409, "invalid_transition"]);
  assertEquals((await shop.ask("POST", `/jobs/${jobOf(unwanted).id}/retry`)).status, 409);
});

Deno.test("A job that waits for its next attempt is begun at once if it is sent back", async () => {
  await using shop = await open();
  const { app } = shop;
  await shop.order();
  await shop.sql`update pgboss.job set start_after = now() + interval '1 hour' where name = 'orders.process'`;
  assertEquals(await doJobs(app.deps, "orders.process"), 0);
  const [job] = await shop.list("?queue=orders.process");
  assertEquals((await shop.ask("POST", `/jobs/${job.id}/retry`)).status, 200);
  assertEquals(await doJobs(app.deps, "orders.process"), 1);
});

Deno.test("A job that is sent back begins at once also where the clock of the API is ahead of the database's", async () => {
  await using shop = await open();
  await shop.order();
  await shop
    .sql`update pgboss.job set start_after = now() + interval '1 minute' where name = 'orders.process'`;
  const [job] = await shop.list("?queue=orders.process");
  const system = Date;
  globalThis.Date = class extends system {
    constructor(of: string | number = system.now() + 300_000) {
      super(of);
    }
  } as DateConstructor;
  const sent = await shop.ask("POST", `/jobs/${job.id}/retry`).finally(() => globalThis.Date = system);
  assertEquals(sent.status, 200);
  assertEquals(await doJobs(shop.app.deps, "orders.process"), 1);
});

Deno.test("A job of a queue that takes one at a time is not sent back beside another", async () => {
  await using shop = await open();
  const { deps } = shop.app;
  const add = () => transaction(deps.sql, (tx) => deps.jobs.enqueue(tx, expireOrders, [{}]));
  await add();
  const [job] = await shop.list("?queue=orders.expire");
  await shop.sql`update pgboss.job set state = 'failed', completed_on = now() where id = ${job.id}`;
  await add();
  const { status, body } = await shop.ask("POST", `/jobs/${job.id}/retry`);
  assertEquals([status, body.code], [409, "invalid_transition"]);
  assertMatch(body.detail, /one job at a time/);
});

Deno.test("A walk through the pages meets each job once, although many were made in one moment", async () => {
  await using shop = await open();
  const { app, user } = shop;
  const { sku } = await addProduct(app);
  await Promise.all(Array.from({ length: 25 }, () => place(app, user, { [sku]: 1 })));
  await readLog(app.deps);
  await doJobs(app.deps, "orders.process");
  await readLog(app.deps);
  for (
    const filter of [
      "",
      "&queue=orders.process",
      "&state=completed",
      "&state=created&queue=notifications.send",
    ]
  ) {
    const walked: Json[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const { body } = await shop.ask("GET", `/jobs?limit=7${filter}${cursor && `&cursor=${cursor}`}`);
      walked.push(...body.data);
      cursor = body.next_cursor;
    }
    assertEquals(walked, await shop.list(`?limit=100${filter}`), filter);
    assertEquals(walked.length, filter === "" ? 50 : 25, filter);
    assertEquals(new Set(walked.map(({ id }) => id)).size, walked.length);
  }
  assertEquals(await shop.list("?state=active"), []);
  assertEquals((await shop.ask("GET", "/jobs?state=lost")).status, 422);
});

Deno.test("Customers and strangers neither see nor steer jobs", async () => {
  await using shop = await open();
  const { app, user } = shop;
  const { job } = await shop.failedOrder();
  const calls = [
    ["GET", "/queues"],
    ["GET", "/jobs"],
    ["GET", `/jobs/${job.id}`],
    ["POST", `/jobs/${job.id}/retry`],
    ["POST", `/jobs/${job.id}/cancellation`],
  ] as const;
  for (const [method, path] of calls) {
    assertEquals((await shop.ask(method, path, user)).status, 403);
    assertEquals((await shop.ask(method, path, {})).status, 401);
  }
  assertEquals((await shop.ask("GET", `/jobs/${job.id}`, await app.user("admin"))).body, job);
});

Deno.test("What staff see of jobs holds no credential, and no value of a database error", async () => {
  await using shop = await open();
  const { app, sql, user, staff } = shop;
  const canary = `Canary-${crypto.randomUUID()}`;
  const { body: { access_token, refresh_token } } = await logIn(app, canary);
  const other: TestUser = { ...user, token: access_token };
  const { sku } = await addProduct(app);
  await place(app, other, { [sku]: 1 }, { note: canary });
  await readLog(app.deps);
  // PostgreSQL quotes the whole row in this error.
  await sql`alter table events add constraint broken check (type <> 'order.processed') not valid`;
  await doJobs(app.deps, "orders.process");
  const jobs = await shop.list();
  assertEquals(jobs[0].error, { name: "PostgresError", message: "PostgresError 23514" });
  const seen = JSON.stringify([jobs, (await shop.ask("GET", "/queues")).body]);
  for (const secret of [canary, access_token, refresh_token, staff.token, "Failing row", "WB-"]) {
    assert(!seen.includes(secret), secret);
  }
});

async function logIn(app: TestApp, password: string) {
  const email = `canary-${newId()}@example.com`;
  const registered = await app.request("POST", "/v1/register", { body: { email, password } });
  assertEquals(registered.status, 201, JSON.stringify(registered.body));
  return await app.request("POST", "/v1/token", {
    form: { grant_type: "password", username: email, password },
  });
}

Deno.test("Where the queues' connection is ended at once, staff are told to try again", async () => {
  await using wire = new Wire(NOBODY);
  await using app = await startTestApp({}, (config) => {
    const url = new URL(config.databaseUrl);
    url.host = `127.0.0.1:${wire.port}`;
    const sql = openDatabase(config);
    const bell = new Bell(sql, url.href);
    return { sql, bell, jobs: new Jobs(url.href, bell) };
  });
  const { token } = await app.user("admin");
  const { status, body } = await app.request("POST", `/v1/admin/jobs/${newId()}/retry`, { token });
  assertEquals([status, body.code], [503, "unavailable"]);
});

Deno.test("A job's dead letter is found without a look at all the others", async () => {
  await using shop = await open();
  const { job, letter } = await shop.failedOrder();
  const others = 1000;
  await shop.sql`
    insert into pgboss.job (name, data, source_name, source_id, source_root_id)
    select 'dead_letters', '{}', 'orders.process', id, id
    from (select gen_random_uuid() as id from generate_series(1, ${others}::int)) made`;
  await transaction(shop.sql, async (tx) => {
    assertEquals(await findDeadLetters(tx, job), [letter.id]);
    const [read] = await tx<{ rows: number }[]>`
      select sum(idx_tup_fetch)::int as rows from pg_stat_xact_user_tables where schemaname = 'pgboss'`;
    assert(read!.rows < others / 10, `${read!.rows} rows were read`);
  });
});

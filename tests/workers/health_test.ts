import { assert, assertEquals } from "@std/assert";
import { openDatabase } from "../../src/platform/db.ts";
import type { LogFields } from "../../src/platform/log.ts";
import { Vitals } from "../../src/platform/vitals.ts";
import { serveHealth } from "../../workers/health.ts";
import { startWorker } from "../../workers/worker.ts";
import { startTestApp } from "../support/app.ts";
import { valueOf } from "../support/metrics.ts";
import { addProduct, place } from "../support/orders.ts";
import { until } from "../support/until.ts";

const NO_KAFKA = { health: () => ({ status: "not_configured" as const, lag: 0 }) };
const WORKER = { WORKER_HOST: "127.0.0.1", WORKER_PORT: "0" };

async function get(port: number, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  return { status: response.status, text: await response.text() };
}

/** For as long as the backlog's age and pg-boss's own counting may take. */
const COUNTED_WITHIN_MS = 60_000;

Deno.test("A worker tells how many jobs it did and failed, what is left undone, and that it is alive", async () => {
  await using app = await startTestApp(WORKER);
  const { sku } = await addProduct(app);
  const user = await app.user();
  const [good, bad] = [await place(app, user, { [sku]: 1 }), await place(app, user, { [sku]: 1 })];
  await app.deps
    .sql`update order_items set quantity = 5, line_total = 5 * unit_price where order_id = ${bad.id}`;
  const worker = await startWorker(app.deps);
  try {
    let metrics = "";
    await until(
      async () => {
        metrics = (await get(worker.port, "/metrics")).text;
        return valueOf(metrics, 'jobs_done_total{job="orders.process",result="done"}') === 1 &&
          valueOf(metrics, 'jobs_done_total{job="orders.process",result="failed"}')! >= 1 &&
          valueOf(metrics, 'event_log_lag_events{reader="jobs"}') === 0 &&
          valueOf(metrics, 'jobs_waiting{queue="orders.process"}') === 1;
      },
      "both jobs were attempted, and the log is read",
      COUNTED_WITHIN_MS,
    );
    assert(valueOf(metrics, 'job_duration_seconds_count{job="orders.process"}')! >= 2);
    assertEquals(valueOf(metrics, 'event_log_lag_seconds{reader="jobs"}'), 0);
    assertEquals(valueOf(metrics, "database_up"), 1);
    assertEquals([valueOf(metrics, "outbox_held"), valueOf(metrics, "outbox_dead")], [0, 0]);
    assert(!metrics.includes(good.id) && !metrics.includes(bad.id));
    assert(!metrics.includes("__pgboss"), "no queue of pg-boss's own");
    await until(
      async () => {
        const { status, text } = await get(worker.port, "/health/detailed");
        const { dependencies, dispatcher } = JSON.parse(text);
        assertEquals(dispatcher, { status: "not_configured", lag: 0 });
        return status === 200 && dependencies.workers.status === "up";
      },
      "the worker was seen",
      COUNTED_WITHIN_MS,
    );
    assertEquals((await get(worker.port, "/health/ready")).status, 200);
    await until(
      async () => {
        await app.deps.sql`
        update pgboss.job set retry_limit = retry_count, start_after = now()
        where name = 'orders.process' and state = 'retry'`;
        const { text } = await get(worker.port, "/metrics");
        return valueOf(text, "dead_letters") === 1 &&
          valueOf(text, 'jobs_failed{queue="orders.process"}') === 1;
      },
      "the job that failed for good is a dead letter",
      COUNTED_WITHIN_MS,
    );
  } finally {
    await worker.stop();
  }
});

Deno.test("With PostgreSQL gone a worker's /health and /metrics answer with what the process knows", async () => {
  await using app = await startTestApp(WORKER);
  const { config, cache, metrics, log } = app.deps;
  const sql = openDatabase({ ...config, databaseUrl: "postgres://waybill@127.0.0.1:1/waybill" });
  metrics.jobsEnded("orders.process", "done", 7, 0.1);
  const vitals = new Vitals(config, sql, cache, () => [], () => Promise.resolve({ status: "not_used" }), log);
  const server = serveHealth({ ...app.deps, vitals }, NO_KAFKA);
  try {
    const { port } = server.addr;
    assertEquals((await get(port, "/health")).status, 200);
    assertEquals((await get(port, "/health/ready")).status, 503);
    const detailed = await get(port, "/health/detailed");
    assertEquals([detailed.status, JSON.parse(detailed.text).status], [503, "down"]);
    const { status, text } = await get(port, "/metrics");
    assertEquals(status, 200);
    assertEquals(valueOf(text, 'jobs_done_total{job="orders.process",result="done"}'), 7);
    assertEquals(valueOf(text, "database_up"), 0);
    for (const unknown of ["dead_letters", "outbox_held", "outbox_dead"]) {
      assertEquals(valueOf(text, unknown), undefined, unknown);
    }
    assert(!/^(jobs_waiting|event_log_lag_events)\{/m.test(text));
  } finally {
    await server.shutdown();
    await sql.end({ timeout: 1 });
  }
});

Deno.test("A worker that cannot look for jobs says so now and then, and not for each of its places each time", async () => {
  const told: LogFields[] = [];
  let toldOfTaking = 0;
  const keep = (message: string, fields: LogFields = {}) => {
    if (message === "could not look for jobs") told.push(fields);
    if (message === "could not take jobs") toldOfTaking++;
  };
  await using app = await startTestApp(WORKER, {
    log: { debug: keep, info: keep, warn: keep, error: keep },
  });
  let looks = 0;
  const open = app.deps.jobs.openForWork.bind(app.deps.jobs);
  app.deps.jobs.openForWork = (connections, tell) => open(connections, (error) => (tell(error), looks++));
  const worker = await startWorker(app.deps);
  try {
    await app.deps.sql`alter table pgboss.job_common rename to job_gone`;
    await until(() => looks > 20, "many places looked");
  } finally {
    await app.deps.sql`alter table pgboss.job_gone rename to job_common`;
    await worker.stop();
  }
  assertEquals(told.map(({ error_code }) => error_code), ["42P01"]);
  assert(toldOfTaking > 0 && toldOfTaking < looks / 3, `${toldOfTaking} lines`);
});

Deno.test("A worker's metrics need the token where one is set", async () => {
  await using app = await startTestApp({ ...WORKER, METRICS_TOKEN: "a-token-for-prometheus" });
  const server = serveHealth(app.deps, NO_KAFKA);
  try {
    const { port } = server.addr;
    assertEquals((await get(port, "/metrics")).status, 401);
    assertEquals((await get(port, "/metrics", { Authorization: "Bearer another-token" })).status, 401);
    assertEquals(
      (await get(port, "/metrics", { Authorization: "Bearer a-token-for-prometheus" })).status,
      200,
    );
    assertEquals((await get(port, "/health")).status, 200);
  } finally {
    await server.shutdown();
  }
});

Deno.test("Each time that the database goes, and comes back, is told once", async () => {
  await using app = await startTestApp();
  const { config, sql, cache } = app.deps;
  const lines: string[] = [];
  const keep = (message: string) => void lines.push(message);
  const log = { debug: keep, info: keep, warn: keep, error: keep };
  const vitals = new Vitals(config, sql, cache, () => [], () => Promise.resolve({ status: "not_used" }), log);
  const look = async (times: number) => {
    for (let i = 0; i < times; i++) await vitals.database();
  };
  for (let time = 0; time < 2; time++) {
    await sql`alter table schema_migrations rename to gone`;
    await look(3);
    await sql`alter table gone rename to schema_migrations`;
    await look(3);
  }
  const [gone, back] = ["the database cannot be used", "the database can be used again"];
  assertEquals(lines, [gone, back, gone, back]);
});

import { assert, assertEquals, assertRejects } from "@std/assert";
import { newId } from "../../src/platform/id.ts";
import { hasRedis } from "../support/database.ts";
import { hasKafka, testKafka } from "../support/kafka.ts";
import { startTestApp } from "../support/app.ts";
import { addProduct, place } from "../support/orders.ts";
import { rewriteLog } from "../support/events.ts";

Deno.test("/health/detailed tells of every dependency, and how far each reader of the log is behind", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  await place(app, user, { [sku]: 1 });
  await rewriteLog(app.deps.sql, (tx) => tx`update events set occurred_at = now() - interval '90 seconds'`);
  const { status, body } = await app.request("GET", "/health/detailed");
  assertEquals(status, 200);
  assertEquals(body.dependencies.database.status, "up");
  assertEquals(body.dependencies.redis.status, hasRedis ? "up" : "in_process");
  assertEquals(body.dependencies.kafka, { status: "not_used" });
  const jobs = body.event_log.find(({ reader }: { reader: string }) => reader === "jobs");
  const [head] = await app.deps.sql`select max(position) as position from events`;
  assertEquals(jobs.lag_events, head!.position);
  assert(jobs.lag_seconds >= 90 && jobs.lag_seconds < 200, String(jobs.lag_seconds));
});

Deno.test("Kafka's reader is as far behind as the slowest of its shards", async () => {
  await using app = await startTestApp({ KAFKA_BOOTSTRAP_SERVERS: "127.0.0.1:1" });
  const { sql } = app.deps;
  const { sku } = await addProduct(app);
  await place(app, await app.user(), { [sku]: 1 });
  const [head] = await sql`select max(position) as position from events`;
  await sql`update log_readers set position = ${head!.position} where name = 'kafka' and shard <> 3`;
  const { body } = await app.request("GET", "/health/detailed");
  const kafka = body.event_log.find(({ reader }: { reader: string }) => reader === "kafka");
  assertEquals(kafka.lag_events, head!.position);
});

Deno.test("A Kafka that is away degrades health; where there is none, nothing counts", async () => {
  const kafkaWith = async (env: Record<string, string>) => {
    await using app = await startTestApp(env);
    await app.deps.sql`update pgboss.queue set monitor_claim_on = now()`;
    const { body } = await app.request("GET", "/health/detailed");
    const readers = body.event_log.map(({ reader }: { reader: string }) => reader);
    return [body.status, body.dependencies.kafka.status, readers.includes("kafka")];
  };
  assertEquals(await kafkaWith({}), ["ok", "not_used", false]);
  assertEquals(await kafkaWith({ KAFKA_BOOTSTRAP_SERVERS: "127.0.0.1:1" }), ["degraded", "down", true]);
});

Deno.test("Health tells how the breakers of each payment provider stand", async () => {
  await using app = await startTestApp({
    STRIPE_SECRET_KEY: "sk_test_only",
    STRIPE_WEBHOOK_SECRET: "whsec_test_only",
    STRIPE_API_BASE: "http://127.0.0.1:1",
  });
  const closed = { breaker: "closed", refund_breaker: "closed" };
  const providers = async () => (await app.request("GET", "/health/detailed")).body.payment_providers;
  assertEquals(await providers(), [{ provider: "sandbox", ...closed }, { provider: "stripe", ...closed }]);
  const stripe = app.deps.providers.byName.get("stripe")!;
  for (let call = 0; call < 5; call++) {
    await assertRejects(() => stripe.find({ id: newId(), reference: "pi_1" }));
  }
  assertEquals(await providers(), [
    { provider: "sandbox", ...closed },
    { provider: "stripe", ...closed, breaker: "open" },
  ]);
});

Deno.test("A Kafka that answers is up", { ignore: !hasKafka }, async () => {
  await using kafka = await testKafka();
  await using app = await startTestApp({ KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers });
  const { body } = await app.request("GET", "/health/detailed");
  assertEquals(body.dependencies.kafka.status, "up");
});

Deno.test("Without a worker that was seen in the last 30 seconds, health is degraded", async () => {
  const healthWhenSeen = async (secondsAgo: number | null) => {
    await using app = await startTestApp();
    await app.deps.sql`
      update pgboss.queue set monitor_claim_on = now() - ${secondsAgo}::int * interval '1 second'`;
    await app.deps.sql`
      update pgboss.queue set monitor_claim_on = now() - interval '1 day' where name = 'dead_letters'`;
    const { status, body } = await app.request("GET", "/health/detailed");
    return [status, body.status, body.dependencies.workers.status];
  };
  assertEquals(await healthWhenSeen(null), [200, "degraded", "down"], "a day ago");
  assertEquals(await healthWhenSeen(31), [200, "degraded", "down"]);
  assertEquals(await healthWhenSeen(20), [200, "ok", "up"]);
});

Deno.test("However often health is asked for, the database is asked for the backlog once in five seconds", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app);
  const lag = async () => {
    const { body } = await app.request("GET", "/health/detailed");
    return body.event_log[0].lag_events;
  };
  assertEquals(await lag(), 0);
  await place(app, await app.user(), { [sku]: 1 });
  assertEquals(new Set(await Promise.all(Array.from({ length: 20 }, lag))), new Set([0]));
});

Deno.test("A process whose database lacks a migration is sent no requests until it has it", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const statuses = async () => {
    const paths = ["/health", "/health/ready", "/health/detailed"];
    return await Promise.all(paths.map(async (path) => (await app.request("GET", path)).status));
  };
  assertEquals(await statuses(), [200, 200, 200]);
  const [last] = await sql`
    delete from schema_migrations where name = (select max(name) from schema_migrations) returning id, name, run_on`;
  assertEquals(await statuses(), [200, 503, 503]);
  await sql`insert into schema_migrations ${sql(last as never)}`;
  assertEquals(await statuses(), [200, 200, 200]);
  await sql`alter table schema_migrations rename to gone`;
  assertEquals(await statuses(), [200, 503, 503]);
});

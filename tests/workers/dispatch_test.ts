import { assert, assertEquals } from "@std/assert";
import { withConnection } from "../../tools/database_admin.ts";
import { type Sql, transaction } from "../../src/platform/db.ts";
import { movePositions } from "../../workers/dispatcher_queries.ts";
import { startEventDispatcher } from "../../workers/event_dispatcher.ts";
import { startWorker } from "../../workers/worker.ts";
import { hasKafka, testKafka } from "../support/kafka.ts";
import { addProduct, eventsOf, place } from "../support/orders.ts";
import { startTestApp } from "../support/app.ts";
import { rewriteLog } from "../support/events.ts";
import { until } from "../support/until.ts";
import {
  countDifferent,
  dispatching,
  eventsOfKeys,
  firstArrivals,
  logEvents,
  range,
  rememberingLog,
  startAnotherDispatcher,
  startDispatchApp,
} from "./dispatching.ts";

const ignore = !hasKafka;

/** In which shard each key's events are sent. */
function shardsOf(sql: Sql, keys: string[]) {
  return sql<[{ key: string; shard: number }]>`
    select key, shard_of(key) as shard from unnest(${keys}::text[]) as key`;
}

Deno.test({ name: "An order arrives in Kafka as a CloudEvent, sent by the worker", ignore }, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka, { WORKER_HOST: "127.0.0.1", WORKER_PORT: "0" });
  const worker = await startWorker(app.deps);
  try {
    const { sku } = await addProduct(app);
    const order = await place(app, await app.user(), { [sku]: 1 });
    const messages = await kafka.consumeAll(
      [kafka.name("orders"), kafka.name("stock")],
      (all) => all.some(({ key }) => key === order.id) && all.some(({ key }) => key === `${sku}@default`),
    );
    const message = messages.find(({ key }) => key === order.id)!;
    const [row] = await app.deps.sql`
      select id, position, occurred_at from events where aggregate_id = ${order.id} and sequence = 1`;
    assertEquals(message.topic, kafka.name("orders"));
    assertEquals(JSON.parse(message.value!), (await eventsOf(app, "order", order.id))[0]!.data);
    assertEquals(message.headers, {
      "content-type": "application/json",
      ce_specversion: "1.0",
      ce_id: row!.id,
      ce_source: "/waybill",
      ce_type: "order.created",
      ce_time: row!.occurred_at,
      ce_subject: order.id,
      ce_dataversion: "1",
      ce_sequence: "1",
      ce_position: String(row!.position),
    });
    assertEquals(messages.find(({ key }) => key === `${sku}@default`)!.topic, kafka.name("stock"));
  } finally {
    await worker.stop();
  }
});

Deno.test({
  name: "With several dispatchers and one of them killed every event arrives, in the order of its key",
  ignore,
}, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka, { OUTBOX_DISPATCH_BATCH_SIZE: "50" });
  const keys = Array.from({ length: 100 }, (_, n) => `key-${n}`);
  const owners = async () =>
    (await app.deps.sql`
      select owner from log_readers where name = 'kafka' and owned_until > now() group by owner`).length;
  await using _one = dispatching(app);
  await using _two = await startAnotherDispatcher(app);
  await using victim = await startAnotherDispatcher(app);
  await until(async () => await owners() === 3, "three dispatchers share the shards");
  for (let turn = 1; turn <= 10; turn++) await logEvents(app, eventsOfKeys(keys, turn, turn));
  await victim.kill();
  for (let turn = 11; turn <= 20; turn++) await logEvents(app, eventsOfKeys(keys, turn, turn));
  const messages = await kafka.consumeAll(
    [kafka.name("orders")],
    (all) => countDifferent(all) === 2000,
    30_000,
  );
  const expected = Object.fromEntries(keys.map((key) => [key, range(1, 20)]));
  assertEquals(firstArrivals(messages), expected);
  assertEquals(await owners(), 2);
  await until(async () => {
    const [row] = await app.deps.sql`
      select min(position) = (select max(position) from events) as done from log_readers where name = 'kafka'`;
    return row!.done;
  }, "all shards have come to the end of the log");
});

Deno.test({
  name:
    "When its connections to the database are cut the dispatcher goes on, and every event arrives in order",
  ignore,
}, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka, { OUTBOX_DISPATCH_BATCH_SIZE: "20" });
  await using _dispatcher = dispatching(app);
  const keys = range(1, 20).map((n) => `key-${n}`);
  await withConnection(app.deps.config.databaseUrl, async (sql) => {
    const cut = () =>
      sql`select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and application_name = 'waybill'`;
    for (const turn of range(1, 20)) {
      await logEvents(
        { deps: { sql: sql as unknown as Sql, bell: app.deps.bell } },
        eventsOfKeys(keys, turn, turn),
      );
      if (turn % 4 === 0) await until(async () => (await cut()).length > 0, "a connection is cut");
    }
  });
  const messages = await kafka.consumeAll(
    [kafka.name("orders")],
    (all) => countDifferent(all) === 400,
    30_000,
  );
  assertEquals(firstArrivals(messages), Object.fromEntries(keys.map((key) => [key, range(1, 20)])));
});

Deno.test({
  name: "A shard that is ahead of the others is sent nothing again while they catch up",
  ignore,
}, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka, { OUTBOX_DISPATCH_BATCH_SIZE: "10" });
  const { sql } = app.deps;
  const keys = range(1, 20).map((n) => `key-${n}`);
  await logEvents(app, eventsOfKeys(keys, 1, 5));
  const [{ shard: behind }] = await shardsOf(sql, ["key-1"]);
  await sql`
    update log_readers set position = (select max(position) from events)
    where name = 'kafka' and shard <> ${behind}`;
  await using _dispatcher = dispatching(app);
  await until(async () =>
    (await sql`
      select from log_readers where name = 'kafka' and position < (select max(position) from events)`)
      .length === 0, "the shard has caught up");
  await logEvents(app, eventsOfKeys(keys, 6, 6));
  const messages = await kafka.consumeAll(
    [kafka.name("orders")],
    (all) => all.filter(({ headers }) => headers.ce_sequence === "6").length === keys.length,
  );
  const shards = await shardsOf(sql, keys);
  assertEquals(
    Map.groupBy(messages, ({ key }) => key!).entries().map(([key, all]) => [
      key,
      all.map(({ headers }) => Number(headers.ce_sequence)),
    ]).toArray().sort(),
    shards.map(({ key, shard }) => [key, shard === behind ? range(1, 6) : [6]]).sort(),
  );
  // Nor would it be by a process that takes its place.
  const position = async () =>
    (await sql`select min(position) as least from log_readers where name = 'kafka'`)[0]!.least;
  const [{ end }] = await sql<[{ end: number }]>`select max(position) as end from events`;
  await until(async () => await position() === end, "all is written down");
  await transaction(sql, (tx) => movePositions(tx, range(0, 15), 1));
  assertEquals(await position(), end);
});

Deno.test("Who stops lets others have its shards at once, and lets go of nobody else's", async () => {
  await using app = await startTestApp({ KAFKA_BOOTSTRAP_SERVERS: "127.0.0.1:1" });
  const { sql } = app.deps;
  const owned = async () => [
    ...await sql`
      select shard, owner from log_readers where name = 'kafka' and owner is not null order by shard`,
  ];
  const dispatcher = startEventDispatcher(app.deps);
  await until(async () => (await owned()).length === 16, "it holds all shards");
  const owner = crypto.randomUUID();
  await sql`update log_readers set owner = ${owner} where name = 'kafka' and shard < 4`;
  await dispatcher.stop();
  assertEquals(await owned(), range(0, 3).map((shard) => ({ shard, owner })));
});

Deno.test({
  name: "Of shards that another process took unseen no more is sent than the batch in which that is noticed",
  ignore,
}, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka, { OUTBOX_DISPATCH_BATCH_SIZE: "10" });
  const { sql } = app.deps;
  const keys = range(1, 20).map((n) => `key-${n}`);
  const shards = new Map((await shardsOf(sql, keys)).map(({ key, shard }) => [key, shard]));
  const isTaken = (key: string) => shards.get(key)! % 2 === 0;
  await using _dispatcher = dispatching(app);
  await until(
    async () => (await sql`select from log_readers where name = 'kafka' and owner is not null`).length === 16,
    "it holds all shards",
  );
  await sql`
    update log_readers set owner = ${crypto.randomUUID()}, owned_until = now() + interval '1 hour'
    where name = 'kafka' and shard % 2 = 0`;
  await logEvents(app, eventsOfKeys(keys, 1, 10));
  const messages = await kafka.consumeAll(
    [kafka.name("orders")],
    (all) => keys.every((key) => isTaken(key) || all.filter((each) => each.key === key).length >= 10),
  );
  const ofOthers = messages.filter(({ key }) => isTaken(key!));
  assert(ofOthers.length <= 10, `${ofOthers.length} were sent`);
  await sql`update log_readers set owner = null, owned_until = null where name = 'kafka' and shard % 2 = 0`;
});

Deno.test({
  name: "Where the database refuses to write down what was sent, it is sent again until that is written down",
  ignore,
}, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka, { OUTBOX_DISPATCH_BATCH_SIZE: "10" });
  const { sql } = app.deps;
  await sql.unsafe(`
    create sequence refused;
    create function refuse() returns trigger language plpgsql as $$ begin
      if nextval('refused') <= 3 then raise exception 'refused'; end if;
      return new;
    end $$;
    create trigger refuse before update of position on log_readers
    for each row when (new.name = 'kafka') execute function refuse()`);
  // What follows takes Kafka longer than the database needs to refuse what is before.
  await logEvents(app, [
    ...eventsOfKeys(["a"], 1, 10),
    ...eventsOfKeys(["a"], 11, 20).map((event) => ({ ...event, bytes: 200_000 })),
  ]);
  await using _dispatcher = dispatching(app);
  const messages = await kafka.consumeAll([kafka.name("orders")], (all) => countDifferent(all) === 20);
  assertEquals(firstArrivals(messages), { a: range(1, 20) });
  await until(async () =>
    (await sql`
      select from log_readers where name = 'kafka' and position < (select max(position) from events)`)
      .length === 0, "all is written down");
});

Deno.test({ name: "In the layout by type an event goes to the topic of its type", ignore }, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka, { KAFKA_TOPIC_LAYOUT: "type" });
  const type = `${kafka.prefix.replaceAll(/[^a-z]/g, "_")}tried.out`;
  await app.deps.sql`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
    values (${type}, 1, 'order', 'a', 1, 'system:test', '{}', now())`;
  await using _dispatcher = dispatching(app);
  const [message] = await kafka.consumeAll([type], (all) => all.length === 1);
  assertEquals([message!.topic, message!.key], [type, "a"]);
});

Deno.test("Without Kafka the worker says so once and does its work", async () => {
  const { log, lines } = rememberingLog();
  await using app = await startTestApp({ WORKER_HOST: "127.0.0.1", WORKER_PORT: "0" }, { log });
  const worker = await startWorker(app.deps);
  try {
    const { sku } = await addProduct(app);
    const order = await place(app, await app.user(), { [sku]: 1 });
    await until(
      async () => (await eventsOf(app, "order", order.id)).some(({ type }) => type === "order.processed"),
      "the order is processed",
    );
  } finally {
    await worker.stop();
  }
  assertEquals(lines.filter((line) => line.includes("no Kafka")).length, 1);
  const [row] = await app.deps.sql`select max(position) as position from log_readers where name = 'kafka'`;
  assertEquals(row!.position, 0);
  assert(!lines.some((line) => line.startsWith("could not")), lines.join("\n"));
});

Deno.test({
  name: "Where the database goes back under a dispatcher, what is written then arrives as well",
  ignore,
}, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka);
  const { sql, horizon } = app.deps;
  await using _one = dispatching(app);
  await logEvents(app, eventsOfKeys(["kept", "lost"], 1, 5));
  await until(async () =>
    (await sql`
      select from log_readers where name = 'kafka' and position < (select max(position) from events)`)
      .length ===
      0, "all of it is sent");
  await rewriteLog(sql, async (tx) => {
    await tx`delete from events where position > 1`;
    await tx`update log_readers set position = least(position, 1)`;
    await tx`select setval('events_position_seq', 1)`;
  });
  await horizon.settled();
  await logEvents(app, eventsOfKeys(["new"], 1, 3));
  const messages = await kafka.consumeAll(
    [kafka.name("orders")],
    (all) => all.filter(({ key }) => key === "new").length === 3,
  );
  assertEquals(firstArrivals(messages).new, range(1, 3));
});

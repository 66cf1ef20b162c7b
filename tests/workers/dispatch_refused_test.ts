import { assert, assertEquals } from "@std/assert";
import { transaction } from "../../src/platform/db.ts";
import { listDue } from "../../workers/dispatcher_queries.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { hasKafka, type TestKafka, testKafka } from "../support/kafka.ts";
import { until } from "../support/until.ts";
import {
  countDifferent,
  createNarrowTopic,
  dispatching,
  eventsOfKeys,
  firstArrivals,
  logEvents,
  range,
  startDispatchApp,
  widenTopic,
} from "./dispatching.ts";

const ignore = !hasKafka;
const MAX_BYTES = 4000;
const LARGE = 5000;
const KEYS = range(1, 20).map((n) => `key-${n}`);

/** An app whose topic of orders takes no LARGE event until it is widened. */
async function startNarrowApp(kafka: TestKafka, env: Record<string, string>): Promise<TestApp> {
  await createNarrowTopic(kafka, kafka.name("orders"), MAX_BYTES);
  return await startDispatchApp(kafka, env);
}

Deno.test({
  name: "A refused event holds back the later ones of its key, in order, and no other key",
  ignore,
}, async () => {
  await using kafka = testKafka();
  const topic = kafka.name("orders");
  await using app = await startNarrowApp(kafka, {
    OUTBOX_MAX_ATTEMPTS: "1000",
    OUTBOX_RETRY_DELAY_MS: "100",
    OUTBOX_DISPATCH_BATCH_SIZE: "50",
  });
  await using _dispatcher = dispatching(app);
  await logEvents(app, [
    ...eventsOfKeys(KEYS, 1, 2),
    { key: "stuck", sequence: 1 },
    { key: "stuck", sequence: 2, bytes: LARGE },
    { key: "stuck", sequence: 3 },
    ...eventsOfKeys(KEYS, 3, 4),
    { key: "stuck", sequence: 4 },
  ]);
  await kafka.consumeAll([topic], (all) => countDifferent(all) === 4 * KEYS.length + 1);
  await logEvents(app, [...eventsOfKeys(["stuck"], 5, 6), ...eventsOfKeys(KEYS, 5, 6)]);
  const before = await kafka.consumeAll([topic], (all) => countDifferent(all) === 6 * KEYS.length + 1);
  assertEquals(firstArrivals(before), {
    ...Object.fromEntries(KEYS.map((key) => [key, range(1, 6)])),
    stuck: [1],
  });
  const held = () =>
    app.deps.sql`
    select e.sequence, o.status, o.attempts > 0 as tried, o.error from outbox o join events e using (position)
    order by position`;
  await until(async () => (await held()).length === 5, "all of the key that follow are held");
  const [head, ...behind] = await held();
  assert(head!.error.startsWith("MESSAGE_TOO_LARGE: "), head!.error);
  assertEquals([head!.sequence, head!.tried], [2, true]);
  assertEquals(
    behind.map(({ sequence, status, tried, error }) => [sequence, status, tried, error]),
    range(3, 6).map((sequence) => [sequence, "held", false, null]),
  );
  await widenTopic(kafka, topic);
  const after = await kafka.consumeAll([topic], (all) => countDifferent(all) === 6 * KEYS.length + 6, 20_000);
  assertEquals(firstArrivals(after).stuck, range(1, 6));
  await until(async () => (await held()).length === 0, "the outbox is empty");
});

Deno.test({
  name:
    "After its last attempt an event is given up and its key goes on, also where all is sent again; replayed after the repair, it arrives",
  ignore,
}, async () => {
  await using kafka = testKafka();
  const topic = kafka.name("orders");
  await using app = await startNarrowApp(kafka, { OUTBOX_MAX_ATTEMPTS: "3", OUTBOX_RETRY_DELAY_MS: "10" });
  await using _dispatcher = dispatching(app);
  const staff = await app.user("staff");
  // The third is refused as well, when what it waited for is done with, and the fourth behind it.
  await logEvents(
    app,
    range(1, 4).map((sequence) => ({ key: "a", sequence, bytes: sequence % 2 ? LARGE : 10 })),
  );
  const first = await kafka.consumeAll([topic], (all) => all.length === 2);
  assertEquals(firstArrivals(first), { a: [2, 4] });

  const dead = () => app.request("GET", "/v1/admin/outbox", { token: staff.token });
  const { body: { data: [third, entry, ...others] } } = await dead();
  assertEquals([third.sequence, others], [3, []]);
  assertEquals(
    [entry.aggregate_id, entry.sequence, entry.status, entry.attempts, entry.next_attempt_at],
    ["a", 1, "dead", 3, null],
  );
  assert(entry.error.startsWith("MESSAGE_TOO_LARGE: "), entry.error);

  // As to send events again: what was given up stays so.
  await app.deps.sql`update log_readers set position = 0 where name = 'kafka'`;
  app.deps.bell.ring("waybill_events");
  const again = await kafka.consumeAll([topic], (all) => all.length === 4);
  assertEquals(again.map(({ headers }) => headers.ce_sequence), ["2", "4", "2", "4"]);
  await until(async () => (await app.deps.sql`select from outbox`).length === 2, "the two are left");
  assertEquals((await dead()).body.data, [third, entry]);

  await widenTopic(kafka, topic);
  for (const { position } of [entry, third]) {
    const replay = await app.request("POST", `/v1/admin/outbox/${position}/replay`, { token: staff.token });
    assertEquals([replay.status, replay.body.status, replay.body.attempts], [200, "held", 0]);
  }
  const all = await kafka.consumeAll([topic], (messages) => messages.length === 6);
  assertEquals(all.map(({ headers }) => headers.ce_sequence), ["2", "4", "2", "4", "1", "3"]);
  await until(
    async () => (await app.deps.sql`select from outbox`).length === 0,
    "nothing is left to be done",
  );
});

Deno.test({
  name: "A topic that Kafka does not allow keeps its own events back and no other topic's",
  ignore,
}, async () => {
  await using kafka = testKafka();
  // One of its own, to which only itself may write.
  await using app = await startDispatchApp(kafka, { KAFKA_ORDERS_TOPIC: "__consumer_offsets" });
  await using _dispatcher = dispatching(app);
  for (const turn of range(1, 3)) {
    await logEvents(app, eventsOfKeys(KEYS, turn, turn));
    await logEvents(app, eventsOfKeys(KEYS.map((key) => `product-${key}`), turn, turn), "product");
  }
  const messages = await kafka.consumeAll(
    [kafka.name("products")],
    (all) => countDifferent(all) === 3 * KEYS.length,
  );
  assertEquals(
    firstArrivals(messages),
    Object.fromEntries(KEYS.map((key) => [`product-${key}`, range(1, 3)])),
  );
  await until(
    async () => (await app.deps.sql`select from outbox where status = 'held'`).length === 3 * KEYS.length,
    "all events of the topic are held",
  );
  const tried = await app.deps.sql`
    select e.sequence, o.error from outbox o join events e using (position) where attempts > 0`;
  assertEquals(tried.map(({ sequence }) => sequence), KEYS.map(() => 1));
  assert(tried.every(({ error }) => error.startsWith("INVALID_TOPIC_EXCEPTION: ")));
});

Deno.test({
  name: "Order is kept while a key's events are held, freed and held again in a stream of new ones",
  ignore,
}, async () => {
  await using kafka = testKafka();
  const topic = kafka.name("orders");
  await using app = await startNarrowApp(kafka, {
    OUTBOX_MAX_ATTEMPTS: "1000",
    OUTBOX_RETRY_DELAY_MS: "1",
    OUTBOX_DISPATCH_BATCH_SIZE: "4",
  });
  const turns = 500;
  await logEvents(app, [
    { key: "stuck", sequence: 1, bytes: LARGE },
    ...range(1, turns).flatMap((turn) => [
      { key: "stuck", sequence: turn + 1 },
      { key: "other", sequence: turn },
    ]),
  ]);
  await using _dispatcher = dispatching(app);
  await until(async () => (await app.deps.sql`select from outbox`).length > 50, "many are held");
  await widenTopic(kafka, topic);
  const messages = await kafka.consumeAll([topic], (all) => countDifferent(all) === 2 * turns + 1, 40_000);
  assertEquals(firstArrivals(messages), { other: range(1, turns), stuck: range(1, turns + 1) });
  const positions = await app.deps.sql`select min(position) as min, max(position) as max from log_readers
    where name = 'kafka'`;
  assertEquals(positions[0]!.min, positions[0]!.max);
});

Deno.test("What waited behind a refused event is read once for its turn, however much of it there is", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const [waiting, limit] = [3000, 100];
  await logEvents(app, eventsOfKeys(["stuck"], 1, waiting));
  await sql`
    insert into outbox (position, shard, message_key, attempts)
    select position, shard_of(aggregate_id), aggregate_id, case sequence when 51 then 1 else 0 end from events`;
  const read = async () =>
    await transaction(sql, async (tx) => {
      const due = await listDue(tx, range(0, 15), limit);
      const [row] = await tx<{ rows: number }[]>`
        select idx_tup_fetch as rows from pg_stat_xact_user_tables where relname = 'outbox'`;
      return { due: due.map(({ position }) => position), rows: row!.rows };
    });
  const positions = (await sql<{ position: number }[]>`select position from outbox order by position`)
    .map(({ position }) => position);
  assertEquals((await read()).due, positions.slice(0, 50), "up to the one that was tried before");
  await sql`update outbox set attempts = 0`;
  const { due, rows } = await read();
  assertEquals(due, positions.slice(0, limit));
  assert(rows < 3 * waiting, `${rows} rows were read for ${limit} events`);
});

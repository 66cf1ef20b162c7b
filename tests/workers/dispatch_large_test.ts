import { assert, assertEquals } from "@std/assert";
import { startTestApp } from "../support/app.ts";
import { ADA_IN_LEEDS, addExport, openBorders } from "../support/checkout.ts";
import { hasKafka, testKafka } from "../support/kafka.ts";
import { addLargeEvents } from "../support/events.ts";
import { tryToPlace } from "../support/orders.ts";
import { until } from "../support/until.ts";
import { listDue, readShards } from "../../workers/dispatcher_queries.ts";
import { dispatching, startDispatchApp } from "./dispatching.ts";

Deno.test({
  name: "An order of as many lines as it may have, with its explanation, is not too large for Kafka",
  ignore: !hasKafka,
}, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka, { OUTBOX_MAX_ATTEMPTS: "2", OUTBOX_RETRY_DELAY_MS: "10" });
  await openBorders(app);
  const quantities: Record<string, number> = {};
  for (let i = 0; i < 1000; i++) {
    const { sku } = await addExport(app, { sku: `STONEWARE-MUG-BLUE-035-${i}` });
    quantities[sku] = 2;
  }
  await app.deps.sql`update products set weight_grams = 3, name = 'Stoneware mug, blue, 0.35 l'`;
  const { status } = await tryToPlace(app, await app.user(), quantities, {
    more: { shipping_option: "standard", ship_to: ADA_IN_LEEDS },
  });
  assertEquals(status, 201);
  await using _dispatcher = dispatching(app);
  let refused: string[] = [];
  await until(async () => {
    const rows = await app.deps.sql<{ type: string; error: string | null }[]>`
      select e.type, o.error from outbox o join events e using (position) order by position`;
    refused = rows.map(({ type, error }) => `${type}: ${error}`);
    const arrived = refused.length === 0 &&
      await kafka.consumeAll([kafka.name("orders")], (all) => all.length > 0, 10_000).catch(() => []);
    return refused.length > 0 || (Array.isArray(arrived) && arrived.length > 0);
  }, "the order has arrived or was refused");
  assertEquals(refused, []);
});

Deno.test("Of large events few are read for Kafka at a time, one of them at the least, and none is left out", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  await addLargeEvents(sql, 8);
  const log = await sql<{ position: number }[]>`select position from events order by position`;
  const upTo = log.at(-1)!.position;
  const shards = Array.from({ length: 16 }, (_, n) => n);
  const [two] = await sql<{ bytes: number }[]>`
    select sum(pg_column_size(data)) as bytes from (select data from events order by position limit 2) two`;
  let batches!: number[][];
  for (const [bytes, limit] of [[1e9, 2], [two!.bytes, 500], [2_000_000, 500]] as const) {
    batches = [];
    for (let after = 0; after < upTo;) {
      const { events, to } = await readShards(sql, { shards, after, upTo, limit, bytes });
      batches.push(events.map(({ position }) => position));
      after = to;
    }
    assertEquals(batches.flat(), log.map(({ position }) => position));
    assert(Math.max(...batches.map(({ length }) => length)) <= 3, JSON.stringify(batches));
  }

  await sql`
    insert into outbox (position, shard, message_key)
    select position, shard_of(aggregate_id), aggregate_id from events`;
  const due = (await listDue(sql, shards, 500)).map(({ position }) => position);
  assert(due.length >= 1 && due.length <= 3, `${due.length} of 8 held events`);
  assertEquals(due, batches.flat().slice(0, due.length));
});

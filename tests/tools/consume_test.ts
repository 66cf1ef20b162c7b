import { assert, assertEquals, assertRejects } from "@std/assert";
import { openKafka } from "../../src/platform/kafka.ts";
import { startConsumer } from "../../tools/consume/consumer.ts";
import type { TestApp } from "../support/app.ts";
import { hasKafka, testKafka } from "../support/kafka.ts";
import { addProduct, levelOf, place } from "../support/orders.ts";
import { until } from "../support/until.ts";
import { dispatching, startDispatchApp } from "../workers/dispatching.ts";

const ignore = !hasKafka;

function consuming({ deps: { config, sql } }: TestApp, group: string) {
  const { order, inventory } = config.kafka!.topics;
  return startConsumer({ kafka: openKafka(config.kafka!), sql, topics: [order, inventory], group });
}

/** What the consumer made of the events. */
async function projected({ deps: { sql } }: TestApp, consumer: string) {
  const orders = await sql`
    select orders, revenue from consumer_example.daily_orders where consumer = ${consumer}`;
  const units = await sql`
    select sku, on_hand, reserved from consumer_example.stock_units where consumer = ${consumer} order by sku`;
  return { orders: orders.map((row) => ({ ...row })), units: units.map((row) => ({ ...row })) };
}

/** How many events it has seen. */
async function seen({ deps: { sql } }: TestApp, consumer: string): Promise<number> {
  const [row] = await sql`select count(*) from consumer_example.inbox where consumer = ${consumer}`;
  return row!.count;
}

Deno.test({
  name: "The example consumer applies each event once, although all are sent twice and it is restarted",
  ignore,
}, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka);
  const group = kafka.name("group");
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 1000, prices: { EUR: 500 } });
  const first = await consuming(app, group);
  {
    await using _dispatcher = dispatching(app);
    for (let i = 0; i < 20; i++) await place(app, user, { [sku]: 2 });
    await until(async () => await seen(app, group) === 40, "it has seen all");
  }
  await first.stop();
  await first.done;

  await app.deps.sql`update log_readers set position = 0 where name = 'kafka'`;
  const second = await consuming(app, group);
  {
    await using _dispatcher = dispatching(app);
    await place(app, user, { [sku]: 2 });
    await until(async () => await seen(app, group) === 42, "it has seen the new one");
  }
  const topics = [kafka.name("orders"), kafka.name("stock")];
  const messages = await kafka.consumeAll(topics, (all) => all.length === 82);
  await until(async () => {
    const admin = kafka.client.admin();
    await admin.connect();
    const offsets = await admin.fetchOffsets({ groupId: group, topics });
    await admin.disconnect();
    const ends = new Map<string, number>();
    for (const { topic, partition, offset } of messages) {
      const key = `${topic} ${partition}`;
      ends.set(key, Math.max(ends.get(key) ?? 0, Number(offset) + 1));
    }
    return offsets.every(({ topic, partitions }) =>
      partitions.every(({ partition, offset }) => Number(offset) >= (ends.get(`${topic} ${partition}`) ?? -1))
    );
  }, "it has come to the end of both topics");
  await second.stop();
  const { reserved } = await levelOf(app, sku);
  assertEquals(await projected(app, group), {
    orders: [{ orders: 21, revenue: 21_000 }],
    units: [{ sku, on_hand: 0, reserved }],
  });
});

Deno.test({
  name: "A message that the example consumer cannot read ends it with an error, and what came before is kept",
  ignore,
}, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka);
  const group = kafka.name("group");
  const consumer = await consuming(app, group);
  const producer = kafka.client.producer();
  await producer.connect();
  const created = { placed_at: "2026-01-31T12:00:00.000Z", currency: "EUR", total_price: 5 };
  await producer.send({
    topic: kafka.name("orders"),
    messages: [
      {
        key: "a",
        value: JSON.stringify(created),
        headers: { ce_id: crypto.randomUUID(), ce_type: "order.created" },
      },
      { key: "a", value: "{", headers: { ce_id: crypto.randomUUID(), ce_type: "order.created" } },
    ],
  });
  await producer.disconnect();
  const error = await assertRejects(() => consumer.done, Error);
  assert(error.message.includes("JSON"), error.message);
  await consumer.stop();
  assertEquals((await projected(app, group)).orders, [{ orders: 1, revenue: 5 }]);
});

Deno.test({ name: "The command follows the topics and ends well on SIGTERM", ignore }, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka);
  const { brokers, topics } = app.deps.config.kafka!;
  const group = kafka.name("group");
  const command = new Deno.Command(Deno.execPath(), {
    args: ["task", "consume", "--group", group],
    env: {
      DATABASE_URL: app.deps.config.databaseUrl,
      KAFKA_BOOTSTRAP_SERVERS: brokers.join(","),
      KAFKA_ORDERS_TOPIC: topics.order,
      KAFKA_STOCK_TOPIC: topics.inventory,
      KAFKA_PRODUCTS_TOPIC: topics.product,
      KAFKA_USERS_TOPIC: topics.user,
    },
    stdout: "null",
    stderr: "piped",
  }).spawn();
  await using _dispatcher = dispatching(app);
  const { sku } = await addProduct(app);
  await place(app, await app.user(), { [sku]: 1 });
  await until(() => seen(app, group).then((count) => count === 2, () => false), "it has seen both events");
  command.kill("SIGTERM");
  const { code, stderr } = await command.output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
});

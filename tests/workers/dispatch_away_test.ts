import { assertEquals } from "@std/assert";
import { type KafkaServer, startThrowAwayKafka } from "../../tools/embedded_kafka.ts";
import { checkKafka, openKafka } from "../../src/platform/kafka.ts";
import { startEventDispatcher } from "../../workers/event_dispatcher.ts";
import { hasKafka, testKafka } from "../support/kafka.ts";
import { addProduct, place } from "../support/orders.ts";
import { until } from "../support/until.ts";
import { firstArrivals, rememberingLog, startDispatchApp } from "./dispatching.ts";

Deno.test({
  name: "While Kafka is away orders are taken, no event is blamed, and all arrive once it is back",
  ignore: !hasKafka,
}, async () => {
  const server = await startThrowAwayKafka(() => {}) as KafkaServer;
  const { log, lines } = rememberingLog();
  try {
    const kafka = testKafka(server.bootstrapServers);
    await using app = await startDispatchApp(kafka, { OUTBOX_MAX_ATTEMPTS: "1" }, { log });
    const dispatcher = startEventDispatcher(app.deps);
    try {
      const { sku } = await addProduct(app);
      const user = await app.user();
      const topics = [kafka.name("orders")];
      const ids = [(await place(app, user, { [sku]: 1 })).id];
      await kafka.consumeAll(topics, (all) => all.length === 1);
      await server.kill();
      for (let i = 0; i < 5; i++) ids.push((await place(app, user, { [sku]: 1 })).id);
      await until(() => dispatcher.health().status === "down", "it is noticed");
      assertEquals(await checkKafka(app.deps.config.kafka!), { status: "down" });
      await until(() => dispatcher.health().breaker === "open", "the breaker opens", 60_000);
      for (let i = 0; i < 5; i++) ids.push((await place(app, user, { [sku]: 1 })).id);
      await server.restart();
      const messages = await kafka.consumeAll(topics, (all) => {
        const arrived = firstArrivals(all);
        return ids.every((id) => arrived[id]?.includes(1));
      }, 60_000);
      assertEquals(Object.values(firstArrivals(messages)), ids.map(() => [1]));
      await until(() => {
        const { status, breaker, lag } = dispatcher.health();
        return status === "up" && breaker === "closed" && lag === 0;
      }, "it has caught up");
      assertEquals((await checkKafka(app.deps.config.kafka!)).status, "up");
    } finally {
      await dispatcher.stop();
    }
    assertEquals((await app.deps.sql`select from outbox`).length, 0);
    assertEquals(lines.filter((line) => /Kafka/.test(line)), [
      "Kafka is away: events wait in the log",
      "Kafka is back",
    ]);
  } finally {
    await server.stop();
  }
});

Deno.test({
  name: "What is left of an answer whose connection was lost is not taken for the beginning of another",
  ignore: !hasKafka,
}, async () => {
  await using app = await startDispatchApp(testKafka());
  const { kafka } = app.deps.config;
  using proxy = cuttingProxy(kafka!.brokers[0]!, 2);
  const admin = openKafka({ ...kafka!, brokers: [proxy.address] }).admin();
  await admin.connect();
  try {
    assertEquals((await admin.describeCluster()).brokers.length, 1);
    assertEquals(proxy.connections, 2);
  } finally {
    await admin.disconnect();
  }
});

/** Stands before a broker. Of what that says over the first connection, only so many bytes arrive. */
function cuttingProxy(broker: string, bytes: number) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const proxy = {
    address: `127.0.0.1:${listener.addr.port}`,
    connections: 0,
    [Symbol.dispose]: () => listener.close(),
  };
  (async () => {
    for await (const client of listener) {
      const isFirst = ++proxy.connections === 1;
      const [hostname, port] = broker.split(":");
      const server = await Deno.connect({ hostname, port: Number(port) });
      client.readable.pipeTo(server.writable).catch(() => {});
      if (!isFirst) server.readable.pipeTo(client.writable).catch(() => {});
      else {
        const reader = server.readable.getReader();
        const { value } = await reader.read();
        await client.write(value!.subarray(0, bytes));
        client.close();
        await reader.cancel();
      }
    }
  })();
  return proxy;
}

import net from "node:net";
import tls from "node:tls";
import { assertEquals, assertRejects } from "@std/assert";
import { Kafka, logLevel } from "kafkajs";
import { loadConfig } from "../../src/config.ts";
import { checkKafka } from "../../src/platform/kafka.ts";
import { openKafkaSocket } from "../../src/platform/kafka_socket.ts";
import { within } from "../../src/platform/recent.ts";
import { hasKafka, testKafka } from "../support/kafka.ts";

const config = (port: number) =>
  loadConfig({
    APP_ENV: "local",
    DATABASE_URL: "postgres://localhost/none",
    KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${port}`,
  }).kafka!;

/** Has the other side closed this connection, rather than only said that it sends no more? */
async function isClosed(connection: Deno.Conn): Promise<boolean> {
  const buffer = new Uint8Array(1024);
  try {
    while (await connection.read(buffer) !== null);
    for (let i = 0; i < 20; i++) {
      await connection.write(new Uint8Array(1));
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    return false;
  } catch {
    return true;
  }
}

/** Looks for Kafka at a server that answers with this, and waits until nothing of the look is open any more. */
async function lookAt(answer: string): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const checked = checkKafka(config((listener.addr as Deno.NetAddr).port));
  using connection = await accepted;
  await connection.write(new TextEncoder().encode(answer));
  assertEquals(await checked, { status: "down" }, answer);
  assertEquals(await within(isClosed(connection), 15_000), true, answer);
}

Deno.test("a server that says nothing, or is no Kafka, is down, and nothing of the look stays open", async () => {
  // Side by side: each look ends with the time that a request to Kafka has.
  await Promise.all(["", "HTTP/1.1 400 Bad Request\r\n\r\n"].map(lookAt));
});

Deno.test("a connection that is ended is closed, whatever its other side has not read yet", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const { hostname: host, port } = listener.addr as Deno.NetAddr;
  const { promise: connected, resolve: onConnect } = Promise.withResolvers<void>();
  const socket = openKafkaSocket({ host, port, ssl: undefined as never, onConnect });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await connected;
  using _connection = await accepted;
  socket.write(new Uint8Array(64 * 1024 * 1024));
  socket.end();
  await within(closed, 20_000);
});

/** Kafka behind TLS: hands on to a broker what it is sent, and answers in pieces as they come over a network. */
async function startTlsProxy(broker: string, cert: string): Promise<AsyncDisposable & { port: number }> {
  const [host, port] = broker.split(":");
  const key = await Deno.readTextFile(new URL("../fixtures/localhost.key", import.meta.url));
  const connections = new Set<net.Socket>();
  const proxy = tls.createServer({ key, cert }, (connection) => {
    const upstream = net.connect(Number(port), host);
    connections.add(connection);
    connection.on("data", (data) => upstream.write(data));
    upstream.on("data", (data: Uint8Array) => {
      for (let i = 0; i < data.length; i += 1021) connection.write(data.subarray(i, i + 1021));
    });
    for (const [from, to] of [[connection, upstream], [upstream, connection]]) {
      from!.on("close", () => to!.destroy()).on("error", () => to!.destroy());
    }
  });
  proxy.on("tlsClientError", () => {});
  const { promise, resolve } = Promise.withResolvers<void>();
  proxy.listen(0, "127.0.0.1", resolve);
  await promise;
  return {
    port: (proxy.address() as net.AddressInfo).port,
    [Symbol.asyncDispose]: () => {
      for (const connection of connections) connection.destroy();
      return new Promise((resolve) => proxy.close(() => resolve()));
    },
  };
}

Deno.test({
  name: "over TLS what is sent is read as it was, and a certificate that nobody vouches for is refused",
  ignore: !hasKafka,
  async fn() {
    await using kafka = testKafka();
    const topic = kafka.name("tls");
    const cert = await Deno.readTextFile(new URL("../fixtures/localhost.crt", import.meta.url));
    await using proxy = await startTlsProxy(kafka.bootstrapServers.split(",")[0]!, cert);
    // The broker names itself by its own address, so each connection is led to the proxy.
    const client = (ca?: string) =>
      new Kafka({
        brokers: kafka.bootstrapServers.split(","),
        ssl: { ca },
        retry: { retries: ca ? 5 : 0, initialRetryTime: 100 },
        logLevel: logLevel.NOTHING,
        socketFactory: (options) => openKafkaSocket({ ...options, host: "localhost", port: proxy.port }),
      });
    const untrusting = client().admin();
    await assertRejects(() => untrusting.connect(), Error, "certificate");
    await untrusting.disconnect();

    const values = Array.from({ length: 40 }, (_, n) => `${n} ${"x".repeat(n * 1000)}`);
    const producer = client(cert).producer();
    await producer.connect();
    await producer.send({ topic, messages: values.map((value) => ({ key: "k", value })) });
    await producer.disconnect();

    const consumer = client(cert).consumer({ groupId: kafka.name("reader"), maxWaitTimeInMs: 50 });
    const read: (string | undefined)[] = [];
    const { promise: allRead, resolve } = Promise.withResolvers<void>();
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage({ message }) {
        read.push(message.value?.toString());
        if (read.length === values.length) resolve();
        return Promise.resolve();
      },
    });
    await within(allRead, 20_000);
    await consumer.disconnect();
    assertEquals(read, values);
  },
});

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { exists, ignoreNotFound } from "../../tools/files.ts";
import { type KafkaServer, startThrowAwayKafka } from "../../tools/embedded_kafka.ts";
import { startServices } from "../../tools/services.ts";
import { type ConsumedMessage, hasKafka, type TestKafka, testKafka } from "../support/kafka.ts";
import { until } from "../support/until.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));
const EMBEDDED_KAFKA = import.meta.resolve("../../tools/embedded_kafka.ts");
const TEMPORARY = Deno.env.get("TMPDIR") || "/tmp";

/** A Kafka that the environment names says nothing about whether one can be started here. */
const embeddedMissing = !hasKafka ||
  await new Deno.Command("java", { args: ["-version"] }).output().then(() => false, () => true);

async function embedded(): Promise<KafkaServer & AsyncDisposable> {
  const server = await startThrowAwayKafka(() => {});
  if ("reason" in server) throw new Error(server.reason);
  return { ...server, [Symbol.asyncDispose]: server.stop };
}

async function publish(kafka: TestKafka, topic: string, messages: Record<"key" | "value", string>[]) {
  const producer = kafka.client.producer();
  try {
    await producer.connect();
    for (const message of messages) {
      await producer.send({ topic, messages: [{ ...message, headers: { kind: "example" } }] });
    }
  } finally {
    await producer.disconnect();
  }
}

const valuesOf = (messages: ConsumedMessage[]) => messages.map(({ value }) => value);

/** The folder of the broker on this address: the one whose configuration has it. */
async function directoryOf(bootstrapServers: string): Promise<string> {
  for await (const { name } of Deno.readDir(TEMPORARY)) {
    if (!name.startsWith("waybill-kafka-")) continue;
    const path = join(TEMPORARY, name);
    const text = await Deno.readTextFile(join(path, "server.properties")).catch(ignoreNotFound);
    if (text?.includes(`PLAINTEXT://${bootstrapServers},`)) return path;
  }
  throw new Error(`No broker on ${bootstrapServers} has its folder in ${TEMPORARY}.`);
}

const isListening = (bootstrapServers: string) =>
  Deno.connect({ hostname: "127.0.0.1", port: Number(bootstrapServers.split(":")[1]) })
    .then((connection) => (connection.close(), true), () => false);

Deno.test({
  name: "a message comes back with its key and headers",
  ignore: !hasKafka,
  async fn() {
    await using kafka = testKafka();
    const topic = kafka.name("orders");
    await publish(kafka, topic, [{ key: "order-1", value: "placed" }]);
    const [message] = await kafka.consumeAll([topic], (messages) => messages.length === 1);
    assertEquals(
      { ...message, partition: undefined },
      {
        topic,
        partition: undefined,
        offset: "0",
        key: "order-1",
        value: "placed",
        headers: { kind: "example" },
      },
    );
  },
});

Deno.test({
  name: "messages of one key come in order, and keys are spread over partitions",
  ignore: !hasKafka,
  async fn() {
    await using kafka = testKafka();
    const topic = kafka.name("orders");
    const keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const sent = [1, 2, 3, 4, 5].flatMap((step) => keys.map((key) => ({ key, value: `${key}${step}` })));
    await publish(kafka, topic, sent);
    const received = await kafka.consumeAll([topic], (messages) => messages.length === sent.length);
    for (const key of keys) {
      const ofKey = received.filter((message) => message.key === key);
      assertEquals(valuesOf(ofKey), [1, 2, 3, 4, 5].map((step) => `${key}${step}`));
      assertEquals(new Set(ofKey.map(({ partition }) => partition)).size, 1);
    }
    if (!embeddedMissing) assert(new Set(received.map(({ partition }) => partition)).size > 1);
  },
});

Deno.test({
  name: "reading gives up after its deadline, on a topic that nobody wrote to as well",
  ignore: !hasKafka,
  async fn() {
    await using kafka = testKafka();
    await assertRejects(
      () => kafka.consumeAll([kafka.name("silent")], () => true, 500),
      Error,
      "Not in 500 ms; so far: []",
    );
  },
});

Deno.test({
  name: "a test's topics and groups go with it",
  ignore: !hasKafka,
  async fn() {
    await using other = testKafka();
    await publish(other, other.name("kept"), [{ key: "k", value: "v" }]);
    const kafka = testKafka();
    await publish(kafka, kafka.name("gone"), [{ key: "k", value: "v" }]);
    await kafka.consumeAll([kafka.name("gone")], (messages) => messages.length === 1);
    await kafka.drop();

    const admin = kafka.client.admin();
    await admin.connect();
    try {
      // The controller has deleted it; a moment later the broker knows.
      const isOver = async () => !(await admin.listTopics()).some((topic) => topic.startsWith(kafka.prefix));
      await until(isOver, "its topics are gone");
      assert((await admin.listTopics()).includes(other.name("kept")));
      const { groups } = await admin.listGroups();
      assertEquals(groups.filter(({ groupId }) => groupId.startsWith(kafka.prefix)), []);
    } finally {
      await admin.disconnect();
    }
  },
});

Deno.test({
  name: "a broker that crashed comes back on its port with its messages, and takes more",
  ignore: embeddedMissing,
  async fn() {
    await using server = await embedded();
    const kafka = testKafka(server.bootstrapServers);
    const topic = kafka.name("orders");
    await publish(kafka, topic, [{ key: "order-1", value: "before" }]);

    await server.kill();
    assertEquals(await isListening(server.bootstrapServers), false);
    await server.restart();

    await publish(kafka, topic, [{ key: "order-1", value: "after" }]);
    const messages = await kafka.consumeAll([topic], (messages) => messages.length === 2);
    assertEquals(valuesOf(messages), ["before", "after"]);
  },
});

Deno.test({
  name: "stopping a broker removes its data, whether it runs or crashed, and can be repeated",
  ignore: embeddedMissing,
  async fn() {
    const [running, crashed] = await Promise.all([embedded(), embedded()]);
    const directories = [
      await directoryOf(running.bootstrapServers),
      await directoryOf(crashed.bootstrapServers),
    ];
    await crashed.kill();
    for (const server of [running, crashed, running]) await server.stop();
    for (const directory of directories) assertEquals(await exists(directory), false);
    assertEquals(await isListening(running.bootstrapServers), false);
  },
});

Deno.test({
  name: "a broker ends and takes its data along when its owner is killed with -9",
  ignore: embeddedMissing,
  async fn() {
    const owner = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `import { startThrowAwayKafka } from ${JSON.stringify(EMBEDDED_KAFKA)};
         const { bootstrapServers } = await startThrowAwayKafka(() => {});
         console.log(bootstrapServers);
         await new Promise(() => setInterval(() => {}, 1000));`,
      ],
      cwd: ROOT,
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const output = owner.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const bootstrapServers = (await output.read()).value!.trim();
    const directory = await directoryOf(bootstrapServers);
    assert(await isListening(bootstrapServers));

    owner.kill("SIGKILL");
    await owner.status;
    await output.cancel();

    // It is removed by who waited for the process: then there is no JVM any more.
    await until(async () => !(await exists(directory)), "its data are gone");
    assertEquals(await isListening(bootstrapServers), false);
  },
});

Deno.test("without Java there is a reason instead of a broker", async () => {
  const emptyFolder = await Deno.makeTempDir();
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { startThrowAwayKafka } from ${JSON.stringify(EMBEDDED_KAFKA)};
       console.log(JSON.stringify(await startThrowAwayKafka()));`,
    ],
    cwd: ROOT,
    env: { PATH: emptyFolder },
    stderr: "null",
  }).output();
  await Deno.remove(emptyFolder);
  const { reason } = JSON.parse(new TextDecoder().decode(stdout));
  assertMatch(reason, /no java on the PATH/);
});

Deno.test("a Kafka that the environment names is used as it is; developing starts none", async () => {
  const env = {
    DATABASE_URL: "postgres://db.example/shop",
    REDIS_URL: "redis://cache.example",
    KAFKA_BOOTSTRAP_SERVERS: "kafka-1.example:9092,kafka-2.example:9092",
  };
  for (const purpose of ["dev", "test"] as const) {
    const services = await startServices({ purpose, env });
    assertEquals(services.kafka, { kind: "tcp", bootstrapServers: env.KAFKA_BOOTSTRAP_SERVERS });
    await services.stop();
  }
  const services = await startServices({
    purpose: "dev",
    env: { ...env, KAFKA_BOOTSTRAP_SERVERS: undefined },
  });
  assertEquals(services.kafka, { kind: "none", reason: "no KAFKA_BOOTSTRAP_SERVERS" });
  await services.stop();
});

/**
 * A real Apache Kafka for a machine that has Java but no broker: one node in KRaft mode, from the jars on Maven
 * Central. They are fetched once by `mvn` and kept in the user's cache.
 */

import { setTimeout as delay } from "node:timers/promises";
import { join } from "@std/path";
import { Kafka, logLevel } from "kafkajs";
import { cacheDirectory, exists, removeTree } from "./files.ts";
import { freePort, lookFor, outputOf, supervise, type Supervised } from "./supervise.ts";

/** A running broker whose data go with it. */
export interface KafkaServer {
  /** `127.0.0.1:port`. */
  bootstrapServers: string;
  /** Ends the broker at once, like a crash; port and data are kept for `restart`. */
  kill(): Promise<void>;
  /** Ends the broker if it runs, and starts it on the same port and data. Resolves when it answers. */
  restart(): Promise<void>;
  /** Ends the broker and removes its data. */
  stop(): Promise<void>;
}

const KAFKA_VERSION = "4.3.1";
/** What Kafka's own distribution adds to its jars to write a log at all; of the same version as its log4j-core. */
const LOG4J_VERSION = "2.25.4";
const DEPENDENCY_PLUGIN_VERSION = "3.8.1";
const OLDEST_JAVA = 17;
const START_ATTEMPTS = 5;
/** While a broker is down, anyone's outgoing connection may be given its port: it has about 20 seconds to end. */
const RESTART_ATTEMPTS = 10;
const START_PATIENCE_MS = 60_000;
const POLL_MS = 50;

/** -Xrs leaves the signals to the system: TERM ends the broker at once, where its own shutdown takes seconds. */
const JVM_FLAGS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xrs"];
/** Leaves the broker's process number in the file $0, for `kill`. */
const NOTE_PID = 'echo $$ >"$0"; exec "$@"';

const POM = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>waybill</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>${LOG4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

const LOG_CONFIGURATION = `<Configuration status="ERROR">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d %p %c: %m%n%throwable"/></Console>
  </Appenders>
  <Loggers>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
`;

/**
 * Four partitions, so that order by key means something; otherwise what starts fast and stays small. After a crash the
 * broker is let in again when its old session has run out.
 */
const configuration = (port: number, controllerPort: number, directory: string) => `
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}
log.dirs=${join(directory, "data")}
auto.create.topics.enable=true
num.partitions=4
default.replication.factor=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=1
num.io.threads=2
log.cleaner.dedupe.buffer.size=2097152
`;

/** Starts a broker on a free port; where Java or the jars cannot be had, says why. */
export async function startThrowAwayKafka(
  say: (line: string) => void = console.log,
): Promise<KafkaServer | { reason: string }> {
  const reason = await reasonAgainstJava();
  if (reason) return { reason };
  const jars = await findJars(say);
  if (typeof jars !== "string") return jars;
  for (let attempt = 1;; attempt++) {
    const broker = await makeBroker(jars);
    const failure = await broker.start();
    if (!failure) return broker;
    await broker.stop();
    if (attempt === START_ATTEMPTS || !isPortTaken(failure)) throw startError(failure);
  }
}

interface Broker extends KafkaServer {
  /** Undefined once it answers, else what it wrote before it ended. */
  start(): Promise<string | undefined>;
}

/** Gives a broker its ports and its formatted data folder. */
async function makeBroker(jars: string): Promise<Broker> {
  const directory = await Deno.makeTempDir({ prefix: "waybill-kafka-" });
  const port = freePort();
  const bootstrapServers = `127.0.0.1:${port}`;
  const clusterId = makeClusterId();
  const configFile = join(directory, "server.properties");
  const pidFile = join(directory, "pid");
  const logFile = join(directory, "log");
  const logConfigFile = join(directory, "log4j2.xml");
  await Deno.writeTextFile(configFile, configuration(port, freePort(), directory));
  await Deno.writeTextFile(logConfigFile, LOG_CONFIGURATION);
  const java = (...args: string[]) =>
    supervise({
      command: "sh",
      args: [
        ...["-c", NOTE_PID, pidFile, "java", ...JVM_FLAGS],
        ...[`-Dlog4j2.configurationFile=${logConfigFile}`, "-cp", join(jars, "*"), ...args],
      ],
      stopSignal: "TERM",
      logFile,
      removeAfter: directory,
    });

  let server: Supervised | undefined;
  const broker: Broker = {
    bootstrapServers,
    async start() {
      server = java("kafka.Kafka", configFile);
      const isReady = () => answers(bootstrapServers, clusterId);
      if (await lookFor(server, isReady, POLL_MS, START_PATIENCE_MS)) return undefined;
      await broker.kill();
      return await Deno.readTextFile(logFile);
    },
    async kill() {
      if (!server) return;
      await killByPidFile(pidFile);
      await server.exited;
      await server.stop();
      server = undefined;
    },
    async restart() {
      await broker.kill();
      for (let attempt = 1;; attempt++) {
        const failure = await broker.start();
        if (!failure) return;
        if (attempt === RESTART_ATTEMPTS || !isPortTaken(failure)) throw startError(failure);
        await delay(1000);
      }
    },
    async stop() {
      await server?.stop();
      server = undefined;
      await removeTree(directory);
    },
  };

  const format = java(
    ...["kafka.tools.StorageTool", "format", "--standalone"],
    ...[`--cluster-id=${clusterId}`, `--config=${configFile}`],
  );
  const code = await format.exited;
  await format.stop();
  if (code === 0) return broker;
  const output = await Deno.readTextFile(logFile);
  await broker.stop();
  throw new Error(`Kafka's storage could not be formatted:\n${output.slice(-2000)}`);
}

/** A random 128-bit number in URL-safe base64: Kafka's form of a UUID. */
function makeClusterId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Not by `Supervised.stop`, which removes the data. It is no failure if the broker has ended already. */
async function killByPidFile(pidFile: string): Promise<void> {
  try {
    Deno.kill(Number(await Deno.readTextFile(pidFile)), "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

const isPortTaken = (output: string) => output.includes("Address already in use");
const startError = (output: string) => new Error(`Kafka did not start:\n${output.slice(-2000)}`);

/** A request for metadata, since a connection alone says little. Whoever else listens there is not our cluster. */
async function answers(bootstrapServers: string, clusterId: string): Promise<boolean> {
  const admin = new Kafka({
    brokers: [bootstrapServers],
    logLevel: logLevel.NOTHING,
    requestTimeout: 2000,
    retry: { retries: 0 },
  }).admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    return cluster.clusterId === clusterId && cluster.brokers.length === 1;
  } catch {
    return false;
  } finally {
    await admin.disconnect();
  }
}

async function reasonAgainstJava(): Promise<string | undefined> {
  const output = await outputOf("java", "-version");
  if (output === undefined) return "no KAFKA_BOOTSTRAP_SERVERS and no java on the PATH";
  const version = /version "(?:1\.)?(\d+)/.exec(output)?.[1];
  return Number(version) >= OLDEST_JAVA
    ? undefined
    : `Kafka ${KAFKA_VERSION} needs Java ${OLDEST_JAVA}, and this is ${version ?? output.slice(0, 100)}`;
}

/**
 * The folder of the jars. They are fetched beside it and moved there when they are whole, so neither an interrupted
 * download nor a second one at the same time leaves half a cache.
 */
async function findJars(say: (line: string) => void): Promise<string | { reason: string }> {
  const cache = cacheDirectory();
  const jars = join(cache, `kafka-${KAFKA_VERSION}`);
  if (await exists(jars)) return jars;
  if (await outputOf("mvn", "--version") === undefined) {
    return { reason: "no KAFKA_BOOTSTRAP_SERVERS and no mvn on the PATH to fetch Kafka with" };
  }
  say(`Kafka: fetching ${KAFKA_VERSION} from Maven Central into ${jars}`);
  await Deno.mkdir(cache, { recursive: true });
  const draft = await Deno.makeTempDir({ dir: cache, prefix: `kafka-${KAFKA_VERSION}.new-` });
  try {
    const failure = await download(draft);
    if (failure) return { reason: `Maven could not fetch Kafka ${KAFKA_VERSION}: ${failure}` };
    await Deno.rename(join(draft, "jars"), jars).catch(async (error) => {
      if (!(await exists(jars))) throw error;
    });
    return jars;
  } finally {
    await removeTree(draft);
  }
}

/** Puts the jars into `draft`/jars; undefined, or Maven's first error. */
async function download(draft: string): Promise<string | undefined> {
  const pom = join(draft, "pom.xml");
  const logFile = join(draft, "log");
  await Deno.writeTextFile(pom, POM);
  const goal =
    `org.apache.maven.plugins:maven-dependency-plugin:${DEPENDENCY_PLUGIN_VERSION}:copy-dependencies`;
  const maven = supervise({
    command: "mvn",
    args: ["-q", "-B", "-f", pom, goal, `-DoutputDirectory=${join(draft, "jars")}`],
    stopSignal: "TERM",
    logFile,
    removeAfter: draft,
  });
  const code = await maven.exited;
  await maven.stop();
  if (code === 0) return undefined;
  const output = await Deno.readTextFile(logFile);
  return /\[ERROR\] (\S.*?)(?: -> \[Help 1\])?$/m.exec(output)?.[1] ?? `it ended with code ${code}`;
}

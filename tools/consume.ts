/**
 * `deno task consume [--group NAME]`: an example to begin your own consumer with. It follows the topics of
 * KAFKA_BOOTSTRAP_SERVERS and keeps what it makes of them in the schema `consumer_example` of DATABASE_URL (both from
 * the environment or `.env`). Ends with an error when Kafka will not let it go on: restart it from outside.
 */

import { parseArgs } from "node:util";
import { type KafkaConfig, loadConfig } from "../src/config.ts";
import { ConfigError } from "../src/settings.ts";
import { openDatabase } from "../src/platform/db.ts";
import { readEnvFile } from "../src/platform/env_file.ts";
import { openKafka } from "../src/platform/kafka.ts";
import { startConsumer } from "./consume/consumer.ts";
import { HANDLED_TYPES } from "./consume/projection.ts";

function topicsOf({ layout, topics }: KafkaConfig): string[] {
  return layout === "type" ? HANDLED_TYPES : Object.values(topics);
}

function parseGroup(args: string[]): string {
  try {
    const options = { group: { type: "string", default: "waybill-example" } } as const;
    return parseArgs({ args, options }).values.group;
  } catch (error) {
    throw new Error(`${(error as Error).message}\n\nUsage: deno task consume [--group NAME]`);
  }
}

async function main(args: string[]): Promise<void> {
  const group = parseGroup(args);
  const config = loadConfig({ ...Deno.env.toObject(), APP_ENV: "local" });
  if (!config.kafka) throw new ConfigError("Set KAFKA_BOOTSTRAP_SERVERS.");
  const topics = topicsOf(config.kafka);
  const sql = openDatabase({ ...config, databasePoolSize: 2 });
  const consumer = await startConsumer({ kafka: openKafka(config.kafka), sql, topics, group });
  console.log(`Consuming ${topics.join(", ")} as ${group}.`);
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, consumer.stop);
  try {
    await consumer.done;
  } finally {
    await consumer.stop();
    await sql.end({ timeout: 5 });
  }
}

if (import.meta.main) {
  readEnvFile();
  try {
    await main(Deno.args);
    Deno.exit(0);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}

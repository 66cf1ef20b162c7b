/**
 * `deno task test [files and flags of deno test]`: brings up PostgreSQL, Redis, Kafka and a mock of Stripe, migrates
 * a template database that the test files clone, runs `deno test` and cleans up. Ends with a line
 * "N passed, N failed, N skipped".
 *
 * DATABASE_URL, REDIS_URL and KAFKA_BOOTSTRAP_SERVERS of the environment name servers to use instead (not those of
 * `.env`: these are the ones one works with). Databases are made there under new names and dropped afterwards.
 */

import { prepareDatabase } from "./prepare_database.ts";
import { inDatabase, withConnection } from "./database_admin.ts";
import { cacheDirectory } from "./files.ts";
import { SYSTEM_DIRECTORY } from "./postgres_home.ts";
import { type Services, startServices } from "./services.ts";

const INTERRUPTED_EXIT_CODE = 130;
/** What `deno test` may not inherit: the tests must not find the servers that one works with. */
const HIDDEN_VARIABLES = [
  "DATABASE_URL",
  "REDIS_URL",
  "UPSTASH_REDIS_REST_URL",
  "UPSTASH_REDIS_REST_TOKEN",
  "KAFKA_BOOTSTRAP_SERVERS",
  "STRIPE_SECRET_KEY",
  "STRIPE_WEBHOOK_SECRET",
  "STRIPE_API_BASE",
];

async function main(args: string[]): Promise<number> {
  const interruption = new AbortController();
  const interrupt = () => interruption.abort();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) Deno.addSignalListener(signal, interrupt);

  const services = await startServices({ purpose: "test", env: Deno.env.toObject() });
  try {
    const template = `waybill_test_${crypto.randomUUID().slice(0, 8)}`;
    try {
      await makeTemplate(services.databaseUrl, template);
      if (interruption.signal.aborted) return INTERRUPTED_EXIT_CODE;
      return await runTests(args, services, template, interruption.signal);
    } finally {
      if (Deno.env.get("DATABASE_URL")) await dropDatabases(services.databaseUrl, template);
    }
  } finally {
    await services.stop();
  }
}

async function makeTemplate(adminUrl: string, name: string): Promise<void> {
  await withConnection(adminUrl, (sql) => sql`create database ${sql(name)}`);
  await prepareDatabase(inDatabase(adminUrl, name), { log: () => {} });
}

/** The template and every clone that a test left, on a server that goes on. */
async function dropDatabases(adminUrl: string, template: string): Promise<void> {
  await withConnection(adminUrl, async (sql) => {
    const names = await sql`select datname from pg_database where starts_with(datname, ${template})`;
    for (const { datname } of names) await sql`drop database if exists ${sql(datname)} with (force)`;
  });
}

async function runTests(
  args: string[],
  services: Services,
  template: string,
  interrupted: AbortSignal,
): Promise<number> {
  const { redis, kafka, stripe } = services;
  const env = Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => !HIDDEN_VARIABLES.includes(name)),
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", ...testFlags(services), ...args],
    clearEnv: true,
    env: {
      DENO_JOBS: String(Math.min(Math.max(navigator.hardwareConcurrency, 2), 4)),
      ...(Deno.stdout.isTerminal() && !Deno.noColor ? { FORCE_COLOR: "1" } : {}),
      ...env,
      APP_ENV: "test",
      TEST_DATABASE_URL: services.databaseUrl,
      TEST_DATABASE_TEMPLATE: template,
      ...redis.kind === "tcp" && { TEST_REDIS_URL: redis.url },
      ...kafka.kind === "tcp" && { TEST_KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers },
      ...stripe.kind === "http" && { TEST_STRIPE_URL: stripe.url },
    },
    stdout: "piped",
    signal: interrupted,
  }).spawn();
  const [output, status] = await Promise.all([passOn(child.stdout), child.status]);
  if (interrupted.aborted) return INTERRUPTED_EXIT_CODE;
  report(output, status.success, services);
  return status.code;
}

/** The tests reach this machine and the named servers, no one else; they write no files but temporary ones and caches. */
function testFlags(services: Services): string[] {
  const hosts = ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", new URL(services.databaseUrl).hostname];
  if (services.redis.kind === "tcp") hosts.push(new URL(services.redis.url).hostname);
  if (services.kafka.kind === "tcp") {
    hosts.push(
      ...services.kafka.bootstrapServers.split(",").map((server) => server.trim().replace(/:\d+$/, "")),
    );
  }
  const temporary = Deno.env.get("TMPDIR") || "/tmp";
  return [
    "--parallel",
    "--sanitize-ops",
    "--sanitize-resources",
    `--allow-net=${[...new Set(hosts)].join(",")}`,
    "--allow-env",
    "--allow-read",
    `--allow-write=${temporary},${SYSTEM_DIRECTORY},${cacheDirectory()}`,
    "--allow-sys",
    "--allow-ffi=node_modules",
    "--allow-run",
  ];
}

/** Shows what the tests print as it comes, and returns all of it. */
async function passOn(stream: ReadableStream<Uint8Array>): Promise<string> {
  const [shown, kept] = stream.tee();
  const [text] = await Promise.all([
    new Response(kept).text(),
    shown.pipeTo(Deno.stdout.writable, { preventClose: true }),
  ]);
  return text;
}

/** Prints what could not be shown and why, and the counts on a line of their own. */
function report(output: string, success: boolean, { redis, kafka, stripe }: Services): void {
  // deno-lint-ignore no-control-regex
  const lines = output.replace(/\x1b\[[0-9;]*m/g, "").split("\n");
  const skipped = lines.flatMap((line) => /^(.*) \.\.\. ignored \(/.exec(line)?.[1] ?? []);
  if (redis.kind === "none") {
    console.log(`Redis: none (${redis.reason}): nothing was shown against a real Redis.`);
  }
  if (kafka.kind === "none") {
    console.log(`Kafka: none (${kafka.reason}): nothing was shown against a real Kafka.`);
  }
  if (stripe.kind === "none") {
    console.log(
      `Stripe: no mock (${stripe.reason}): nothing was shown against Stripe's description of its API.`,
    );
  }
  for (const name of skipped) console.log(`Skipped: ${name}`);
  const summary = lines.findLast((line) => /^(ok|FAILED) \| \d+ passed/.test(line));
  if (!summary) console.log("No test ran.");
  const count = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(summary ?? "")?.[1] ?? 0);
  const failed = count("failed") || (success ? 0 : 1);
  console.log(`${count("passed")} passed, ${failed} failed, ${count("ignored")} skipped`);
}

if (import.meta.main) {
  const exitCode = await main(Deno.args).catch((error) => {
    console.error(`Cannot run the tests: ${error instanceof Error ? error.message : error}`);
    return 1;
  });
  Deno.exit(exitCode);
}

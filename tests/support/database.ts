/**
 * A database, and a Redis, of its own for each test file: files run side by side and none sees another's rows or keys.
 * `deno task test` brings up the servers and says where they are.
 */

import { Redis } from "ioredis";
import { inDatabase, withConnection } from "../../tools/database_admin.ts";

/** A migrated, empty database. */
export interface TestDatabase extends AsyncDisposable {
  url: string;
  /** Removes it, whoever is still connected. */
  drop(): Promise<void>;
}

/** An empty logical database of a real Redis. */
export interface TestRedis extends AsyncDisposable {
  url: string;
  /** Empties it and gives it back. */
  drop(): Promise<void>;
}

/** Is there a Redis for the tests? `deno task test` says why not. */
export const hasRedis = Deno.env.has("TEST_REDIS_URL");

/** A test of what there is only with a Redis. */
export function testWithRedis(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !hasRedis, fn });
}

/**
 * Clones the run's migrated template: some 20 ms. (The default strategy, wal_log: file_copy is 3 ms faster on the
 * embedded server, but makes a server with fsync write a checkpoint for each clone.)
 */
export async function testDatabase(): Promise<TestDatabase> {
  const adminUrl = required("TEST_DATABASE_URL");
  const template = required("TEST_DATABASE_TEMPLATE");
  const name = `${template}_${crypto.randomUUID().slice(0, 13).replace("-", "")}`;
  await withConnection(adminUrl, (sql) => sql`create database ${sql(name)} template ${sql(template)}`);
  const drop = async () => {
    await withConnection(adminUrl, (sql) => sql`drop database if exists ${sql(name)} with (force)`);
  };
  return { url: inDatabase(adminUrl, name), drop, [Symbol.asyncDispose]: drop };
}

/**
 * Takes a logical database that no one uses. Number 0 holds the claims, so two processes never get the same one; one
 * that has keys in it is left alone, since a Redis named by REDIS_URL may hold more than our tests.
 */
export async function testRedis(): Promise<TestRedis> {
  const serverUrl = required("TEST_REDIS_URL");
  const claims = new Redis(inDatabase(serverUrl, "0"));
  try {
    const count = await databaseCount(claims);
    for (let index = 1; index < count; index++) {
      const url = inDatabase(serverUrl, String(index));
      if (await withRedis(url, (redis) => redis.dbsize()) > 0) continue;
      const claim = `waybill:test:database:${index}`;
      if (await claims.set(claim, "taken", "EX", 3600, "NX") === null) continue;
      const drop = async () => {
        await withRedis(url, (redis) => redis.flushdb());
        await withRedis(inDatabase(serverUrl, "0"), (redis) => redis.del(claim));
      };
      return { url, drop, [Symbol.asyncDispose]: drop };
    }
    throw new Error(`No empty logical database is left among the ${count} of this Redis.`);
  } finally {
    await claims.quit();
  }
}

/** What `deno task test` says of its servers, by the variable's name. */
export function required(name: string): string {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`${name} is not set: run the tests with \`deno task test [files]\`.`);
  return value;
}

async function withRedis<T>(url: string, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    await redis.quit();
  }
}

/** Some hosted servers do not allow CONFIG: then the usual sixteen. */
async function databaseCount(redis: Redis): Promise<number> {
  const reply = await redis.config("GET", "databases").catch(() => []) as string[];
  return Number(reply[1] ?? 16);
}

import { createApp } from "../../src/app.ts";
import { type Config, loadConfig } from "../../src/config.ts";
import { closeDeps, type Deps, openDeps } from "../../src/deps.ts";
import { openCache } from "../../src/platform/cache.ts";
import type { Role } from "../../src/platform/ctx.ts";
import { newId } from "../../src/platform/id.ts";
import { inDatabase, withConnection } from "../../tools/database_admin.ts";
import { hasRedis, testDatabase, testRedis } from "./database.ts";
import { checkResponse } from "./contract.ts";

/** What is to be in the cache is there, however busy the machine: by itself Waybill does without what takes Redis 50 ms. */
export const PATIENT = { timeoutMs: 60_000 };
/** A backend ends within milliseconds, but for a machine under load. */
const CUT_TIMEOUT_MS = 10_000;

export const TEST_SECRET = "a7Fq-test-only-b2Kx9ZpL0wRt5vYc8mNs3dHj";

/** What a request answered, read and checked against the OpenAPI document. */
export interface Answer {
  status: number;
  headers: Headers;
  // deno-lint-ignore no-explicit-any
  body: any;
}

export interface RequestOptions {
  token?: string;
  /** An object goes out as JSON, a string as it is. */
  body?: unknown;
  form?: Record<string, string>;
  headers?: Record<string, string>;
}

export interface TestUser {
  id: string;
  email: string;
  token: string;
}

export interface TestApp extends AsyncDisposable {
  deps: Deps;
  fetch: (request: Request) => Response | Promise<Response>;
  request(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  /** A user of this role with a live token, put straight into the database. */
  user(role?: Role): Promise<TestUser>;
}

/**
 * The whole API over its own clone of the migrated database and its own logical Redis (or the in-process cache
 * where no Redis can be had). Limits are wide unless `env` narrows them.
 */
export async function startTestApp(
  env: Record<string, string> = {},
  replace: Partial<Deps> | ((config: Config) => Partial<Deps>) = {},
): Promise<TestApp> {
  const database = await testDatabase();
  const redis = hasRedis ? await testRedis() : undefined;
  const config = loadConfig({
    APP_ENV: "test",
    DATABASE_URL: database.url,
    SECRET_KEY: TEST_SECRET,
    LOG_LEVEL: "silent",
    RATE_LIMIT_TIMES: "100000",
    RATE_LIMIT_LOGIN_TIMES: "100000",
    ...redis && { REDIS_URL: redis.url },
    ...env,
  });
  const replaced = typeof replace === "function" ? replace(config) : replace;
  const isOwnRedis = redis && env.REDIS_URL === undefined && !replaced.cache;
  const deps = await openDeps(config, {
    ...replaced,
    ...isOwnRedis && { cache: await openCache(config.redis, PATIENT) },
  });

  return {
    ...faceOf(deps),
    async user(role = "customer") {
      const id = newId();
      const email = `${role}-${id}@example.com`;
      await deps.sql`insert into users (id, email, name, role) values (${id}, ${email}, ${
        "Test " + role
      }, ${role})`;
      return { id, email, token: await deps.accessTokens.sign({ userId: id, role }, deps.clock.now()) };
    },
    async [Symbol.asyncDispose]() {
      await closeDeps(deps);
      await Promise.all([database.drop(), redis?.drop()]);
    },
  };
}

/** What callers see of a process with these dependencies: each answer is held to the contract. */
export function faceOf(deps: Deps): Pick<TestApp, "deps" | "fetch" | "request"> {
  const app = createApp(deps);
  const remoteAddr = { transport: "tcp" as const, hostname: "127.0.0.1", port: 1 };
  return {
    deps,
    fetch: (request) => app.fetch(request, { remoteAddr }),
    async request(method, path, options = {}) {
      const headers = new Headers(options.headers);
      let body: string | undefined;
      if (options.token) headers.set("Authorization", `Bearer ${options.token}`);
      if (options.form) {
        body = new URLSearchParams(options.form).toString();
        headers.set("Content-Type", "application/x-www-form-urlencoded");
      } else if (options.body !== undefined) {
        body = typeof options.body === "string" ? options.body : JSON.stringify(options.body);
        if (!headers.has("Content-Type")) headers.set("Content-Type", "application/json");
      }
      const response = await app.fetch(new Request(`http://waybill.test${path}`, { method, headers, body }), {
        remoteAddr,
      });
      const text = await textOf(response);
      const isJson = response.headers.get("Content-Type")?.includes("json");
      const answer = {
        status: response.status,
        headers: response.headers,
        body: isJson && text ? JSON.parse(text) : text,
      };
      checkResponse(method, path, answer);
      return answer;
    },
  };
}

/** Has the connection break after each commit and before the answer to it, while `work` goes on. */
export async function losingCommitAnswers({ deps }: TestApp, work: () => Promise<void>): Promise<void> {
  const { sql } = deps;
  const lossy = new Proxy(sql, {
    get(target, name) {
      if (name !== "begin") return Reflect.get(target, name);
      return async (transaction: never) => {
        await target.begin(transaction);
        throw Object.assign(new Error("write CONNECTION_CLOSED"), { code: "CONNECTION_CLOSED" });
      };
    },
  });
  Object.assign(deps, { sql: lossy });
  await work();
  Object.assign(deps, { sql });
}

/** Ends every connection to the app's database from outside, as a restart of PostgreSQL would. Gives how many there were. */
export async function cutConnections({ deps: { config } }: TestApp): Promise<number> {
  const database = new URL(config.databaseUrl).pathname.slice(1);
  return await withConnection(inDatabase(config.databaseUrl, "postgres"), async (sql) => {
    const cut =
      await sql`select pg_terminate_backend(pid, ${CUT_TIMEOUT_MS}) from pg_stat_activity where datname = ${database}`;
    return cut.length;
  });
}

/** What an answer says; of a stream, which has no end, nothing. */
async function textOf(response: Response): Promise<string> {
  if (response.headers.get("Content-Type") !== "text/event-stream") return await response.text();
  await response.body?.cancel();
  return "";
}

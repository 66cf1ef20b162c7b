import postgres from "postgres";
import type { Config } from "../config.ts";
import { CONNECT_TIMEOUT_S, ownSockets } from "./postgres_socket.ts";

/** The pool: each query may run on another connection. */
export type Sql = postgres.Sql<{ bigint: number; timestamp: string }>;
/** One transaction: a step takes it, works in it, and never commits. */
export type Tx = postgres.TransactionSql<{ bigint: number; timestamp: string }>;
/** A piece of SQL with its values, to be put into a query. */
export type Fragment = postgres.PendingQuery<postgres.Row[]>;

/** Requests wait for it while the database is away: the driver's own delay grows to 20 s. */
const RECONNECT_DELAY_S = 0.1;
const STATEMENT_TIMEOUT_MS = 15_000;
const LOCK_TIMEOUT_MS = 5_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000;
const CONNECTION_MAX_LIFETIME_S = 30 * 60;
/** By this long after its time limit PostgreSQL has ended a statement. Who is silent still has gone, and nobody was told. */
const SILENCE_MS = 5_000;

/** How arrays are sent, by the OID of their type in pg_type: int[], text[], bigint[], uuid[], smallint[]. */
const ARRAYS = Object.fromEntries([1007, 1009, 1016, 2951, 1005].map((oid) => [
  `array${oid}`,
  { to: oid, from: [], parse: (text: string) => text, serialize: arrayLiteral },
]));

function arrayLiteral(values: unknown[]): string {
  const quote = (value: unknown) => `"${String(value).replace(/["\\]/g, "\\$&")}"`;
  return `{${
    values.map((value) => value === null || value === undefined ? "NULL" : quote(value)).join(",")
  }}`;
}

/**
 * Every statement of ours looks up few rows by an index, whatever the tables hold, so it is planned once, and never
 * as a join that reads a whole table. Left to itself the planner does that while a table is still small or has no
 * statistics, and then keeps the plan as the table grows. Such a plan does not know a list's limit and takes it for a tenth
 * of the table: from some 100,000 orders on PostgreSQL would compile each page of them anew, for 100 times the page's time.
 */
export const ONE_GOOD_PLAN = {
  plan_cache_mode: "force_generic_plan",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  enable_seqscan: "off",
  jit: "off",
};

/**
 * Opens a pool. `bigint` comes back as a number (money fits: CHECKs hold it below 2^53) and `timestamptz` as
 * RFC 3339 text in UTC, so a row is plain JSON data wherever it goes.
 */
export function openDatabase(
  config: Pick<Config, "databaseUrl" | "databasePoolSize">,
  statementTimeoutMs = STATEMENT_TIMEOUT_MS,
): Sql {
  const sql = postgres(config.databaseUrl, {
    ...ownSockets(config.databaseUrl, statementTimeoutMs + SILENCE_MS),
    // As `pg` reads it, which migrates and does the jobs: this driver would look for a database called "my%20shop".
    database: decodeURI(new URL(config.databaseUrl).pathname.slice(1)),
    max: config.databasePoolSize,
    connect_timeout: CONNECT_TIMEOUT_S,
    backoff: () => RECONNECT_DELAY_S,
    max_lifetime: CONNECTION_MAX_LIFETIME_S,
    idle_timeout: 60,
    transform: { undefined: null },
    // The driver would ask each new connection for the types of arrays, meanwhile send arrays as "a,b", and end the
    // process if the connection is lost while it asks. We name the ones we send instead.
    fetch_types: false,
    onnotice: () => {},
    connection: {
      application_name: "waybill",
      TimeZone: "UTC",
      // What the driver reads: servers and databases may be set to write 22/11/2026.
      DateStyle: "ISO",
      bytea_output: "hex",
      ...ONE_GOOD_PLAN,
      statement_timeout: statementTimeoutMs,
      lock_timeout: LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
      // Who waited for a lock is to see what its holder did, and whoever waits in the pool is to stay there.
      default_transaction_isolation: "read committed",
      idle_session_timeout: 0,
    },
    types: {
      ...ARRAYS,
      bigint: { to: 20, from: [20], serialize: String, parse: safeInteger },
      timestamp: {
        to: 1184,
        from: [1114, 1184],
        serialize: (value: string | Date) => value instanceof Date ? value.toISOString() : value,
        parse: rfc3339,
      },
    },
  }) as unknown as Sql;
  answerWithoutHoles(sql);
  return sql;
}

/**
 * After a statement that failed, or lost its connection, with rows under way the driver counts on: the next result of
 * that connection begins with as many holes (porsager/postgres#1181), and whoever takes its first row finds that there is
 * none. They are taken out before anybody sees them. The driver has no hook for that but the function which its query
 * is given to resolve it with; pools share it.
 */
function answerWithoutHoles(sql: Sql): void {
  const query = Object.getPrototypeOf(sql``);
  if ("resolve" in query) return;
  Object.defineProperty(query, "resolve", {
    set(resolve: (result: unknown) => void) {
      const value = (result: unknown) => {
        if (Array.isArray(result) && result.length > 0 && !(0 in result)) {
          result.splice(0, result.findIndex((row) => row !== undefined));
        }
        resolve(result);
      };
      Object.defineProperty(this, "resolve", { value, writable: true });
    },
  });
}

/** Of PostgreSQL's text of a time in UTC. As it is, JavaScript would take the years before 50 for those after 2000. */
function rfc3339(text: string): string {
  return new Date(text.startsWith("00") ? text.replace(" ", "T").replace("+00", "Z") : text).toISOString();
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError("A database integer is beyond 2^53.");
  return value;
}

/**
 * Runs `work` in one transaction: committed when it returns, undone when it throws. The last statement is
 * awaited here, so a transaction that a swallowed error has already doomed rejects instead of looking
 * committed (porsager/postgres#1217).
 *
 * When the connection is lost the driver rejects by itself. Its ROLLBACK, which would follow our own error, must not
 * be sent: it would be written to no socket, which ends the process (porsager/postgres#1208), or to a connection
 * that serves another transaction by then. So our side of it never ends, and is forgotten with its connection; nor is
 * anything sent that `work` has still to say when it comes back from something else than a statement.
 */
export async function transaction<T>(sql: Sql, work: (tx: Tx) => Promise<T>): Promise<T> {
  let isOver = false;
  try {
    return await sql.begin((tx) =>
      unlessLost(() => isOver, async () => {
        const result = await work(untilOver(tx as Tx, () => isOver));
        await tx`select 1`;
        return result;
      })
    ) as T;
  } finally {
    isOver = true;
  }
}

/** A transaction whose statements, once it is over, are never sent and never end. Nor are those of its savepoints. */
function untilOver(tx: Tx, isOver: () => boolean): Tx {
  return new Proxy(tx, {
    apply: (_, self, args) => isOver() ? new Promise<never>(() => {}) : Reflect.apply(tx, self, args),
    get: (_, name) => {
      if (name === "unsafe" && isOver()) return () => new Promise<never>(() => {});
      if (name !== "savepoint") return Reflect.get(tx, name);
      return (work: (inner: Tx) => Promise<unknown>) =>
        tx.savepoint((inner) => unlessLost(isOver, () => work(untilOver(inner as Tx, isOver))));
    },
  });
}

async function unlessLost<T>(isOver: () => boolean, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isOver() || isConnectionLost(error)) return await new Promise<never>(() => {});
    throw error;
  }
}

/**
 * Awaits statements of one transaction that were sent without waiting for each other: they run one after the other. Unlike
 * `Promise.all` it also awaits the others of one that fails, so that none of them is sent after the ROLLBACK, which must not be
 * sent itself if one of them lost the connection.
 */
export async function pipelined<T extends readonly unknown[]>(
  work: { [K in keyof T]: Promise<T[K]> },
): Promise<T> {
  const results = await Promise.allSettled(work);
  const failed = results.filter((result) => result.status === "rejected");
  if (failed.length > 0) throw (failed.find(({ reason }) => isConnectionLost(reason)) ?? failed[0]!).reason;
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}

/** Is the connection gone, or about to go (PostgreSQL said good-bye)? */
function isConnectionLost(error: unknown): boolean {
  return /^(CONNECTION_|CONNECT_TIMEOUT|E(CONN|PIPE|TIMEDOUT|HOST|NET)|57P0|25P0[34])/.test(
    sqlState(error) ?? "",
  );
}

/** SQLSTATE (five characters) or the driver's own code of a failed query; undefined for other errors. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return error instanceof Error && typeof code === "string" ? code : undefined;
}

/** Did the query break this constraint (CHECK, unique or foreign key), by the name it has in migrations/? */
export function violates(error: unknown, constraint: string): boolean {
  return sqlState(error)?.startsWith("23") === true &&
    (error as { constraint_name?: string }).constraint_name === constraint;
}

/** Did a `guard()` of ours undo the statement? */
export function isGuardBroken(error: unknown): boolean {
  return sqlState(error) === "WB001";
}

/** Did the database say that it undid the statement: for a constraint, a guard, a value, a lock or the time it took? */
export function isRefusal(error: unknown): boolean {
  return /^((22|23|40|55|WB)[0-9A-Z]{3}|57014)$/.test(sqlState(error) ?? "");
}

const UNAVAILABLE = new Set([
  "CONNECT_TIMEOUT",
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECTION_ENDED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "ETIMEDOUT",
  "25006",
  "3D000",
  "57014",
  "57P01",
  "57P02",
  "57P03",
  "57P05",
  "25P03",
  "25P04",
  "40001",
  "40P01",
  "55P03",
]);

const UNAVAILABLE_TO_PG =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout)/;

/** Is this a passing state of the database (gone, restarting, full, read-only, with another password), rather than a mistake of ours? */
export function isUnavailable(error: unknown): boolean {
  const code = sqlState(error);
  // `pg`, by which jobs are sent, has no code for it.
  if (code === undefined) return error instanceof Error && UNAVAILABLE_TO_PG.test(error.message);
  return UNAVAILABLE.has(code) || /^(08|28|53)[0-9A-Z]{3}$/.test(code);
}

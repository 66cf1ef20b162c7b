import { createHash } from "node:crypto";
import { AppError } from "./errors.ts";
import { type Fragment, type Sql, sqlState, type Tx } from "./db.ts";
import { sweepTable } from "./sweep_job.ts";

/** A creating call's `Idempotency-Key` with its scope: who called what, and a hash of what they sent. */
export interface Idempotency {
  actor: string;
  /** Method and template, e.g. `POST /v1/orders`. */
  route: string;
  key: string;
  requestHash: string;
}

/** The key as a row brings it along that is written with others in one statement; without one there is nothing to bring. */
export function keyColumns(idempotency: Idempotency | undefined) {
  return {
    key_actor: idempotency?.actor,
    route: idempotency?.route,
    key: idempotency?.key,
    request_hash: idempotency?.requestHash,
  };
}

/** An answer that was given to a key before, and whether it was to this very request. */
export interface FirstAnswer<T> {
  same: boolean;
  value: T;
}

/** Several keys as the columns `actor, route, key, request_hash` of an `unnest`; null where a call has none. */
export const unnestedKeys = (sql: Sql | Tx, keys: readonly (Idempotency | undefined)[]): Fragment =>
  sql`
    ${keys.map((k) => k?.actor ?? null)}::text[], ${keys.map((k) => k?.route ?? null)}::text[],
    ${keys.map((k) => k?.key ?? null)}::text[], ${keys.map((k) => k?.requestHash ?? null)}::text[]`;

/**
 * A query for the {@link FirstAnswer} to the key of a row `asked`, which has {@link unnestedKeys}. (`is true` keeps the
 * planner off the index on expires_at, which it takes while the table is small, and along which it would read every key.)
 *
 * @param value what was answered, as JSON, by the key's row `k`
 */
export const firstAnswer = (sql: Sql | Tx, value: Fragment): Fragment =>
  sql`
    select json_build_object('same', k.request_hash = asked.request_hash, 'value', ${value}) as found
    from idempotency_keys k
    where k.actor = asked.actor and k.route = asked.route and k.key = asked.key and (k.expires_at >= now()) is true`;

/** The same for several keys, in their order, as a JSON array; null where there was none. */
export const firstAnswers = (sql: Sql, keys: readonly Idempotency[], value: Fragment): Fragment =>
  keys.length === 0 ? sql`'[]'::json` : sql`(
    select json_agg((${firstAnswer(sql, value)}) order by asked.turn)
    from unnest(${
    unnestedKeys(sql, keys)
  }) with ordinality as asked (actor, route, key, request_hash, turn))`;

/**
 * What the CTE `keys` does in a statement whose CTE `input` has {@link keyColumns}: takes the keys, and gives those that it got.
 *
 * @param kept the column that says what a repeated call is answered, `response` or `order_id`, and `value` that of the input
 */
export const claimingKeys = (sql: Sql | Tx, kept: Fragment, value = kept): Fragment =>
  sql`
    insert into idempotency_keys (actor, route, key, request_hash, ${kept})
    select key_actor, route, key, request_hash, ${value} from input where key is not null
    order by key_actor, route, key
    ${unlessTaken(sql)}
    returning actor, route, key, order_id`;

/** A key is somebody's for 24 hours, and then the next one's. */
const unlessTaken = (sql: Sql | Tx): Fragment =>
  sql`
    on conflict (actor, route, key) do update
      set request_hash = excluded.request_hash, response = excluded.response, order_id = excluded.order_id,
          created_at = now(), expires_at = excluded.expires_at
      where idempotency_keys.expires_at < now()`;

/** A verb's result, and whether it is the first answer given again. */
export interface Outcome<T> {
  value: T;
  replayed: boolean;
}

const ID_NUMBERS = /("id_number"\s*:\s*)"(?:[^"\\]|\\.)*"/g;

/**
 * SHA-256 over the path and the body: what "the same request" means. Consignees' identity numbers are left out of it: they
 * have so few digits that whoever reads the hash could try them all, and they are kept nowhere but encrypted.
 */
export function requestHash(path: string, body: string): string {
  return createHash("sha256").update(path).update("\0").update(body.replace(ID_NUMBERS, "$1")).digest("hex");
}

/**
 * Runs `effect` once per key: the key's row is inserted first, so a concurrent duplicate waits for it, and
 * commits with the effect. A failure undoes both, so it is never replayed.
 *
 * @throws idempotency_key_reused when the key came with another request.
 * @throws idempotency_in_progress when the first call runs longer than the lock timeout.
 */
export async function once<T>(
  tx: Tx,
  idempotency: Idempotency | undefined,
  effect: () => Promise<T>,
): Promise<Outcome<T>> {
  if (!idempotency) return { value: await effect(), replayed: false };
  const { actor, route, key } = idempotency;
  const isFirst = await claimKey(tx, idempotency, "").catch((error) => {
    throw inProgress(error);
  });
  if (!isFirst) return { value: (await findAnswer<T>(tx, idempotency))!, replayed: true };
  const value = await effect();
  await tx`
    update idempotency_keys set response = ${JSON.stringify(value)}
    where actor = ${actor} and route = ${route} and key = ${key}`;
  return { value, replayed: false };
}

/** Takes a key with what a repeated call is answered; false where another call has it, and has committed. */
export async function claimKey(
  tx: Tx,
  { actor, route, key, requestHash }: Idempotency,
  response: string,
): Promise<boolean> {
  const claimed = await tx`
    insert into idempotency_keys (actor, route, key, request_hash, response)
    values (${actor}, ${route}, ${key}, ${requestHash}, ${response})
    ${unlessTaken(tx)}
    returning key`;
  return claimed.length > 0;
}

/** The first answer to this key, if there is one. @throws idempotency_key_reused */
export async function findAnswer<T>(
  tx: Sql | Tx,
  { actor, route, key, requestHash }: Idempotency,
): Promise<T | undefined> {
  const [row] = await tx<FirstAnswer<T>[]>`
    select request_hash = ${requestHash} as same, response::json as value from idempotency_keys
    where actor = ${actor} and route = ${route} and key = ${key} and (expires_at >= now()) is true`;
  if (row && !row.same) throw keyReused();
  return row?.value;
}

export function keyReused(): AppError {
  return new AppError("idempotency_key_reused", "This Idempotency-Key came with another request before.", {
    errors: [{
      pointer: "header/idempotency-key",
      code: "reused",
      message: "Use a new key for a new request, or repeat the first one unchanged.",
    }],
  });
}

/**
 * Turns a wait for the key that ran into the lock timeout into "still running". Other errors pass, also waits for what else
 * the statement locks: somebody else holds that, and the first call may never have been. PostgreSQL says in `where`, in
 * whatever language, which table's row was waited for.
 */
export function inProgress(error: unknown): unknown {
  const { where } = error as { where?: string };
  if (sqlState(error) !== "55P03" || !where?.includes("idempotency_keys")) return error;
  return new AppError(
    "idempotency_in_progress",
    "The first request with this Idempotency-Key is still running.",
    {
      retryAfterSeconds: 1,
      cause: error,
    },
  );
}

/** Removes keys whose 24 hours are over. Gives how many. */
export async function deleteExpiredKeys(sql: Sql, signal: AbortSignal): Promise<number> {
  return await sweepTable(sql, "idempotency_keys", sql`expires_at < now()`, signal);
}

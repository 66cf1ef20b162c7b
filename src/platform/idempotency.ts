import { createHash } from "node:crypto";
import { AppError } from "./errors.ts";
import { type Sql, sqlState, type Tx } from "./db.ts";
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
    on conflict (actor, route, key) do update
      set request_hash = excluded.request_hash, response = excluded.response, created_at = now(),
          expires_at = excluded.expires_at
      where idempotency_keys.expires_at < now()
    returning key`;
  return claimed.length > 0;
}

/**
 * The first answer to this key, if there is one. (`is true` keeps the planner off the index on expires_at, which it takes
 * while the table is small, and along which it would read every key there is.)
 *
 * @throws idempotency_key_reused
 */
async function findAnswer<T>(sql: Tx, idempotency: Idempotency): Promise<T | undefined> {
  const { actor, route, key, requestHash } = idempotency;
  const [row] = await sql<{ same: boolean; answer: T }[]>`
    select k.request_hash = ${requestHash} as same, coalesce(k.response::json, e.data::json) as answer
    from idempotency_keys k
    left join events e on e.aggregate_type = 'order' and e.aggregate_id = k.order_id::text and e.sequence = 1
    where k.actor = ${actor} and k.route = ${route} and k.key = ${key} and (k.expires_at >= now()) is true`;
  if (row && !row.same) throw keyReused();
  return row?.answer;
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

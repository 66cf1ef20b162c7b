import type { Role } from "../../platform/ctx.ts";
import type { Fragment, Sql, Tx } from "../../platform/db.ts";
import type { ApiKey } from "./api_key.ts";

const keyColumns = (sql: Sql | Tx): Fragment =>
  sql`
    id, user_id, name, prefix, to_json(scopes) as scopes, expires_at, last_used_at, revoked_at, created_at, updated_at`;

/** Whom a key speaks for. */
export interface KeyOwner {
  user_id: string;
  role: Role;
  /** What the key may do; null: all that its user may. */
  scopes: string[] | null;
  /** When the key ends; null: never. */
  expires_at: string | null;
}

/**
 * Whom a key speaks for now; undefined for one that is unknown, revoked or expired, or whose user is disabled or no staff any
 * more. And which one it is, and whether it is yet to be noted that it is used in this hour.
 */
export async function findKeyOwner(
  sql: Sql,
  hash: Uint8Array,
  now: Date,
): Promise<KeyOwner & { key_id: string; to_be_noted: boolean } | undefined> {
  const [owner] = await sql<(KeyOwner & { key_id: string; to_be_noted: boolean })[]>`
    select k.user_id, u.role, to_json(k.scopes) as scopes, k.expires_at, k.id as key_id,
           coalesce(k.last_used_at < date_trunc('hour', ${now}::timestamptz), true) as to_be_noted
    from api_keys k join users u on u.id = k.user_id
    where k.hash = ${hash} and k.revoked_at is null and coalesce(k.expires_at > ${now}, true)
      and u.disabled_at is null and u.role <> 'customer'`;
  return owner;
}

/** Notes to the hour that a key is used. Waits for nobody who writes its row: of many requests at once the first one notes it. */
export async function noteKeyUse(sql: Sql, id: string, now: Date): Promise<void> {
  await sql`
    update api_keys set last_used_at = date_trunc('hour', ${now}::timestamptz)
    where id = (
      select id from api_keys
      where id = ${id} and coalesce(last_used_at < date_trunc('hour', ${now}::timestamptz), true)
      for no key update skip locked)`;
}

export async function insertKey(tx: Tx, key: ApiKey & { hash: Uint8Array }): Promise<void> {
  await tx`insert into api_keys ${tx(key as never)}`;
}

export async function findKey(sql: Sql, id: string): Promise<ApiKey | undefined> {
  const [key] = await sql<ApiKey[]>`select ${keyColumns(sql)} from api_keys where id = ${id}`;
  return key;
}

/** Holds a key until the transaction ends. */
export async function lockKey(tx: Tx, id: string): Promise<ApiKey | undefined> {
  const [key] = await tx<ApiKey[]>`select ${keyColumns(tx)} from api_keys where id = ${id} for no key update`;
  return key;
}

/** Writes that a key whose row is locked is revoked. */
export async function updateRevoked(tx: Tx, { id, revoked_at, updated_at }: ApiKey): Promise<void> {
  await tx`
    update api_keys set revoked_at = ${revoked_at}, updated_at = ${updated_at} where id = ${id}`;
}

/** Keys, newest first, `limit + 1` of them before `beforeId`. */
export async function listKeyRows(
  sql: Sql,
  filter: { userId?: string; beforeId?: string; limit: number },
): Promise<ApiKey[]> {
  return await sql<ApiKey[]>`
    select ${keyColumns(sql)} from api_keys
    where true
      ${filter.userId === undefined ? sql`` : sql`and user_id = ${filter.userId}`}
      ${filter.beforeId === undefined ? sql`` : sql`and id < ${filter.beforeId}`}
    order by id desc limit ${filter.limit + 1}`;
}

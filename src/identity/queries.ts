import type { Role } from "../platform/ctx.ts";
import type { Sql, Tx } from "../platform/db.ts";
import { sweepInBatches, sweepTable } from "../platform/sweep_job.ts";
import type { User } from "./user.ts";

// Locks in this module are always taken in this order: active admins by id → the user → families → tokens.

const userColumns = (sql: Sql | Tx) =>
  sql`
    id, coalesce(email, guest_email) as email, name, role, guest_email is not null as guest, disabled_at, version, created_at,
    updated_at`;

/** The role a user has now; undefined for one that is gone or disabled. */
export async function findActiveRole(sql: Sql, userId: string): Promise<Role | undefined> {
  const [row] = await sql<{ role: Role }[]>`
    select role from users where id = ${userId} and disabled_at is null`;
  return row?.role;
}

/** The same for many, by id; those that are gone or disabled are not there. */
export async function findActiveRoles(sql: Sql, userIds: string[]): Promise<Map<string, Role>> {
  const rows = await sql<{ id: string; role: Role }[]>`
    select id, role from users where id = any(${userIds}::uuid[]) and disabled_at is null`;
  return new Map(rows.map(({ id, role }) => [id, role]));
}

export async function findUser(sql: Sql, userId: string): Promise<User | undefined> {
  const [user] = await sql<User[]>`select ${userColumns(sql)} from users where id = ${userId}`;
  return user;
}

/** A user with what a password is compared to; null: none was set. */
type Credentials = User & { password_hash: string | null };

/** By e-mail address, whatever its case: not a guest. */
export async function findUserByEmail(sql: Sql, email: string): Promise<Credentials | undefined> {
  const [user] = await sql<Credentials[]>`
    select ${userColumns(sql)}, password_hash from users where lower(email) = lower(${email})`;
  return user;
}

export async function findCredentials(sql: Sql, userId: string): Promise<Credentials | undefined> {
  const [user] = await sql<Credentials[]>`
    select ${userColumns(sql)}, password_hash from users where id = ${userId}`;
  return user;
}

/** Users, newest first, `limit + 1` of them before `beforeId`. */
export async function listUsers(
  sql: Sql,
  filter: { email?: string; role?: Role; guest?: boolean; beforeId?: string; limit: number },
): Promise<User[]> {
  return await sql<User[]>`
    select ${userColumns(sql)} from users
    where true
      ${
    filter.email === undefined
      ? sql``
      : sql`and (lower(email) = lower(${filter.email}) or lower(guest_email) = lower(${filter.email}))`
  }
      ${filter.guest === undefined ? sql`` : sql`and (guest_email is not null) = ${filter.guest}`}
      ${roleCondition(sql, filter.role)}
      ${filter.beforeId === undefined ? sql`` : sql`and id < ${filter.beforeId}`}
    order by id desc limit ${filter.limit + 1}`;
}

/** Staff and admins are few, and have an index of their own that a parameter would not reach. */
function roleCondition(sql: Sql, role: Role | undefined) {
  if (role === undefined) return sql``;
  return role === "customer" ? sql`and role = 'customer'` : sql`and role <> 'customer' and role = ${role}`;
}

export async function adminExists(sql: Sql): Promise<boolean> {
  const [row] = await sql<{ exists: boolean }[]>`select exists (select from users where role = 'admin')`;
  return row!.exists;
}

/** The new user; undefined if the address is taken, as none is by a guest. Waits for a registration of the same address to end. */
export async function insertUser(
  tx: Tx,
  user: {
    id: string;
    email: string;
    guest: boolean;
    name: string | null;
    role: Role;
    passwordHash: string | null;
    now: string;
  },
): Promise<User | undefined> {
  const [row] = await tx<User[]>`
    insert into users (id, ${
    user.guest ? tx`guest_email` : tx`email`
  }, name, role, password_hash, created_at, updated_at)
    values (${user.id}, ${user.email}, ${user.name}, ${user.role}, ${user.passwordHash}, ${user.now}, ${user.now})
    on conflict (lower(email)) do nothing
    returning ${userColumns(tx)}`;
  return row;
}

/**
 * Holds every active admin until the transaction ends, in the order of their ids, so that of two admins who demote
 * each other the second one finds itself to be the last.
 */
export async function lockActiveAdmins(tx: Tx): Promise<string[]> {
  const rows = await tx<{ id: string }[]>`
    select id from users where role = 'admin' and disabled_at is null order by id for no key update`;
  return rows.map((row) => row.id);
}

/** Holds the user's row until the transaction ends: a login that is about to begin waits for it (see insertSession). */
export async function lockUser(tx: Tx, userId: string): Promise<User | undefined> {
  const [user] = await tx<User[]>`
    select ${userColumns(tx)} from users where id = ${userId} for no key update`;
  return user;
}

/** Writes what a locked user has become. */
export async function updateUser(tx: Tx, user: User, now: string): Promise<User> {
  const [row] = await tx<User[]>`
    update users set name = ${user.name}, role = ${user.role}, disabled_at = ${user.disabled_at},
                     version = version + 1, updated_at = ${now}
    where id = ${user.id}
    returning ${userColumns(tx)}`;
  return row!;
}

/**
 * Sets a password; a guest has a login from then on. Undefined if the password is no longer the one that was `expected`:
 * somebody else has changed it meanwhile.
 *
 * @throws PostgresError of `users_email_key` for a guest whose address is an account's
 */
export async function updatePassword(
  tx: Tx,
  change: { userId: string; passwordHash: string; expected?: string; now: string },
): Promise<User | undefined> {
  const [row] = await tx<User[]>`
    update users set password_hash = ${change.passwordHash}, email = coalesce(email, guest_email), guest_email = null,
                     version = version + 1, updated_at = ${change.now}
    where id = ${change.userId}
      ${change.expected === undefined ? tx`` : tx`and password_hash = ${change.expected}`}
    returning ${userColumns(tx)}`;
  return row;
}

/**
 * Begins a family of refresh tokens with its first one, if the password is still the one that was verified (null: there is
 * none, of a guest) and the user is active; undefined otherwise. The share lock makes a login and a change of password, role or state take
 * turns: either this waits and finds the change, or the change comes after it and revokes the family.
 */
export async function insertSession(
  sql: Sql | Tx,
  session: {
    familyId: string;
    userId: string;
    passwordHash: string | null;
    tokenHash: Uint8Array;
    now: string;
    expiresAt: string;
  },
): Promise<{ role: Role } | undefined> {
  const [row] = await sql<{ role: Role }[]>`
    with person as (
      select id, role from users
      where id = ${session.userId} and password_hash is not distinct from ${session.passwordHash} and disabled_at is null
      for share
    ), family as (
      insert into refresh_families (id, user_id, created_at)
      select ${session.familyId}::uuid, id, ${session.now}::timestamptz from person
    ), first as (
      insert into refresh_tokens (hash, family_id, expires_at)
      select ${session.tokenHash}::bytea, ${session.familyId}::uuid, ${session.expiresAt}::timestamptz from person
    )
    select role from person`;
  return row;
}

/**
 * Replaces a live refresh token by the next one of its family; undefined if it is not live. Of several calls with
 * one token the first takes its row's lock, and the others, when they get it, find it used.
 */
export async function rotateToken(
  sql: Sql,
  rotation: { hash: Uint8Array; nextHash: Uint8Array; now: string; expiresAt: string },
): Promise<{ user_id: string; role: Role } | undefined> {
  const [row] = await sql<{ user_id: string; role: Role }[]>`
    with used as (
      update refresh_tokens t set used_at = ${rotation.now}
      from refresh_families f join users u on u.id = f.user_id
      where t.hash = ${rotation.hash} and t.used_at is null and t.expires_at > ${rotation.now}
        and f.id = t.family_id and f.revoked_at is null and u.disabled_at is null
      returning t.family_id, f.user_id, u.role
    ), next as (
      insert into refresh_tokens (hash, family_id, expires_at)
      select ${rotation.nextHash}::bytea, family_id, ${rotation.expiresAt}::timestamptz from used
    )
    select user_id, role from used`;
  return row;
}

/** Revokes the family of a token that has been used before: one of its two users is a thief. */
export async function revokeReusedFamily(sql: Sql, hash: Uint8Array, now: string): Promise<void> {
  await sql`
    update refresh_families f set revoked_at = ${now}, revoked_for = 'reuse'
    from refresh_tokens t
    where t.hash = ${hash} and t.used_at is not null and f.id = t.family_id and f.revoked_at is null`;
}

/** Revokes the family of a token, whatever state the token is in. */
export async function revokeFamilyOfToken(sql: Sql, hash: Uint8Array, now: string): Promise<void> {
  await sql`
    update refresh_families f set revoked_at = ${now}, revoked_for = 'logout'
    from refresh_tokens t
    where t.hash = ${hash} and f.id = t.family_id and f.revoked_at is null`;
}

/**
 * Revokes all of a user's families, held in the order of their ids, as the sweep does. Call it after the user's row is
 * locked, in a statement of its own.
 */
export async function revokeFamilies(
  tx: Tx,
  userId: string,
  reason: "password_changed" | "disabled" | "role_changed",
  now: string,
): Promise<void> {
  await tx`
    update refresh_families set revoked_at = ${now}, revoked_for = ${reason}
    where id = any(array(
      select id from refresh_families where user_id = ${userId} and revoked_at is null order by id for no key update))`;
}

export async function insertPasswordToken(
  tx: Tx,
  token: { hash: Uint8Array; userId: string; expiresAt: string },
): Promise<void> {
  await tx`
    insert into password_tokens (hash, user_id, expires_at)
    values (${token.hash}, ${token.userId}, ${token.expiresAt})`;
}

/** Whose live password token it is; undefined for one that is unknown, used or expired, or of a disabled user. */
export async function findPasswordTokenOwner(
  sql: Sql,
  hash: Uint8Array,
  now: string,
): Promise<User | undefined> {
  const [user] = await sql<User[]>`
    select ${userColumns(sql)} from users
    where disabled_at is null and id = (
      select user_id from password_tokens where hash = ${hash} and used_at is null and expires_at > ${now})`;
  return user;
}

/** Uses a password token up; false if another call was faster. Its user's row must be locked. */
export async function usePasswordToken(tx: Tx, hash: Uint8Array, now: string): Promise<boolean> {
  const rows = await tx`
    update password_tokens set used_at = ${now}
    where hash = ${hash} and used_at is null
    returning hash`;
  return rows.length === 1;
}

/** Makes a user's open password tokens worthless. The user's row must be locked. */
export async function voidPasswordTokens(tx: Tx, userId: string, now: string): Promise<void> {
  await tx`update password_tokens set used_at = ${now} where user_id = ${userId} and used_at is null`;
}

/** Removes tokens that can do nothing any more, and the sessions that have none left. Gives how many tokens went. */
export async function deleteExpiredTokens(sql: Sql, signal: AbortSignal): Promise<number> {
  return await deleteExpiredRefreshTokens(sql, signal) +
    await sweepTable(sql, "password_tokens", sql`expires_at < now()`, signal);
}

/**
 * Each session goes with the last of its tokens: whoever looked for those that have none would walk along all sessions. A
 * token that is being used, which may have a successor, is left, and its session with it.
 */
async function deleteExpiredRefreshTokens(sql: Sql, signal: AbortSignal): Promise<number> {
  return await sweepInBatches(signal, (limit) =>
    sql`
      with expired as (
        delete from refresh_tokens where ctid = any(array(
          select ctid from refresh_tokens where expires_at < now() limit ${limit} for update skip locked))
        returning hash, family_id
      ), over as (
        delete from refresh_families where id = any(array(
          select id from refresh_families f
          where id = any(array(select distinct family_id from expired)) and not exists (
            select from refresh_tokens t where t.family_id = f.id and t.hash not in (select hash from expired))
          order by id for update))
      )
      select from expired`);
}

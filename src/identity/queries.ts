import type { Role } from "../platform/ctx.ts";
import type { Sql } from "../platform/db.ts";

/** The role a user has now; undefined for one that is gone or disabled. */
export async function findActiveRole(sql: Sql, userId: string): Promise<Role | undefined> {
  const [row] = await sql<{ role: Role }[]>`
    select role from users where id = ${userId} and disabled_at is null`;
  return row?.role;
}

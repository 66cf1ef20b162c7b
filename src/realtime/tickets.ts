import { hashToken, invalidToken, newSecretToken } from "../identity/mod.ts";
import type { Actor, Ctx } from "../platform/ctx.ts";
import { violates } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import { insertTicket, useTicket } from "./queries.ts";

/** How long a ticket waits to be used. */
const TICKET_MS = 30_000;

/** What a browser opens a stream with, which cannot send an Authorization header: good once, for 30 seconds. */
export async function createTicket(ctx: Ctx): Promise<{ ticket: string; expires_at: string }> {
  if (ctx.actor.kind !== "user") throw new AppError("unauthenticated", "Only users have tickets.");
  const expiresAt = new Date(ctx.clock.now().getTime() + TICKET_MS).toISOString();
  const { token, hash } = newSecretToken();
  await insertTicket(ctx.sql, { hash, userId: ctx.actor.userId, expiresAt }).catch((error) => {
    // As for carts: the token's word is all that is known of who it is.
    throw violates(error, "stream_tickets_user_id_fkey") ? invalidToken(error) : error;
  });
  return { ticket: token, expires_at: expiresAt };
}

/** The user whose ticket it is, with the role of now. Uses it up. @throws unauthenticated */
export async function redeemTicket(
  { sql, clock }: Pick<Ctx, "sql" | "clock">,
  ticket: string,
): Promise<Actor> {
  const owner = await useTicket(sql, hashToken(ticket), clock.now().toISOString());
  if (!owner) {
    throw new AppError("unauthenticated", "The ticket is not valid, has expired, or was used before.");
  }
  return { kind: "user", userId: owner.user_id, role: owner.role };
}

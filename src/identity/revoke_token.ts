import type { Ctx } from "../platform/ctx.ts";
import { revokeFamilyOfToken } from "./queries.ts";
import { hashToken } from "./secret_token.ts";

/** Ends the session that a refresh token belongs to. An unknown token is nothing to do (RFC 7009 §2.2). */
export async function revokeToken(ctx: Ctx, token: string): Promise<void> {
  await revokeFamilyOfToken(ctx.sql, hashToken(token), ctx.clock.now().toISOString());
}

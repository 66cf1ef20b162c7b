import type { Role } from "../platform/ctx.ts";

/** How long a refresh token is good for, if it is not used. */
const REFRESH_TOKEN_MS = 30 * 24 * 60 * 60 * 1000;

/** Somebody logged in: for whom an access token may be signed, and the refresh token for the next one. */
export interface Session {
  userId: string;
  role: Role;
  refreshToken: string;
}

/** When a refresh token that is given out now expires. */
export function refreshExpiry(now: Date): string {
  return new Date(now.getTime() + REFRESH_TOKEN_MS).toISOString();
}

import { LRUCache } from "lru-cache";
import { errors, jwtVerify, SignJWT } from "jose";
import { z } from "@hono/zod-openapi";
import type { Config, SigningKey } from "../config.ts";
import type { Role } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";

/** How long an access token lives, in seconds. Short, because a customer's token is believed without a look-up. */
export const ACCESS_TOKEN_SECONDS = 900;

const ISSUER = "waybill";
const AUDIENCE = "waybill-api";
/** RFC 9068: an access token says that it is one, so no other token of ours passes for it. */
const TYPE = "at+jwt";
const ALGORITHM = "HS256";

/** Verifying costs more than all else of a cached read, so a token that was good is known until it expires. */
const KNOWN_TOKENS = 10_000;

const Claims = z.object({ exp: z.int(), sub: z.uuid(), role: z.enum(["customer", "staff", "admin"]) });

/** Who an access token speaks for. */
export interface Bearer {
  userId: string;
  role: Role;
}

/** Signs and verifies access tokens: the first key signs, the others still verify (rotation by `kid`). */
export async function openAccessTokens(config: Pick<Config, "signingKeys">) {
  const imported = await Promise.all(config.signingKeys.map(importKey));
  const keys = new Map(imported);
  const [kid, current] = imported[0]!;
  const known = new LRUCache<string, Bearer & { expiresAtMs: number }>({ max: KNOWN_TOKENS });

  return {
    /** A signed token, good for {@link ACCESS_TOKEN_SECONDS} from `now`. */
    async sign(bearer: Bearer, now: Date): Promise<string> {
      const issuedAt = Math.floor(now.getTime() / 1000);
      return await new SignJWT({ role: bearer.role })
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid })
        .setSubject(bearer.userId)
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + ACCESS_TOKEN_SECONDS)
        .sign(current);
    },

    /** @throws unauthenticated, always with the same words, for every token that is not ours and alive. */
    async verify(token: string, now: Date): Promise<Bearer & { expiresAtMs: number }> {
      const good = known.get(token);
      if (good && good.expiresAtMs > now.getTime()) return good;
      try {
        const { payload } = await jwtVerify(token, ({ kid }) => {
          const key = kid === undefined ? undefined : keys.get(kid);
          if (!key) throw new errors.JOSEError("unknown kid");
          return key;
        }, {
          algorithms: [ALGORITHM],
          typ: TYPE,
          issuer: ISSUER,
          audience: AUDIENCE,
          currentDate: now,
        });
        const { exp, sub, role } = Claims.parse(payload);
        const bearer = { userId: sub, role, expiresAtMs: exp * 1000 };
        known.set(token, bearer);
        return bearer;
      } catch (cause) {
        throw invalidToken(cause);
      }
    },
  };
}

/** The refusal of a token, whatever is wrong with it, and of one whose user there is not. */
export function invalidToken(cause?: unknown): AppError {
  return new AppError("unauthenticated", "The access token is not valid or has expired.", { cause });
}

/** Signs and verifies access tokens, with the keys that it was opened with. */
export type AccessTokens = Awaited<ReturnType<typeof openAccessTokens>>;

async function importKey({ kid, secret }: SigningKey): Promise<[string, CryptoKey]> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", secret as BufferSource, algorithm, false, [
    "sign",
    "verify",
  ]);
  return [kid, key];
}

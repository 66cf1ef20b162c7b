import type { Context, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { ACCESS_TOKEN_SECONDS, apiKeyIn, findActiveRole, invalidToken, useApiKey } from "../identity/mod.ts";
import type { Bucket, Verdict } from "../platform/cache.ts";
import { type Actor, actorName, type Ctx, isStaff, type Role } from "../platform/ctx.ts";
import { AppError, invalidHeader } from "../platform/errors.ts";
import { type Idempotency, requestHash } from "../platform/idempotency.ts";
import { traceRoute } from "../platform/tracing.ts";
import { covers, type Scope } from "../platform/areas.ts";
import { hasMoreValues } from "./json_values.ts";
import type { AppEnv, EndpointOptions, Policy } from "./router.ts";

const MAX_BODY_BYTES = 1024 * 1024;
/** An order of a thousand lines, or the receipt of as many that came back, has four thousand. */
const MAX_BODY_VALUES = 10_000;
const LOGIN_WINDOW_MS = 60_000;
const ANONYMOUS: Actor = { kind: "anonymous" };
/** A role may call the routes of its rank and below; who has none is nobody yet. */
const RANK = { public: 0, user: 1, customer: 1, staff: 2, admin: 3 } satisfies Record<Policy | Role, number>;

/**
 * What every request passes before its handler, in this order: who is it, is it within its rate (one round trip
 * to Redis, which reads the cached answer along), may it call this route, is its body of the right kind and
 * size. Denies by default: a route without a gate has no `ctx`.
 */
export function gate(
  options: EndpointOptions,
  route: string,
  scope: Scope,
  contentTypes: string[],
  bodyRequired: boolean,
): MiddlewareHandler<AppEnv>[] {
  const writes = !route.startsWith("GET ");
  const handlers: MiddlewareHandler<AppEnv>[] = [async (c, next) => {
    c.set("route", route);
    const traceparent = traceRoute(route);
    const deps = c.get("deps");
    const apiKey = options.ignoreAuthorization ? undefined : apiKeyIn(c.req.header("Authorization"));
    const ticket = ticketOf(c, options);
    const bearer = ticket === undefined && apiKey === undefined
      ? await authenticate(c, options).catch((error: Error) => error)
      : ANONYMOUS;
    let actor: Actor = bearer instanceof Error ? ANONYMOUS : bearer;
    const key = options.cacheKey?.(c);
    const bucket = apiKey === undefined ? bucketOf(c, actor, options) : bucketOfKeys(c, options);
    const { verdict, cached } = await deps.cache.admit(bucket, key);
    c.set("verdict", verdict);
    if (!verdict.allowed) throw rateLimited(verdict);
    if (bearer instanceof Error) throw bearer;
    if (ticket !== undefined) actor = await options.redeemTicket!(c, ticket);
    if (apiKey !== undefined) actor = await actorOfKey(c, apiKey, scope);
    authorise(actor, options.policy);
    if (!bodyRequired && c.req.header("Content-Length") === "0") leaveBodyOut(c);
    if (bodyRequired || c.req.header("Content-Type") !== undefined) checkContentType(c, contentTypes);
    const ctx: Ctx = {
      ...deps,
      actor,
      requestId: c.get("requestId"),
      traceparent,
      prefetched: key && cached ? { key, read: cached } : undefined,
    };
    c.set("ctx", ctx);
    await next();
    if (ctx.cacheStatus) c.res.headers.set("X-Cache-Status", ctx.cacheStatus);
    if (writes && c.res.ok) deps.bell.ring("waybill_events");
  }];
  if (contentTypes.length > 0 && options.maxBodyBytes !== null) {
    handlers.push(
      readBody(bodyLimit({ maxSize: options.maxBodyBytes ?? MAX_BODY_BYTES, onError: tooLarge })),
    );
  }
  if (contentTypes.includes("application/json") && !options.readsBytes) {
    handlers.push(async (c, next) => {
      const text = await readJson(c, options.maxBodyValues ?? MAX_BODY_VALUES);
      if (!bodyRequired && (text === "" || text.trim() === "null")) leaveBodyOut(c);
      await next();
    });
  }
  if (options.idempotent) {
    handlers.push(async (c, next) => {
      const idempotency = await readIdempotency(c, c.get("ctx").actor, route);
      if (!idempotency && options.idempotent === "required") throw keyMissing();
      c.set("idempotency", idempotency);
      await next();
    });
  }
  return handlers;
}

/**
 * The user behind the bearer token. Customers are taken at the token's word, which gives them no more than their
 * own; a role above that is looked up each time, so a demoted or disabled member of staff is out at once.
 */
async function authenticate(
  c: Context<AppEnv>,
  { policy, ignoreAuthorization }: EndpointOptions,
): Promise<Actor> {
  if (ignoreAuthorization) return ANONYMOUS;
  const header = c.req.header("Authorization");
  if (header === undefined) {
    if (policy === "public") return ANONYMOUS;
    throw new AppError(
      "unauthenticated",
      "This call needs `Authorization: Bearer …`: an access token from POST /v1/token, or an API key.",
    );
  }
  const deps = c.get("deps");
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(header)?.[1] ?? "";
  const { userId, role, expiresAtMs } = await deps.accessTokens.verify(token, deps.clock.now());
  c.set("tokenEndsAtMs", expiresAtMs);
  if (role === "customer") return { kind: "user", userId, role };
  const now = await findActiveRole(deps.sql, userId);
  if (!now) throw invalidToken();
  return { kind: "user", userId, role: now };
}

/** The user that an API key stands for. Looked up only after its request was counted, as a ticket is. @throws forbidden */
async function actorOfKey(c: Context<AppEnv>, key: string, scope: Scope): Promise<Actor> {
  const deps = c.get("deps");
  const { user_id: userId, role, scopes, expires_at } = await useApiKey(deps, key);
  if (scopes !== null && !covers(scopes, scope)) {
    throw new AppError("forbidden", `This API key is not for ${scope}: it has ${scopes.join(", ")}.`);
  }
  const until = expires_at === null ? Infinity : Date.parse(expires_at);
  c.set("tokenEndsAtMs", Math.min(until, deps.clock.now().getTime() + ACCESS_TOKEN_SECONDS * 1000));
  return { kind: "user", userId, role, scopes: scopes ?? undefined };
}

/** A ticket is looked up only after its request was counted, by address, since everyone can make one up. */
function ticketOf(c: Context<AppEnv>, options: EndpointOptions): string | undefined {
  if (!options.redeemTicket || c.req.header("Authorization") !== undefined) return undefined;
  return c.req.query("ticket");
}

function authorise(actor: Actor, policy: Policy): void {
  const rank = actor.kind === "user" ? RANK[actor.role] : 0;
  if (rank < RANK[policy]) {
    throw new AppError("forbidden", `Only ${policy === "admin" ? "admins" : "staff"} may do this.`);
  }
}

/**
 * Requests count per user, or else per address; logins, registrations, guests and new passwords count per address, on a limit
 * of their own.
 */
function bucketOf(c: Context<AppEnv>, actor: Actor, options: EndpointOptions): Bucket {
  const { times, seconds, staffTimes, loginTimes } = c.get("deps").config.rateLimit;
  if (options.rateLimit === "login") {
    return { key: `limit:login:${c.get("address")}`, limit: loginTimes, windowMs: LOGIN_WINDOW_MS };
  }
  const who = actor.kind === "user" ? actorName(actor) : `address:${c.get("address")}`;
  return { key: `limit:${who}`, limit: isStaff(actor) ? staffTimes : times, windowMs: seconds * 1000 };
}

/** Anybody can make up keys, so they count by address; it is programs of staff who have good ones. */
function bucketOfKeys(c: Context<AppEnv>, options: EndpointOptions): Bucket {
  if (options.rateLimit === "login") return bucketOf(c, ANONYMOUS, options);
  const { seconds, staffTimes } = c.get("deps").config.rateLimit;
  return { key: `limit:keys:${c.get("address")}`, limit: staffTimes, windowMs: seconds * 1000 };
}

/** Counts a call of what has no gate, by its address: no token is looked at for that. @throws rate_limited */
export async function admitByAddress(c: Context<AppEnv>): Promise<void> {
  const { verdict } = await c.get("deps").cache.admit(bucketOf(c, ANONYMOUS, { policy: "public" }));
  c.set("verdict", verdict);
  if (!verdict.allowed) throw rateLimited(verdict);
}

/** The fields of draft-ietf-httpapi-ratelimit-headers. */
export function sayRateLimit(headers: Headers, verdict: Verdict): void {
  const seconds = Math.ceil(verdict.resetMs / 1000);
  headers.set("RateLimit-Policy", `"default";q=${verdict.limit};w=${Math.ceil(verdict.windowMs / 1000)}`);
  headers.set("RateLimit", `"default";r=${verdict.remaining};t=${seconds}`);
}

function rateLimited(verdict: Verdict): AppError {
  const seconds = Math.ceil(verdict.retryAfterMs / 1000);
  return new AppError(
    "rate_limited",
    `More than ${verdict.limit} requests in ${
      Math.ceil(verdict.windowMs / 1000)
    } s. Try again in ${seconds} s.`,
    { retryAfterSeconds: seconds },
  );
}

function checkContentType(c: Context<AppEnv>, accepted: string[]): void {
  if (accepted.length === 0) return;
  const coding = c.req.header("Content-Encoding")?.toLowerCase() || "identity";
  if (coding !== "identity") {
    throw new AppError("unsupported_media_type", "Send the body as it is: nothing is decompressed here.");
  }
  const type = c.req.header("Content-Type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (accepted.includes(type)) return;
  throw new AppError(
    "unsupported_media_type",
    `Send the body as ${accepted.join(" or ")}, and say so in Content-Type.`,
  );
}

/** Many clients say that nothing is JSON, or say it as JSON does: where a body may be left out, that is none. */
function leaveBodyOut(c: Context<AppEnv>): void {
  const headers = new Headers(c.req.raw.headers);
  headers.delete("Content-Type");
  c.req.raw = new Request(c.req.raw.url, { method: c.req.raw.method, headers });
}

/**
 * The text of a JSON body. JSON is UTF-8: of anything else the letters that are none would be lost without a word.
 *
 * @throws payload_too_large for too many values, malformed_json
 */
async function readJson(c: Context<AppEnv>, maxValues: number): Promise<string> {
  const bytes = await c.req.arrayBuffer();
  if (hasMoreValues(new Uint8Array(bytes), maxValues)) {
    const most = maxValues.toLocaleString("en");
    throw new AppError(
      "payload_too_large",
      `The body has more than ${most} values in it, which is more than this call takes.`,
    );
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // A promise, as Hono itself keeps it there, whatever its types say: else it would read the bytes again.
    c.req.bodyCache.text = Promise.resolve(text) as unknown as string;
    return text;
  } catch (cause) {
    throw new AppError("malformed_json", "The body is not UTF-8, which JSON is sent in.", { cause });
  }
}

/**
 * Has the whole body there before anything is made of it. Whoever hangs up while sending is at fault, not we.
 *
 * @throws payload_too_large, invalid_request if the body breaks off
 */
function readBody(limit: MiddlewareHandler<AppEnv>): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    try {
      await limit(c, async () => void await c.req.arrayBuffer());
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      throw new AppError("invalid_request", "The body broke off.", { cause });
    }
    await next();
  };
}

function tooLarge(): never {
  throw new AppError("payload_too_large", "The body is larger than this call takes.");
}

function keyMissing(): AppError {
  const message = "is required here: a new one, best a UUID, for each refund that you mean to make";
  return invalidHeader("Idempotency-Key", message, "required");
}

async function readIdempotency(
  c: Context<AppEnv>,
  actor: Actor,
  route: string,
): Promise<Idempotency | undefined> {
  const key = c.req.header("Idempotency-Key");
  if (key === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw invalidHeader("Idempotency-Key", "must be 1 to 255 visible ASCII characters, best a UUID");
  }
  return { actor: actorName(actor), route, key, requestHash: requestHash(c.req.path, await c.req.text()) };
}

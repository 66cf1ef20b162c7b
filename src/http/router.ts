import { createRoute, OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { Context, TypedResponse } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Deps } from "../deps.ts";
import type { Verdict } from "../platform/cache.ts";
import type { Actor, Ctx } from "../platform/ctx.ts";
import type { AppError, ErrorCode } from "../platform/errors.ts";
import type { Idempotency, Outcome } from "../platform/idempotency.ts";
import { scopeOf } from "../platform/areas.ts";
import { gate } from "./gate.ts";
import { isRevalidated, withHeaders } from "./headers.ts";
import { exampleInvalid, onInvalid, problemResponses } from "./problem.ts";

export interface AppEnv {
  Bindings: Partial<Deno.ServeHandlerInfo<Deno.NetAddr>>;
  Variables: {
    deps: Deps;
    requestId: string;
    /** The caller's address, as far as the configured proxies can be believed. */
    address: string;
    /** Set by the gate of each route. */
    ctx: Ctx;
    /** What its rate limit said of the request, and the `ETag` of what it answers: the answer's headers in the end. */
    verdict?: Verdict;
    etag?: string;
    route?: string;
    /** When the access token of the request ends. */
    tokenEndsAtMs?: number;
    /** Set by a handler that accepts a WebSocket: done in place of its answer, when all else is done. */
    upgrade?: (request: Request) => Response;
    idempotency?: Idempotency;
  };
}

/** Who may call a route: everyone, any user, staff and admins, or admins. Whose things they see is decided by each verb. */
export type Policy = "public" | "user" | "staff" | "admin";

export interface EndpointOptions {
  policy: Policy;
  /** The codes of this route's own errors; those every route can give are added. */
  errors?: ErrorCode[];
  /** What some of them look like, for the document. */
  examples?: AppError[];
  /** Takes `Idempotency-Key`: for calls that create something; `required` where doing it twice would cost money. */
  idempotent?: boolean | "required";
  /** Honours `If-Match`: for changes to one resource; `ends` where nothing is left of it then to have an `ETag`. */
  conditional?: boolean | "ends";
  /** Counts on the tighter limit of logins, registrations, guests and new passwords. */
  rateLimit?: "login";
  /**
   * For public calls whose body carries the credentials: OAuth2 clients send `Basic` of their own along, or the
   * expired token that they want to replace.
   */
  ignoreAuthorization?: boolean;
  /** Whose a `?ticket=` is that comes without an Authorization header: for browsers' live streams, which cannot send one. */
  redeemTicket?: (c: Context<AppEnv>, ticket: string) => Promise<Actor>;
  /** What it reads may come from the cache, and it says so, as does all that has a `cacheKey`. */
  isCached?: boolean;
  /** The one cached value that the request's round trip to Redis reads along. */
  cacheKey?: (c: Context<AppEnv>) => string | undefined;
  /** The largest body in bytes; null for a streamed body that its handler bounds. */
  maxBodyBytes?: number | null;
  /** How many values there may be in a JSON body: members of objects, elements of arrays, at whatever depth. */
  maxBodyValues?: number;
  /** For a body whose bytes are signed: nothing is made of them before its handler. */
  readsBytes?: boolean;
}

/** A router whose validation failures become problem+json. */
export function router(): OpenAPIHono<AppEnv> {
  return new OpenAPIHono<AppEnv>({ defaultHook: onInvalid });
}

/**
 * A route of the API: like `createRoute`, with a policy that cannot be left out, the gate that enforces it, and
 * every error that it can answer in the OpenAPI document, with the headers of each answer.
 */
export function endpoint<
  P extends string,
  R extends Omit<RouteConfig, "path"> & { path: P; operationId: string },
>(
  options: EndpointOptions,
  config: R,
) {
  const body = config.request?.body;
  if (body) body.required ??= true;
  const contentTypes = Object.keys(body?.content ?? {});
  const errors: ErrorCode[] = [
    ...options.errors ?? [],
    "invalid_request",
    "rate_limited",
    "internal",
    "unavailable",
  ];
  // Whose API key is not for this is told so, whatever the policy.
  if (!options.ignoreAuthorization) errors.push("unauthenticated", "forbidden");
  if (body) errors.push("unsupported_media_type", "payload_too_large");
  if (contentTypes.includes("application/json")) errors.push("malformed_json");
  if (options.idempotent) errors.push("idempotency_key_reused", "idempotency_in_progress");
  if (options.conditional) errors.push("version_mismatch");
  const examples = [...options.examples ?? [], ...exampleInvalid(config.request ?? {})];
  const scope = scopeOf(config.tags?.[0], config.method);
  return createRoute({
    ...config,
    description: describe(options, config),
    security: securityOf(options),
    parameters: [
      ...options.idempotent ? [{ ...IDEMPOTENCY_KEY, required: options.idempotent === "required" }] : [],
      ...options.conditional ? [IF_MATCH] : [],
      ...isRevalidated(config) ? [IF_NONE_MATCH] : [],
    ],
    responses: withHeaders(options, {
      ...config,
      responses: { ...config.responses, ...problemResponses(errors, examples) },
    }),
    "x-policy": options.policy,
    ...options.ignoreAuthorization ? {} : { "x-scope": scope },
    middleware: gate(
      options,
      `${config.method.toUpperCase()} ${config.path}`,
      scope,
      contentTypes,
      body?.required ?? false,
    ),
  } as unknown as R) as ReturnType<typeof createRoute<P, R>>;
}

/** What a route does, behind who may call it where not everybody who has logged in may. */
function describe(
  { policy }: EndpointOptions,
  { description }: { description?: string },
): string | undefined {
  const who = { public: "", user: "", staff: "Staff only.", admin: "Admins only." }[policy];
  return [who, description].filter(Boolean).join(" ") || undefined;
}

/** A public route knows who calls it, where its caller says so. */
function securityOf({ policy, ignoreAuthorization }: EndpointOptions): Record<string, string[]>[] {
  if (policy !== "public") return [{ bearer: [] }];
  return ignoreAuthorization ? [] : [{}, { bearer: [] }];
}

const IDEMPOTENCY_KEY = {
  name: "Idempotency-Key",
  in: "header" as const,
  schema: { type: "string" as const, minLength: 1, maxLength: 255, pattern: "^[!-~]+$" },
  description:
    "Makes the call safe to repeat for 24 hours: the same key and request do nothing twice and get the first answer " +
    "again; payments, refunds and checked-out orders in it as they stand by then. Visible ASCII characters, best a UUID.",
};

const IF_MATCH = {
  name: "If-Match",
  in: "header" as const,
  schema: { type: "string" as const },
  description: "The `ETag` of the version that you mean to change; another version answers 412.",
};

const IF_NONE_MATCH = {
  name: "If-None-Match",
  in: "header" as const,
  schema: { type: "string" as const },
  description: "The `ETag` of what you have already; if it is still so, the answer is 304 and no more.",
};

/** A JSON body or answer for a route's declaration. */
export function json<S extends z.ZodType>(schema: S, description: string, example?: z.input<S>) {
  return {
    description,
    content: { "application/json": { schema, ...example !== undefined && { example } } },
  };
}

/** Answers with a text that is the JSON of a `T` already. */
export function jsonText<T, S extends ContentfulStatusCode>(c: Context<AppEnv>, text: string, status: S) {
  const response = c.body(text, status, { "Content-Type": "application/json" });
  return response as unknown as Response & TypedResponse<T, S, "json">;
}

/** Says that the answer is the first one given again. */
export function markReplay<T>(c: Context<AppEnv>, outcome: Outcome<T>): T {
  if (outcome.replayed) c.header("Idempotency-Replayed", "true");
  return outcome.value;
}

import type { Config } from "../config.ts";
import type { Cache, CacheRead } from "./cache.ts";
import type { Clock } from "./clock.ts";
import type { Sql } from "./db.ts";
import type { Bell } from "./bell.ts";
import { AppError } from "./errors.ts";
import type { Jobs } from "./jobs.ts";
import type { Log } from "./log.ts";
import type { LogHorizon } from "./log_horizon.ts";

export type Role = "customer" | "staff" | "admin";

/** Who acts. Workers and commands pass the same checks as requests. */
export type Actor =
  | { kind: "anonymous" }
  // `scopes`: all that the API key may do that speaks for the user, where it is limited.
  | { kind: "user"; userId: string; role: Role; scopes?: readonly string[] }
  | { kind: "system"; name: string };

/**
 * Everything a verb may use, for the length of one request, job or command. What is a domain's own is declared there:
 * `providers` by payments/providers/providers.ts.
 */
export interface Ctx {
  config: Config;
  sql: Sql;
  cache: Cache;
  jobs: Jobs;
  bell: Bell;
  horizon: LogHorizon;
  clock: Clock;
  log: Log;
  actor: Actor;
  requestId: string;
  /** The span that this happens in (W3C Trace Context), where traces are collected: it goes along with the events. */
  traceparent?: string;
  /** What the request's one round trip to Redis already read, by key. */
  prefetched?: { key: string; read: CacheRead };
  /** How the answer was read; the API says it as `X-Cache-Status`. */
  cacheStatus?: CacheRead["status"];
}

/** Whose doing something is: what ledger, movements and events say of it. */
export type Author = Pick<Ctx, "actor" | "requestId" | "traceparent">;

/** `user:<id>`, `system:<name>` or `anonymous`: how events, movements and keys name who acted. */
export function actorName(actor: Actor): string {
  switch (actor.kind) {
    case "user":
      return `user:${actor.userId}`;
    case "system":
      return `system:${actor.name}`;
    case "anonymous":
      return "anonymous";
  }
}

/** Staff, admins and the system see and do what is not their own. */
export function isStaff(actor: Actor): boolean {
  return actor.kind === "system" || (actor.kind === "user" && actor.role !== "customer");
}

/** For what only staff may ask of a call that is everybody's. @throws unauthenticated, forbidden, in the words of `refusal` */
export function requireStaff(actor: Actor, refusal: string): void {
  if (!isStaff(actor)) {
    throw new AppError(actor.kind === "anonymous" ? "unauthenticated" : "forbidden", refusal);
  }
}

/** Is this the user who acts? */
export function isOwn(actor: Actor, userId: string | null | undefined): boolean {
  return actor.kind === "user" && actor.userId === userId;
}

/**
 * Whose things a list shows: a customer's own; to staff those of whom they ask for, or else everyone's.
 *
 * @throws forbidden for another user's (who asks knows that id already)
 */
export function whoseToList(actor: Actor, asked: string | undefined, things: string): string | undefined {
  if (isStaff(actor)) return asked;
  const own = actor.kind === "user" ? actor.userId : undefined;
  if (own !== undefined && (asked === undefined || asked === own)) return own;
  throw new AppError("forbidden", `These are another user's ${things}.`);
}

/**
 * What a customer may learn of who acted (an {@link actorName}) in what is theirs: that it was staff, not who. Who is
 * nobody yet, and registers, is the customer.
 */
export function actorRole(name: string, userId: string | null): "customer" | "staff" | "system" {
  if (name === `user:${userId}` || name === "anonymous") return "customer";
  return name.startsWith("user:") ? "staff" : "system";
}

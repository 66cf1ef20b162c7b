import type { z } from "@hono/zod-openapi";
import { type Actor, isOwn } from "../../platform/ctx.ts";
import { isAdmin } from "../user.ts";
import type { ApiKeySchema } from "./schemas.ts";

/** A key as it is kept and answered: all but the key. */
export type ApiKey = z.output<typeof ApiKeySchema>;

/** What every key begins with, so that scanners of source code find one that was committed. */
const MARK = "wb_";

/** The key of these 43 random characters. */
export function keyOf(token: string): string {
  return `${MARK}${token}`;
}

/** The key in an `Authorization` header; undefined where there is something else. */
export function apiKeyIn(header: string | undefined): string | undefined {
  return /^Bearer (wb_[\w-]{43})$/i.exec(header ?? "")?.[1];
}

export function prefixOf(key: string): string {
  return key.slice(0, MARK.length + 8);
}

/** Everybody looks after their own keys, admins after all. */
export function mayManageKeysOf(actor: Actor, userId: string): boolean {
  return isOwn(actor, userId) || isAdmin(actor);
}

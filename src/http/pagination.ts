import { z } from "@hono/zod-openapi";
import type { Page, Position } from "../platform/page.ts";

const DEFAULT_PAGE_SIZE = 20;
const MAX_PAGE_SIZE = 100;

export const Limit = z.coerce.number().int().min(1).max(MAX_PAGE_SIZE).default(DEFAULT_PAGE_SIZE)
  .openapi({
    description:
      "How many entries at the most; large ones are fewer on a page. Only `next_cursor` tells whether there are more",
    example: DEFAULT_PAGE_SIZE,
  });

/** The same of a list that takes `skus`, whose query is {@link withLimit}. */
export const LimitOfSkus = Limit.unwrap().optional().openapi({
  description:
    `How many entries at the most; ${DEFAULT_PAGE_SIZE} unless said, or all that \`skus\` names. Only \`next_cursor\` tells ` +
    "whether there are more",
  example: DEFAULT_PAGE_SIZE,
});

/** Who names SKUs has all of them on one page unless they ask for fewer: what is missing in it is taken for unknown. */
export function withLimit<Query extends { limit?: number; skus?: string[] }>(query: Query) {
  return { ...query, limit: query.limit ?? query.skus?.length ?? DEFAULT_PAGE_SIZE };
}

/** The `cursor` of a list whose position has this shape. @throws invalid_request for one that we did not make. */
export function cursor<T extends Position>(position: z.ZodType<T>) {
  return z.string().max(2000).transform((value, context): T => {
    try {
      const parsed = position.safeParse(
        JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(value, { alphabet: "base64url" }))),
      );
      if (parsed.success) return parsed.data;
    } catch { /* said below */ }
    context.addIssue({
      code: "custom",
      message: "must be the next_cursor of an earlier page with the same sort",
    });
    return z.NEVER;
  }).optional().openapi({ type: "string", maxLength: 2000, description: "`next_cursor` of the page before" });
}

/** The pages of a list whose position is an entry's id. */
export const PageQuery = z.strictObject({ cursor: cursor(z.tuple([z.uuid()])), limit: Limit });

/** A time within a cursor, as a row gives it: PostgreSQL's text has no year 0, and no thousand digits of a second. */
export const CursorTime = z.iso.datetime().max("2026-01-31T12:00:00.000000Z".length)
  .refine((time) => !time.startsWith("0000"));

/** `{ data, next_cursor }` as a list answers it: the entries as they are, or what `view` makes of them. */
export function pageView<T>(page: Page<T>): { data: T[]; next_cursor: string | null };
export function pageView<T, V>(
  page: Page<T>,
  view: (entry: T) => V,
): { data: V[]; next_cursor: string | null };
export function pageView<T, V>(
  page: Page<T>,
  view?: (entry: T) => V,
): { data: (T | V)[]; next_cursor: string | null } {
  return {
    data: view ? page.data.map(view) : page.data,
    next_cursor: page.next
      ? new TextEncoder().encode(JSON.stringify(page.next)).toBase64({
        alphabet: "base64url",
        omitPadding: true,
      })
      : null,
  };
}

export function pageSchema<T extends z.ZodType>(entry: T) {
  return z.object({
    data: z.array(entry),
    next_cursor: z.string().nullable().openapi({
      description: "Pass it as `cursor` for the next page; null on the last",
    }),
  });
}

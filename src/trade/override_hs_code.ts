import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { notFound, type RequireSame } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { type Page, toPage } from "../platform/page.ts";
import { hsCodeWasOverridden } from "./events.ts";
import {
  deleteHsCode,
  findHsCode,
  listHsCodes as selectHsCodes,
  lockHsCode,
  upsertHsCode,
} from "./queries.ts";
import type { HsCodeSchema } from "./schemas.ts";

/** A product's HS code as one destination has it. */
export type HsCodeOverride = z.output<typeof HsCodeSchema>;

/** Has a destination classify a product otherwise. The same code again changes nothing. @throws not_found, version_mismatch */
export async function overrideHsCode(
  ctx: Ctx,
  input: { destination: string; sku: string; hs_code: string; requireSame: RequireSame },
): Promise<HsCodeOverride> {
  return await transaction(ctx.sql, async (tx) => {
    input.requireSame(await lockHsCode(tx, input));
    const written = await upsertHsCode(tx, { ...input, now: ctx.clock.now() });
    if (written) {
      await appendEvents(tx, ctx, [hsCodeWasOverridden(written, written.hs_code)]);
      return written;
    }
    const unchanged = await findHsCode(tx, input);
    if (!unchanged) throw notFound("product");
    return unchanged;
  });
}

/** Has a destination classify a product as the product itself says again. @throws not_found, version_mismatch */
export async function removeHsCode(
  ctx: Ctx,
  input: { destination: string; sku: string; requireSame: RequireSame },
): Promise<void> {
  await transaction(ctx.sql, async (tx) => {
    const before = await lockHsCode(tx, input);
    if (before) input.requireSame(before);
    const removed = await deleteHsCode(tx, input);
    if (!removed) throw notFound("HS code of this destination");
    await appendEvents(tx, ctx, [hsCodeWasOverridden(removed, null)]);
  });
}

/** @throws not_found where the product's own code counts */
export async function getHsCode(
  ctx: Ctx,
  input: { destination: string; sku: string },
): Promise<HsCodeOverride> {
  const found = await findHsCode(ctx.sql, input);
  if (!found) throw notFound("HS code of this destination");
  return found;
}

/** What a destination classifies otherwise, oldest product first. */
export async function listHsCodes(
  ctx: Ctx,
  filter: { destination: string; cursor?: [string]; limit: number },
): Promise<Page<HsCodeOverride>> {
  const rows = await selectHsCodes(ctx.sql, { ...filter, afterProduct: filter.cursor?.[0] });
  return toPage(rows, filter.limit, (last) => [last.product_id]);
}

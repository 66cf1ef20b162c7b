import { isDeepStrictEqual } from "node:util";
import type { Ctx } from "../../platform/ctx.ts";
import { transaction, type Tx } from "../../platform/db.ts";
import { AppError, notFound, requireVersion } from "../../platform/errors.ts";
import { appendEvents } from "../../platform/events.ts";
import { shippingOptionWasUpdated } from "../events.ts";
import type { ShippingOption } from "../facts.ts";
import { insertShippingOption, lockShippingOption, updateShippingOption } from "../queries.ts";
import type { StoredShippingOption } from "./shipping_option.ts";

/**
 * Adds a shipping option, or replaces the whole of it; one that was withdrawn is offered again. Where nothing
 * differs its version stays.
 *
 * @throws version_mismatch
 */
export async function putShippingOption(
  ctx: Ctx,
  input: { option: ShippingOption; expectedVersion?: number },
): Promise<{ option: StoredShippingOption; created: boolean }> {
  return await transaction(ctx.sql, async (tx) => {
    const { code } = input.option;
    const before = await lockShippingOption(tx, code);
    const created = !before && input.expectedVersion === undefined && await addOption(tx, ctx, input.option);
    if (created) return { option: created, created: true };
    // Somebody else may have added it meanwhile.
    const current = before ?? await lockShippingOption(tx, code);
    const option = await changeOption(
      tx,
      ctx,
      current,
      { ...input.option, active: true },
      input.expectedVersion,
    );
    return { option, created: false };
  });
}

/** Takes a shipping option out of what is offered. Once more changes nothing. @throws not_found, version_mismatch */
export async function withdrawShippingOption(
  ctx: Ctx,
  input: { code: string; expectedVersion?: number },
): Promise<StoredShippingOption> {
  return await transaction(ctx.sql, async (tx) => {
    const before = await lockShippingOption(tx, input.code);
    if (!before) throw notFound("shipping option");
    return await changeOption(tx, ctx, before, { active: false }, input.expectedVersion);
  });
}

async function addOption(tx: Tx, ctx: Ctx, input: ShippingOption): Promise<StoredShippingOption | undefined> {
  const now = ctx.clock.now().toISOString();
  const option = { ...input, active: true, version: 1, created_at: now, updated_at: now };
  if (!await insertShippingOption(tx, option)) return undefined;
  await appendEvents(tx, ctx, [shippingOptionWasUpdated(option)]);
  return option;
}

async function changeOption(
  tx: Tx,
  ctx: Ctx,
  before: StoredShippingOption | undefined,
  changes: Partial<StoredShippingOption>,
  expectedVersion: number | undefined,
): Promise<StoredShippingOption> {
  if (!before) throw new AppError("version_mismatch", "The shipping option is not there.");
  requireVersion("shipping option", before.version, expectedVersion);
  const changed = { ...before, ...changes };
  if (isDeepStrictEqual(changed, before)) return before;
  const option = { ...changed, version: before.version + 1, updated_at: ctx.clock.now().toISOString() };
  await updateShippingOption(tx, option);
  await appendEvents(tx, ctx, [shippingOptionWasUpdated(option)]);
  return option;
}

import type { z } from "@hono/zod-openapi";
import { changesBetween } from "../../platform/changes.ts";
import type { Ctx } from "../../platform/ctx.ts";
import { transaction } from "../../platform/db.ts";
import { notFound, requireVersion } from "../../platform/errors.ts";
import { appendEvents } from "../../platform/events.ts";
import { withChanges } from "../../promotions/mod.ts";
import { campaignUpdated } from "../events.ts";
import type { Campaign } from "./campaign.ts";
import { lockCampaign, updateCampaign } from "./queries.ts";
import type { ChangeCampaignBody } from "./schemas.ts";

/**
 * Changes when or whether a campaign runs; what is left out stays. Where nothing differs, version and event log stay as
 * they are. Orders keep what they earned by it.
 *
 * @throws not_found, version_mismatch, invalid_request
 */
export async function changeCampaign(
  ctx: Ctx,
  input: { id: string; changes: z.output<typeof ChangeCampaignBody>; expectedVersion?: number },
): Promise<Campaign> {
  return await transaction(ctx.sql, async (tx) => {
    const before = await lockCampaign(tx, input.id);
    if (!before) throw notFound("campaign");
    requireVersion("campaign", before.version, input.expectedVersion);
    const changed = withChanges(before, input.changes);
    const changes = changesBetween(before, changed);
    if (Object.keys(changes).length === 0) return before;
    const campaign = {
      ...changed,
      version: before.version + 1,
      updated_at: ctx.clock.now().toISOString(),
    };
    await updateCampaign(tx, campaign);
    await appendEvents(tx, ctx, [{
      event: campaignUpdated,
      aggregateId: campaign.id,
      sequence: campaign.version,
      userId: null,
      data: { ...campaign, changes },
    }]);
    return campaign;
  });
}

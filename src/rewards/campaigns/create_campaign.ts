import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../../platform/ctx.ts";
import { transaction } from "../../platform/db.ts";
import { appendEvents } from "../../platform/events.ts";
import { newId } from "../../platform/id.ts";
import { type Idempotency, once, type Outcome } from "../../platform/idempotency.ts";
import { periodOf } from "../../promotions/mod.ts";
import { campaignCreated } from "../events.ts";
import type { Campaign } from "./campaign.ts";
import { insertCampaign } from "./queries.ts";
import type { NewCampaignBody } from "./schemas.ts";

/** Adds a campaign, which runs from now on unless its input says otherwise. @throws invalid_request */
export async function createCampaign(
  ctx: Ctx,
  input: z.output<typeof NewCampaignBody>,
  idempotency?: Idempotency,
): Promise<Outcome<Campaign>> {
  return await transaction(ctx.sql, (tx) =>
    once(tx, idempotency, async () => {
      const now = ctx.clock.now().toISOString();
      const campaign = await insertCampaign(tx, {
        ...input,
        ...periodOf({ ...input, starts_at: input.starts_at ?? now }, "ends_at"),
        id: newId(),
        version: 1,
        created_at: now,
        updated_at: now,
      });
      await appendEvents(tx, ctx, [{
        event: campaignCreated,
        aggregateId: campaign.id,
        sequence: 1,
        userId: null,
        data: campaign,
      }]);
      return campaign;
    }));
}

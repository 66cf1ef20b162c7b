import type { Fragment, Sql, Tx } from "../../platform/db.ts";
import type { Campaign, CampaignOrder } from "./campaign.ts";

const columns = (sql: Sql | Tx): Fragment =>
  sql`
    id, name, points, per_amount, to_json(skus) as skus, to_json(categories) as categories, active, starts_at, ends_at,
    version, created_at, updated_at`;

export async function findCampaign(sql: Sql, id: string): Promise<Campaign | undefined> {
  const [campaign] = await sql<Campaign[]>`select ${columns(sql)} from campaigns where id = ${id}`;
  return campaign;
}

/** The same, held until the transaction ends. */
export async function lockCampaign(tx: Tx, id: string): Promise<Campaign | undefined> {
  const [campaign] = await tx<Campaign[]>`
    select ${columns(tx)} from campaigns where id = ${id} for no key update`;
  return campaign;
}

/** Was there ever a campaign? None is deleted. */
export async function campaignExists(sql: Sql | Tx): Promise<boolean> {
  const [row] = await sql<{ exists: boolean }[]>`select exists (select from campaigns)`;
  return row!.exists;
}

/** Newest first: those before `beforeId`, `limit + 1` of them. */
export async function listCampaignRows(
  sql: Sql,
  filter: { active?: boolean; beforeId?: string; limit: number },
): Promise<Campaign[]> {
  return await sql<Campaign[]>`
    select ${columns(sql)} from campaigns
    where true
      ${filter.active === undefined ? sql`` : sql`and active = ${filter.active}`}
      ${filter.beforeId === undefined ? sql`` : sql`and id < ${filter.beforeId}`}
    order by id desc limit ${filter.limit + 1}`;
}

/** The orders that earned by a campaign, newest first: those before `beforeId`, `limit + 1` of them. */
export async function listCampaignOrderRows(
  sql: Sql,
  filter: { id: string; beforeId?: string; limit: number },
): Promise<CampaignOrder[]> {
  return await sql<CampaignOrder[]>`
    select order_id, full_points, points from order_points
    where campaign_id = ${filter.id}
      ${filter.beforeId === undefined ? sql`` : sql`and order_id < ${filter.beforeId}`}
    order by order_id desc limit ${filter.limit + 1}`;
}

/** Adds one, and gives it as it is kept. */
export async function insertCampaign(tx: Tx, campaign: Campaign): Promise<Campaign> {
  const [added] = await tx<Campaign[]>`
    insert into campaigns (id, name, points, per_amount, skus, categories, active, starts_at, ends_at, version,
                           created_at, updated_at)
    values (${campaign.id}, ${campaign.name}, ${campaign.points}, ${tx.json(campaign.per_amount)},
            ${campaign.skus}, ${campaign.categories}, ${campaign.active}, ${campaign.starts_at},
            ${campaign.ends_at}, ${campaign.version}, ${campaign.created_at}, ${campaign.updated_at})
    returning ${columns(tx)}`;
  return added!;
}

/** Writes a locked campaign's next version: what can change of it. */
export async function updateCampaign(tx: Tx, campaign: Campaign): Promise<void> {
  await tx`
    update campaigns
    set name = ${campaign.name}, active = ${campaign.active}, starts_at = ${campaign.starts_at},
        ends_at = ${campaign.ends_at}, version = ${campaign.version}, updated_at = ${campaign.updated_at}
    where id = ${campaign.id}`;
}

import type { Fragment, Sql, Tx } from "../platform/db.ts";
import type { Reward, RewardRedemption } from "./reward.ts";

const columns = (sql: Sql | Tx): Fragment =>
  sql`
    id, name, points, valid_days, trim_scale(percent_off)::text as percent_off, amount_off, minimum_subtotal,
    to_json(skus) as skus, to_json(categories) as categories, active, starts_at, ends_at, max_redemptions,
    max_per_customer, redeemed, version, created_at, updated_at`;

export async function findReward(sql: Sql, id: string): Promise<Reward | undefined> {
  const [reward] = await sql<Reward[]>`select ${columns(sql)} from rewards where id = ${id}`;
  return reward;
}

/** The same, held until the transaction ends: nobody redeems it meanwhile. */
export async function lockReward(tx: Tx, id: string): Promise<Reward | undefined> {
  const [reward] = await tx<Reward[]>`select ${columns(tx)} from rewards where id = ${id} for no key update`;
  return reward;
}

/**
 * Newest first: those before `beforeId`, `limit + 1` of them.
 *
 * @param onAt only those that can be had then
 */
export async function listRewardRows(
  sql: Sql,
  filter: { active?: boolean; onAt?: Date; beforeId?: string; limit: number },
): Promise<Reward[]> {
  const { active, onAt, beforeId, limit } = filter;
  return await sql<Reward[]>`
    select ${columns(sql)} from rewards
    where true
      ${active === undefined ? sql`` : sql`and active = ${active}`}
      ${
    onAt === undefined
      ? sql``
      : sql`and active and starts_at <= ${onAt} and (ends_at is null or ends_at > ${onAt})`
  }
      ${beforeId === undefined ? sql`` : sql`and id < ${beforeId}`}
    order by id desc limit ${limit + 1}`;
}

/** Adds one, and gives it as it is kept. */
export async function insertReward(tx: Tx, reward: Reward): Promise<Reward> {
  const [added] = await tx<Reward[]>`
    insert into rewards (id, name, points, valid_days, percent_off, amount_off, minimum_subtotal, skus, categories,
                         active, starts_at, ends_at, max_redemptions, max_per_customer, redeemed, version, created_at,
                         updated_at)
    values (${reward.id}, ${reward.name}, ${reward.points}, ${reward.valid_days}, ${reward.percent_off},
            ${reward.amount_off && tx.json(reward.amount_off)},
            ${
    reward.minimum_subtotal && tx.json(reward.minimum_subtotal)
  }, ${reward.skus}, ${reward.categories},
            ${reward.active}, ${reward.starts_at}, ${reward.ends_at}, ${reward.max_redemptions},
            ${reward.max_per_customer}, ${reward.redeemed}, ${reward.version}, ${reward.created_at},
            ${reward.updated_at})
    returning ${columns(tx)}`;
  return added!;
}

/** Writes a locked reward's next version: what can change of it. */
export async function updateReward(tx: Tx, reward: Reward): Promise<void> {
  await tx`
    update rewards
    set name = ${reward.name}, active = ${reward.active}, starts_at = ${reward.starts_at},
        ends_at = ${reward.ends_at}, max_redemptions = ${reward.max_redemptions},
        max_per_customer = ${reward.max_per_customer}, version = ${reward.version}, updated_at = ${reward.updated_at}
    where id = ${reward.id}`;
}

/** How often a customer redeemed a reward. Their account is held. */
export async function countRedemptions(tx: Tx, rewardId: string, userId: string): Promise<number> {
  const [row] = await tx<{ count: number }[]>`
    select count(*)::int from reward_redemptions where user_id = ${userId} and reward_id = ${rewardId}`;
  return row!.count;
}

/** Writes a redemption of a reward that is held, and counts it. */
export async function insertRedemption(tx: Tx, redemption: RewardRedemption): Promise<void> {
  const { id, reward_id, user_id, promotion_id, points, created_at } = redemption;
  await tx`
    with redeemed as (
      insert into reward_redemptions (id, reward_id, user_id, promotion_id, points, created_at)
      values (${id}, ${reward_id}, ${user_id}, ${promotion_id}, ${points}, ${created_at})
    )
    update rewards set redeemed = redeemed + 1 where id = ${reward_id}`;
}

/** A redemption with its coupon, and the latest order that holds a use of that: one, unless staff allow more. */
const redemptions = (sql: Sql): Fragment =>
  sql`
    select r.id, r.reward_id, r.user_id, r.points, r.promotion_id, p.code as coupon_code,
           (select u.order_id from promotion_redemptions u
            where u.promotion_id = p.id and u.order_id is not null and u.released_at is null
            order by u.id desc limit 1) as order_id,
           r.created_at, p.ends_at as expires_at
    from reward_redemptions r join promotions p on p.id = r.promotion_id`;

export async function findRedemption(sql: Sql, id: string): Promise<RewardRedemption | undefined> {
  const [redemption] = await sql<RewardRedemption[]>`${redemptions(sql)} where r.id = ${id}`;
  return redemption;
}

/** Newest first: those before `beforeId`, `limit + 1` of them. */
export async function listRedemptionRows(
  sql: Sql,
  filter: { userId?: string; rewardId?: string; beforeId?: string; limit: number },
): Promise<RewardRedemption[]> {
  const { userId, rewardId, beforeId, limit } = filter;
  return await sql<RewardRedemption[]>`
    ${redemptions(sql)}
    where true
      ${userId === undefined ? sql`` : sql`and r.user_id = ${userId}`}
      ${rewardId === undefined ? sql`` : sql`and r.reward_id = ${rewardId}`}
      ${beforeId === undefined ? sql`` : sql`and r.id < ${beforeId}`}
    order by r.id desc limit ${limit + 1}`;
}

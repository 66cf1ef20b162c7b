import type { Fragment, Sql, Tx } from "../platform/db.ts";
import type { Promotion, Redemption } from "./promotion.ts";

/** A promotion as its row has it; its table is called `p`. */
export const promotionColumns = (sql: Sql | Tx): Fragment =>
  sql`
    p.id, p.code, p.user_id, p.name, p.active, p.starts_at, p.ends_at, p.max_redemptions, p.max_per_customer,
    trim_scale(p.percent_off)::text as percent_off, p.amount_off, p.minimum_subtotal,
    to_json(p.skus) as skus, to_json(p.categories) as categories, p.redeemed, p.version, p.created_at, p.updated_at`;

export async function findPromotion(sql: Sql, id: string): Promise<Promotion | undefined> {
  const [promotion] = await sql<Promotion[]>`
    select ${promotionColumns(sql)} from promotions p where p.id = ${id}`;
  return promotion;
}

/** The same, held until the transaction ends: nobody redeems it meanwhile. */
export async function lockPromotion(tx: Tx, id: string): Promise<Promotion | undefined> {
  const [promotion] = await tx<Promotion[]>`
    select ${promotionColumns(tx)} from promotions p where p.id = ${id} for no key update`;
  return promotion;
}

/** Newest first: those before `beforeId`, `limit + 1` of them. */
export async function listPromotionRows(
  sql: Sql,
  filter: { code?: string; user_id?: string; active?: boolean; beforeId?: string; limit: number },
): Promise<Promotion[]> {
  return await sql<Promotion[]>`
    select ${promotionColumns(sql)} from promotions p
    where true
      ${filter.code === undefined ? sql`` : sql`and p.code = ${filter.code}`}
      ${filter.user_id === undefined ? sql`` : sql`and p.user_id = ${filter.user_id}`}
      ${filter.active === undefined ? sql`` : sql`and p.active = ${filter.active}`}
      ${filter.beforeId === undefined ? sql`` : sql`and p.id < ${filter.beforeId}`}
    order by p.id desc limit ${filter.limit + 1}`;
}

/** Adds one, and gives it as it is kept; undefined where its code is taken. Who adds that code just now is waited for. */
export async function insertPromotion(tx: Tx, promotion: Promotion): Promise<Promotion | undefined> {
  const { amount_off, minimum_subtotal } = promotion;
  const [added] = await tx<Promotion[]>`
    insert into promotions as p (id, code, user_id, name, active, starts_at, ends_at, max_redemptions, max_per_customer,
                                 percent_off, amount_off, minimum_subtotal, skus, categories, redeemed, version,
                                 created_at, updated_at)
    values (${promotion.id}, ${promotion.code}, ${promotion.user_id}, ${promotion.name}, ${promotion.active}, ${promotion.starts_at},
            ${promotion.ends_at}, ${promotion.max_redemptions}, ${promotion.max_per_customer},
            ${promotion.percent_off}, ${amount_off && tx.json(amount_off)},
            ${minimum_subtotal && tx.json(minimum_subtotal)}, ${promotion.skus}, ${promotion.categories},
            ${promotion.redeemed}, ${promotion.version}, ${promotion.created_at}, ${promotion.updated_at})
    on conflict (code) do nothing
    returning ${promotionColumns(tx)}`;
  return added;
}

/** Writes a locked promotion's next version: what can change of it. */
export async function updatePromotion(tx: Tx, promotion: Promotion): Promise<void> {
  await tx`
    update promotions
    set name = ${promotion.name}, active = ${promotion.active}, starts_at = ${promotion.starts_at},
        ends_at = ${promotion.ends_at}, max_redemptions = ${promotion.max_redemptions},
        max_per_customer = ${promotion.max_per_customer}, version = ${promotion.version},
        updated_at = ${promotion.updated_at}
    where id = ${promotion.id}`;
}

/** Its uses, newest first: those before `beforeId`, `limit + 1` of them. */
export async function listRedemptionRows(
  sql: Sql,
  filter: { id: string; status?: Redemption["status"]; beforeId?: number; limit: number },
): Promise<Redemption[]> {
  const status = sql`
    case when released_at is not null then 'released' when order_id is not null then 'used' else 'held' end`;
  return await sql<Redemption[]>`
    select id::text, user_id, quote_id, order_id, ${status} as status, currency, amount, created_at, released_at
    from promotion_redemptions
    where promotion_id = ${filter.id}
      ${filter.status === undefined ? sql`` : sql`and ${status} = ${filter.status}`}
      ${filter.beforeId === undefined ? sql`` : sql`and id < ${filter.beforeId}`}
    order by promotion_redemptions.id desc limit ${filter.limit + 1}`;
}

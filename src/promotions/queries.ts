import type { Fragment, Sql, Tx } from "../platform/db.ts";

/** A promotion as its row has it; its table is called `p`. */
export const promotionColumns = (sql: Sql | Tx): Fragment =>
  sql`
    p.id, p.code, p.name, p.active, p.starts_at, p.ends_at, p.max_redemptions, p.max_per_customer,
    trim_scale(p.percent_off)::text as percent_off, p.amount_off, p.minimum_subtotal, to_json(p.skus) as skus,
    to_json(p.categories) as categories, p.redeemed, p.version, p.created_at, p.updated_at`;

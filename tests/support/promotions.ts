import { newId } from "../../src/platform/id.ts";
import type { Promotion } from "../../src/promotions/promotion.ts";
import type { TestApp } from "./app.ts";

/** SUMMER, which takes 10 % off of everything from 2026 on, save what `known` says. */
export function examplePromotion(known: Partial<Promotion> = {}): Promotion {
  return {
    id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
    code: "SUMMER",
    user_id: null,
    name: "Summer",
    active: true,
    starts_at: "2026-01-01T00:00:00.000Z",
    ends_at: null,
    max_redemptions: null,
    max_per_customer: null,
    percent_off: known.amount_off ? null : "10",
    amount_off: null,
    minimum_subtotal: null,
    skus: [],
    categories: [],
    redeemed: 0,
    version: 1,
    created_at: "2026-01-01T00:00:00.000Z",
    updated_at: "2026-01-01T00:00:00.000Z",
    ...known,
  };
}

/** The same, put straight into the database under a code of its own. */
export async function addPromotion(app: TestApp, known: Partial<Promotion> = {}): Promise<Promotion> {
  const { sql } = app.deps;
  const id = newId();
  const promotion = examplePromotion({ id, code: `CODE-${id.slice(-12).toUpperCase()}`, ...known });
  await sql`insert into promotions select * from jsonb_populate_record(null::promotions, ${
    sql.json(promotion)
  })`;
  return promotion;
}

/** How often a promotion was redeemed, by its own count. */
export async function redeemedOf(app: TestApp, { id }: { id: string }): Promise<number> {
  const [row] = await app.deps.sql<{ redeemed: number }[]>`select redeemed from promotions where id = ${id}`;
  return row!.redeemed;
}

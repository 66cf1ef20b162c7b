/** Coupons: one of which there are too few, one that each customer may use once, one for everybody. */

import { newId } from "../../src/platform/id.ts";
import type { Sql } from "../../src/platform/db.ts";
import { type Answer, type Ask, type Call, codesOf, type Shopping } from "./client.ts";

const [FEW, ONCE, ALWAYS] = ["FEW", "ONCE", "ALWAYS"] as const;
/** So often in all: about one of three who ask for it get it. */
const ORDERS_PER_FEW = 20;
/** Of so many customers each coupon has one, who writes it wherever they can. */
const CUSTOMERS_PER_COUPON = 7;
/** Why a customer goes on without. */
export const COUPON_REFUSALS = ["coupon_used_up", "coupon_used_before"];

export async function openPromotions(sql: Sql, orders: number): Promise<void> {
  const promotions = [
    { code: FEW, max_redemptions: Math.ceil(orders / ORDERS_PER_FEW), percent_off: "12.5" },
    { code: ONCE, max_per_customer: 1, percent_off: "10" },
    { code: ALWAYS, amount_off: [{ currency: "EUR", amount: 333 }] },
  ].map((each) => ({ id: newId(), name: each.code, skus: [], categories: [], redeemed: 0, ...each }));
  await sql`
    insert into promotions (id, code, name, percent_off, amount_off, skus, categories, starts_at, max_redemptions,
                            max_per_customer, active, version, created_at, updated_at)
    select id, code, name, percent_off, amount_off, skus, categories, now(), max_redemptions, max_per_customer, true, 1,
           now(), now()
    from jsonb_populate_recordset(null::promotions, ${sql.json(promotions as never)})`;
}

export function isCouponRefused({ problem }: Answer): boolean {
  return problem !== undefined && codesOf(problem).some((code) => COUPON_REFUSALS.includes(code));
}

/** Orders with the coupon, or else without: by one key, so it becomes one order. */
export async function orderWith(
  ask: Ask,
  call: Call & { body: object },
  coupon: string | undefined,
): Promise<Answer> {
  const first = { ...call, body: { ...call.body, coupon_code: coupon }, mayBeRefused: COUPON_REFUSALS };
  const answer = await ask(first);
  if (!isCouponRefused(answer)) return answer;
  const without = await ask({ ...call, mayBeRefused: ["idempotency_key_reused"] });
  // A call that was cut off was still under way, and got a use that somebody gave back just now.
  return without.problem?.code === "idempotency_key_reused" ? await ask(first) : without;
}

export function couponOf(customer: number): string | undefined {
  return [FEW, ONCE, ALWAYS][customer % CUSTOMERS_PER_COUPON];
}

/** What broke the promise of a coupon; and what would mean that nobody put it to the test. */
export async function findCouponBreaks(sql: Sql, { refused }: Shopping): Promise<string[]> {
  const rows = await sql<
    { code: string; uses: number; most: number; of: number | null; of_each: number | null }[]
  >`
    select code, coalesce(sum(uses), 0)::int as uses, coalesce(max(uses), 0)::int as most, max_redemptions as of,
           max_per_customer as of_each
    from promotions p left join (
      select promotion_id, user_id, count(*)::int as uses from promotion_redemptions where released_at is null
      group by promotion_id, user_id
    ) used on used.promotion_id = p.id
    group by p.id`;
  return rows.flatMap(({ code, uses, most, of, of_each }) => [
    ...(of !== null && uses > of ? [`${code} was used ${uses} times of ${of}`] : []),
    ...(of_each !== null && most > of_each ? [`one customer used ${code} ${most} times of ${of_each}`] : []),
    ...(of !== null && uses < Math.floor(of / 2) && !refused.coupon_used_up
      ? [`${code} was never used up: ${uses} of ${of}`]
      : []),
  ]);
}

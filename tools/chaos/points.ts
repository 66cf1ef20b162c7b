/** Points: every order earns them, and loses them with its money. */

import { newId } from "../../src/platform/id.ts";
import type { Sql } from "../../src/platform/db.ts";

/** A point for so many minor units of goods. */
const PER_AMOUNT = 10;

export async function openCampaign(sql: Sql): Promise<void> {
  await sql`
    insert into campaigns (id, name, points, per_amount, active, starts_at, version, created_at, updated_at)
    values (${newId()}, 'Points', 1, ${
    sql.json([{ currency: "EUR", amount: PER_AMOUNT }])
  }, true, now(), 1, now(), now())`;
}

/** Customers who have other points than their orders' money says; and whether there were any to have, and to lose. */
export async function findPointsBreaks(sql: Sql): Promise<string[]> {
  const wrong = await sql<{ what: string }[]>`
    select format('%s has %s points, of %s', coalesce(a.user_id, due.user_id), a.balance, due.points) as what
    from points_accounts a full join (
      select user_id, sum(div(div(subtotal, ${PER_AMOUNT}) * (amount_paid - amount_refunded), total_price)) as points
      from orders where amount_paid = total_price and total_price > 0 group by user_id
    ) due on due.user_id = a.user_id
    where coalesce(a.balance, 0) <> coalesce(due.points, 0)`;
  const kinds = await sql<{ kind: string }[]>`select distinct kind from points_movements`;
  return [
    ...wrong.map(({ what }) => what),
    ...["earned", "reversed"].filter((kind) => !kinds.some((each) => each.kind === kind)).map((kind) =>
      `none were ${kind}`
    ),
  ];
}

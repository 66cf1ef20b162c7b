/** What must hold of money and of what was made, against the books of the sandbox's bank. */

import type { Sql } from "../../src/platform/db.ts";
import { REFUND_REASON } from "./checkouts.ts";
import type { Shopping } from "./client.ts";

/** What holds, and a query for what breaks it, as `what`. */
interface Rule {
  holds: string;
  broken: (sql: Sql, shopping: Shopping) => PromiseLike<readonly { what: string }[]>;
}

/** What the bank took and gave back for each order. */
const atTheBank = (sql: Sql) =>
  sql`
    select p.order_id, sum(c.amount_captured) as captured, sum(c.amount_captured - c.amount_refunded) as net
    from sandbox_charges c join payments p on p.id = c.id
    group by p.order_id`;

const isThere = (things: string, asked: (shopping: Shopping) => Iterable<string>): Rule => ({
  holds: `the ${things} that were answered are there, and no others`,
  broken: (sql, shopping) =>
    sql<{ what: string }[]>`
    select coalesce(asked, id)::text || case when id is null then ' is lost' else ' was never answered' end as what
    from unnest(${[...asked(shopping)]}::uuid[]) asked full join (
      select id from ${sql(things)} ${things === "refunds" ? sql`where reason = ${REFUND_REASON}` : sql``}
    ) made on made.id = asked
    where asked is null or id is null`,
});

export const MONEY_RULES: Rule[] = [
  {
    holds: "the bank holds of each order what its ledger says",
    broken: (sql) =>
      sql<{ what: string }[]>`
      select format('%s: bank %s, ledger %s', order_id, coalesce(net, 0), coalesce(cash, 0)) as what
      from (${atTheBank(sql)}) bank
      full join (select order_id, sum(cash_at_provider) as cash from ledger group by order_id) books using (order_id)
      where coalesce(net, 0) <> coalesce(cash, 0)`,
  },
  {
    holds: "every charge of the bank belongs to a payment that knows of it",
    broken: (sql) =>
      sql<{ what: string }[]>`
      select format('%s: %s at the bank, %s here', c.id, c.status, p.status) as what
      from sandbox_charges c left join payments p on p.id = c.id
      where p.id is null or (c.amount_captured, c.amount_refunded) <> (p.amount_captured, p.amount_refunded)
        or c.reference is distinct from p.provider_reference`,
  },
  {
    holds: "no order is paid without a charge",
    broken: (sql) =>
      sql<{ what: string }[]>`
      select format('%s %s: %s of %s', o.number, o.status, coalesce(captured, 0), total_price) as what
      from orders o left join (${atTheBank(sql)}) bank on bank.order_id = o.id
      where (o.status in ('PAID', 'SHIPPED', 'DELIVERED') or payment_status = 'PAID')
        and coalesce(captured, 0) < total_price`,
  },
  {
    holds: "no order is charged twice: what is too much goes back",
    broken: (sql) =>
      sql<{ what: string }[]>`
      select format('%s: %s of %s', number, net, total_price) as what
      from orders o join (${atTheBank(sql)}) bank on bank.order_id = o.id where net > total_price`,
  },
  {
    holds: "an order that is over has all its money back, and nothing reserved",
    broken: (sql) =>
      sql<{ what: string }[]>`
      select format('%s %s: the bank holds %s', number, o.status, net) as what
      from orders o join (${atTheBank(sql)}) bank on bank.order_id = o.id
      where o.status in ('CANCELLED', 'EXPIRED') and (net <> 0 or amount_due <> 0)
      union all
      select format('%s %s: a charge is %s', o.number, o.status, c.status)
      from orders o join payments p on p.order_id = o.id join sandbox_charges c on c.id = p.id
      where o.status in ('CANCELLED', 'EXPIRED') and c.status in ('authorised', 'requires_action', 'processing')`,
  },
  {
    holds: "each key has one order, and each order one key",
    broken: (sql) =>
      sql<{ what: string }[]>`
      select format('%s has %s keys', o.id, count(k.key)) as what
      from orders o left join idempotency_keys k on k.order_id = o.id
      group by o.id having count(k.key) <> 1`,
  },
  {
    holds: "every checkout that was answered has used its quote and closed its cart",
    broken: (sql, { checkedOut }) =>
      sql<{ what: string }[]>`
      select asked::text as what from unnest(${checkedOut}::uuid[]) asked
      where 1 <> (
        select count(*) from quotes q join orders o on o.quote_id = q.id and o.id = q.order_id
        join carts c on c.id = q.cart_id and c.order_id = o.id
        join events e on e.aggregate_type = 'quote' and e.aggregate_id = q.id::text and e.sequence = 1
        where q.order_id = asked and q.status = 'used' and o.total_price = (e.data->>'total_price')::bigint)`,
  },
  isThere("carts", ({ carts }) => carts),
  isThere("payments", ({ payments }) => payments),
  isThere("shipments", ({ shipments }) => shipments),
  isThere("refunds", ({ refunds }) => refunds),
];

/** What became of carts, quotes, payments and orders, to be told in a line each. */
export async function tellFates(sql: Sql): Promise<string[]> {
  const rows = await sql<{ what: string; fates: string }[]>`
    select what, string_agg(count || ' ' || status, ', ' order by count desc, status) as fates from (
      select 'carts' as what, status, count(*) from carts group by status
      union all select 'quotes', status, count(*) from quotes group by status
      union all select 'payments', status, count(*) from payments group by status
      union all select 'refunds', status, count(*) from refunds group by status
      union all select 'orders', status, count(*) from orders group by status
    ) counted group by what order by what`;
  return rows.map(({ what, fates }) => `${what}: ${fates}`);
}

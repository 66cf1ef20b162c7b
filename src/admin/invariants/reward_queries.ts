import type { Invariant } from "./invariant.ts";

const common = { severity: "broken", table: "points_movements" } as const;

/** What must hold of customers' points, and of what they are redeemed for. */
export const REWARD_INVARIANTS: readonly Invariant[] = [
  {
    ...common,
    name: "points_are_their_movements",
    holds:
      "A customer's points are what all of their movements sum to, and each says what there was after it.",
    broken: (sql) =>
      sql`
      select a.user_id::text as id,
             format('%s after %s, by %s movements %s, %s of them wrong', a.balance, a.version, m.count, m.total, m.wrong) as what
      from points_accounts a cross join lateral (
        select count(*), coalesce(sum(points), 0) as total, coalesce(max(sequence), 0) as last,
               count(*) filter (where balance <> running) as wrong
        from (
          select *, sum(points) over (order by sequence) as running from points_movements where user_id = a.user_id
        ) movements
      ) m
      where (a.balance, a.version, a.version, 0) <> (m.total, m.count, m.last, m.wrong)`,
  },
  {
    ...common,
    table: "order_points",
    name: "points_of_orders_moved",
    holds:
      "What an order has by a campaign is what moved on its customer's account, and nothing else moved there.",
    broken: (sql) =>
      sql`
      select order_id::text as id, format('%s by campaign %s, %s moved', sum(points), campaign_id, sum(moved)) as what
      from (
        select p.order_id, p.campaign_id, o.user_id, p.points, 0 as moved
        from order_points p join orders o on o.id = p.order_id
        union all
        select order_id, campaign_id, user_id, 0, points from points_movements where order_id is not null
      ) both_sides
      group by order_id, campaign_id, user_id having sum(points) <> sum(moved)`,
  },
  {
    ...common,
    severity: "warning",
    table: "order_points",
    name: "points_follow_money",
    holds:
      "What an order has of its points is, ten minutes later, in proportion to the money that it has and does not owe.",
    broken: (sql, now) =>
      sql`
      select o.id::text, format('%s of %s points, %s of %s paid', p.points, p.full_points, kept, o.total_price) as what
      from order_points p join orders o on o.id = p.order_id
      cross join lateral (select greatest(o.amount_paid - o.amount_refunded + least(o.amount_due, 0), 0) as kept) net
      where o.updated_at < ${now}::timestamptz - interval '10 minutes'
        and p.points <> div(p.full_points::numeric * kept, o.total_price)`,
  },
  {
    ...common,
    table: "rewards",
    name: "rewards_are_counted",
    holds:
      "A reward's count is that of its redemptions; each took its points, and has a coupon for its customer alone.",
    broken: (sql) =>
      sql`
      select r.id::text, format('counted %s, redeemed %s', r.redeemed, n.count) as what
      from rewards r cross join lateral (select count(*) from reward_redemptions where reward_id = r.id) n
      where r.redeemed <> n.count
      union all
      select coalesce(r.id, m.redemption_id)::text,
             format('%s points, %s moved; coupon of %s', r.points, m.points, p.user_id)
      from reward_redemptions r join promotions p on p.id = r.promotion_id
      full join (select * from points_movements where redemption_id is not null) m on m.redemption_id = r.id
      where (r.user_id, r.user_id, r.points) is distinct from (m.user_id, p.user_id, -m.points)`,
  },
];

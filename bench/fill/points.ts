/** The one campaign, and what orders earned by it. */

import type postgres from "postgres";

const CAMPAIGN = "Bench";
const MINOR_UNITS_A_POINT = 100;

/** A point for each euro of goods, of all orders of the first three months. */
export async function openCampaign(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    with opened as (
      insert into campaigns (id, name, points, per_amount, active, starts_at, ends_at, version, created_at, updated_at)
      select gen_random_uuid(), ${CAMPAIGN}, 1,
             ${
    tx.json([{ currency: "EUR", amount: MINOR_UNITS_A_POINT }])
  }, true, at, at + interval '3 months', 1, at, at
      from date_trunc('milliseconds', now() - interval '1 year') at
      where not exists (select from campaigns where name = ${CAMPAIGN})
      returning *
    )
    insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
    select 'campaign.created', 1, 'campaign', id::text, 1, 'system:bench', to_jsonb(opened), created_at from opened`;
}

/** Points of the orders that were paid, without those whose money went back, as far as they have none yet. */
export async function writePoints(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    with earned as materialized (
      select o.id, o.user_id, c.id as campaign_id, o.placed_at, o.updated_at, full_points,
             div(full_points * (amount_paid - amount_refunded + amount_due), total_price) as points
      from campaigns c join orders o on o.placed_at >= c.starts_at and o.placed_at < c.ends_at
      cross join lateral (select div(o.subtotal, ${MINOR_UNITS_A_POINT}) as full_points) f
      where c.name = ${CAMPAIGN} and o.currency = 'EUR' and o.amount_paid = o.total_price and full_points > 0
        and not exists (select from order_points where order_id = o.id)
    ), moved as (
      select m.*, coalesce(a.version, 0) + row_number() over each as sequence,
             coalesce(a.balance, 0) + sum(m.points) over each as balance
      from (
        select id, user_id, campaign_id, 'earned' as kind, full_points as points, placed_at as at from earned
        union all
        select id, user_id, campaign_id, 'reversed', points - full_points, updated_at from earned where points < full_points
      ) m left join points_accounts a on a.user_id = m.user_id
      window each as (partition by m.user_id order by m.at, m.id, m.kind)
    ), of_orders as (
      insert into order_points (order_id, campaign_id, full_points, points)
      select id, campaign_id, full_points, points from earned
    ), accounts as (
      insert into points_accounts (user_id, balance, version, updated_at)
      select distinct on (user_id) user_id, balance, sequence, at from moved order by user_id, sequence desc
      on conflict (user_id) do update
        set balance = excluded.balance, version = excluded.version, updated_at = excluded.updated_at
    ), movements as (
      insert into points_movements (user_id, sequence, kind, points, balance, order_id, campaign_id, created_at)
      select user_id, sequence, kind, points, balance, id, campaign_id, at from moved
      returning *
    )
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select 'points.moved', 1, 'points', user_id::text, sequence, user_id, 'system:rewards.settle', to_jsonb(movements),
           created_at
    from movements order by created_at, sequence`;
}

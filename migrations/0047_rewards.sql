-- A promotion for one customer alone.
alter table promotions
  add column user_id uuid,
  add constraint promotions_user_id_fkey foreign key (user_id) references users not valid;

-- Campaigns: which orders earn points, how many, while they run. `per_amount` is [{"currency", "amount"}]: in these currencies alone.
create table campaigns (
  id          uuid primary key,
  name        text not null,
  points      integer not null check (points > 0),
  per_amount  jsonb not null,
  skus        text[] not null default '{}',
  categories  text[] not null default '{}',
  active      boolean not null,
  starts_at   timestamptz not null,
  ends_at     timestamptz,
  version     integer not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null,
  check (ends_at > starts_at)
);

-- A customer's points: what all of their movements sum to. Less than nothing where what earned them went back after they
-- were spent. `version` is the sequence of the latest movement.
create table points_accounts (
  user_id     uuid primary key references users,
  balance     bigint not null default 0,
  version     integer not null default 0,
  updated_at  timestamptz not null
);

-- Append-only. Whoever writes here holds the account's row. What is spent must be there: only what comes back may leave less
-- than nothing.
create table points_movements (
  user_id        uuid not null references points_accounts,
  sequence       integer not null,
  kind           text not null check (kind in ('earned', 'reversed', 'redeemed', 'adjusted')),
  points         bigint not null,
  -- After it.
  balance        bigint not null,
  order_id       uuid,
  campaign_id    uuid,
  redemption_id  uuid,
  reason         text,
  created_at     timestamptz not null,
  primary key (user_id, sequence),
  check (case kind when 'earned' then points > 0 when 'adjusted' then points <> 0 else points < 0 end),
  check ((order_id is not null) = (kind in ('earned', 'reversed')) and (campaign_id is not null) = (order_id is not null)),
  check ((redemption_id is not null) = (kind = 'redeemed')),
  check ((reason is not null) = (kind = 'adjusted')),
  constraint points_movements_covered_check check (kind in ('earned', 'reversed') or points > 0 or balance >= 0)
);
create trigger points_movements_append_only before update or delete on points_movements
  for each statement execute function refuse_change();

-- What an order earned by a campaign: all of it, as long as all of its money is there, and what it has now. Which campaigns
-- an order has is decided once, when it is first paid.
create table order_points (
  order_id     uuid not null references orders,
  campaign_id  uuid not null references campaigns,
  full_points  bigint not null check (full_points > 0),
  points       bigint not null check (points between 0 and full_points),
  primary key (order_id, campaign_id)
);
create index order_points_campaign on order_points (campaign_id, order_id desc);

-- What points are good for: a coupon of the customer's own. `redeemed` counts as a promotion's.
create table rewards (
  id                uuid primary key,
  name              text not null,
  points            integer not null check (points > 0),
  valid_days        integer not null check (valid_days > 0),
  percent_off       numeric(5, 2) check (percent_off > 0 and percent_off <= 100),
  amount_off        jsonb,
  minimum_subtotal  jsonb,
  skus              text[] not null default '{}',
  categories        text[] not null default '{}',
  active            boolean not null,
  starts_at         timestamptz not null,
  ends_at           timestamptz,
  max_redemptions   integer,
  max_per_customer  integer check (max_per_customer > 0),
  redeemed          integer not null default 0,
  version           integer not null,
  created_at        timestamptz not null,
  updated_at        timestamptz not null,
  check ((percent_off is null) <> (amount_off is null)),
  check (ends_at > starts_at),
  constraint rewards_redeemed_check check (redeemed >= 0 and redeemed <= max_redemptions)
);

create table reward_redemptions (
  id            uuid primary key,
  reward_id     uuid not null references rewards,
  user_id       uuid not null references points_accounts,
  promotion_id  uuid not null unique references promotions,
  points        integer not null,
  created_at    timestamptz not null
);
create index reward_redemptions_reward on reward_redemptions (reward_id, id desc);
create index reward_redemptions_user on reward_redemptions (user_id, id desc);

-- Readers of the log. A position is drawn before its transaction commits, so positions become visible out of order.
-- What is missing between two positions is either still under way or was rolled back. A reader tells which by the
-- transactions that run: whoever draws a position has a transaction id by then, so once every transaction that ran
-- when the gap was seen has ended, what is missing will never come (src/platform/log_horizon.ts).
-- CASE fixes the order: first the transaction's id, then the position.
alter table events alter position drop identity;
create sequence events_position_seq owned by events.position;
select setval('events_position_seq', coalesce(max(position), 0) + 1, false) from events;
alter table events alter position set default
  case when pg_current_xact_id() is not null then nextval('events_position_seq') end;
-- Ids of transactions begin anew when a database is restored elsewhere; positions do not.
alter table events drop column transaction_id;
-- W3C Trace Context of the request or job that made the event, so that a trace goes on behind the log.
alter table events add column traceparent text check (length(traceparent) = 55);
create index events_user_position on events (user_id, position) where user_id is not null;
-- The hold and the shipment of an order.
create index stock_movements_order on stock_movements (order_id) where order_id is not null;

-- How far each reader has come: everything up to `position` is done. Moved in the transaction of what the reader
-- does, or else under a lease (`owner`), where that is outside of the database.
create table log_readers (
  name        text not null,
  shard       smallint not null default 0,
  position    bigint not null default 0 check (position >= 0),
  owner       uuid,
  owned_until timestamptz,
  updated_at  timestamptz not null default now(),
  primary key (name, shard)
);
-- What was there before these readers does not make jobs or deliveries; Kafka gets the log from its beginning.
insert into log_readers (name, position)
  select name, (select coalesce(max(position), 0) from events) from unnest(array['jobs', 'webhooks']) as name;
insert into log_readers (name, shard) select 'kafka', n from generate_series(0, 15) as n;

-- Which of the 16 shards of a reader an aggregate's events belong to. Must never change: a reader's position is
-- kept by shard.
create function shard_of(aggregate_id text) returns smallint language sql immutable parallel safe
  return ('x' || substr(md5(aggregate_id), 1, 8))::bit(32)::int & 15;

-- Events that could not be sent to Kafka at their turn, and those that wait behind them. `dead`: given up, until
-- staff replay or discard it.
create table outbox (
  position        bigint primary key references events,
  shard           smallint not null,
  message_key     text not null,
  status          text not null default 'held' check (status in ('held', 'dead')),
  attempts        integer not null default 0 check (attempts >= 0),
  next_attempt_at timestamptz not null default now(),
  error           text,
  created_at      timestamptz not null default now(),
  dead_at         timestamptz,
  check ((status = 'dead') = (dead_at is not null))
);
create index outbox_held on outbox (shard, message_key, position) where status = 'held';
create index outbox_dead on outbox (position desc) where status = 'dead';

-- The log: every change appends its event in the transaction that makes it true. Kafka, webhooks, the live
-- stream and GET /v1/events only read it.
create table events (
  -- Handed out before the commit, so positions can become visible out of order: a reader takes only rows
  -- whose transaction_id lies below pg_snapshot_xmin(pg_current_snapshot()).
  position       bigint generated always as identity primary key,
  transaction_id xid8 not null default pg_current_xact_id(),
  -- For readers to tell repeats by. Random enough to need no index to be unique.
  id             uuid not null default gen_random_uuid(),
  type           text not null check (type ~ '^[a-z_]+\.[a-z_]+$'),
  version        smallint not null check (version > 0),
  aggregate_type text not null,
  aggregate_id   text not null,
  -- 1, 2, 3 … without a gap per aggregate: the version of the aggregate that this event made.
  sequence       integer not null check (sequence > 0),
  -- Whose it is: decides who may read it. Null: staff only.
  user_id        uuid,
  actor          text not null,
  request_id     text,
  data           jsonb not null,
  occurred_at    timestamptz not null,
  constraint events_aggregate_sequence_key unique (aggregate_type, aggregate_id, sequence)
);

-- Raises when a statement that must be all or nothing finds its guard broken; PostgreSQL then undoes the
-- whole statement. WB001 is ours: class "WB" is used by no standard SQLSTATE.
create function guard(holds boolean, what text) returns boolean language plpgsql immutable as $$
begin
  if holds then return true; end if;
  raise exception 'guard broken: %', what using errcode = 'WB001';
end $$;

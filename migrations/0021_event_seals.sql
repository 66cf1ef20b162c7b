-- A chain over the log, for whoever must be sure that it was not rewritten: each seal is the SHA-256 of the seal before
-- and of the events since (src/events/seals/queries.ts). An event of a sealed stretch that is changed, added or removed
-- no longer fits its seal, and a seal that is made to fit no longer fits the next one, or the copy that was kept of it.
create table event_seals (
  -- The last event of the stretch.
  position  bigint primary key,
  -- The last event of the stretch before; 0 for the first. Each stretch has one that follows.
  since     bigint not null unique,
  events    integer not null check (events > 0),
  hash      bytea not null check (length(hash) = 32),
  sealed_at timestamptz not null default now(),
  check (position > since)
);
create trigger events_append_only before update or delete on events for each statement execute function refuse_change();
create trigger event_seals_append_only before update or delete on event_seals
  for each statement execute function refuse_change();

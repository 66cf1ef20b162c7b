-- The record of a creating call, committed with its effect. The key's scope is (actor, route), so another's
-- key never shows another's answer.
create table idempotency_keys (
  actor        text not null,
  route        text not null,
  key          text not null check (length(key) between 1 and 255),
  request_hash bytea not null check (length(request_hash) = 32),
  -- The first answer: its body, or the event whose data it is (an order's answer is its order.created).
  response     text,
  event_id     uuid,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz not null default now() + interval '24 hours',
  primary key (actor, route, key),
  check (num_nonnulls(response, event_id) = 1)
);
create index idempotency_keys_expiry on idempotency_keys (expires_at);

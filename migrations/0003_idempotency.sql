-- The record of a creating call, committed with its effect. The key's scope is (actor, route), so another's
-- key never shows another's answer.
create table idempotency_keys (
  actor        text not null,
  route        text not null,
  key          text not null check (length(key) between 1 and 255),
  -- SHA-256 of what was asked, in hexadecimal.
  request_hash text not null check (request_hash ~ '^[0-9a-f]{64}$'),
  -- The first answer: as it was, or the order whose order.created event holds it.
  response     text,
  order_id     uuid,
  created_at   timestamptz not null default now(),
  expires_at   timestamptz not null default now() + interval '24 hours',
  primary key (actor, route, key),
  check (num_nonnulls(response, order_id) = 1)
);
create index idempotency_keys_expiry on idempotency_keys (expires_at);

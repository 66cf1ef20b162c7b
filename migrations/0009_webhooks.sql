-- Where other systems want to be told. Secrets are encrypted (JWE) with a key made from SECRET_KEY.
create table webhook_endpoints (
  id                    uuid primary key,
  url                   text not null check (url ~ '^https?://' and length(url) <= 2000),
  description           text check (length(description) <= 500),
  -- 'order.created', 'order.*' or '*'.
  event_types           text[] not null check (cardinality(event_types) between 1 and 50),
  secret                text not null,
  -- Signs along until then, after a rotation.
  previous_secret       text,
  previous_secret_until timestamptz,
  status                text not null default 'enabled' check (status in ('enabled', 'disabled')),
  disabled_reason       text,
  version               integer not null default 1 check (version > 0),
  created_at            timestamptz not null,
  updated_at            timestamptz not null,
  check ((previous_secret is null) = (previous_secret_until is null))
);

-- One event for one endpoint. Its message id is the event's, so a receiver can tell repeats.
create table webhook_deliveries (
  id              uuid primary key,
  endpoint_id     uuid not null references webhook_endpoints on delete cascade,
  -- Null: a test ping.
  event_position  bigint references events,
  event_type      text not null,
  status          text not null default 'pending' check (status in ('pending', 'succeeded', 'failed')),
  attempts        integer not null default 0 check (attempts >= 0),
  next_attempt_at timestamptz,
  created_at      timestamptz not null,
  finished_at     timestamptz,
  unique (endpoint_id, event_position),
  check ((status = 'pending') = (finished_at is null))
);
create index webhook_deliveries_endpoint on webhook_deliveries (endpoint_id, id desc);
create index webhook_deliveries_finished on webhook_deliveries (finished_at) where finished_at is not null;

create table webhook_attempts (
  delivery_id     uuid not null references webhook_deliveries on delete cascade,
  attempt         integer not null check (attempt > 0),
  attempted_at    timestamptz not null,
  duration_ms     integer not null check (duration_ms >= 0),
  response_status integer,
  -- The first kilobyte.
  response_body   text,
  error           text,
  primary key (delivery_id, attempt)
);

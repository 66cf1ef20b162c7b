-- A payment is stored before its provider hears of it, and its id is the provider's idempotency key: whatever is killed in
-- between, asking again finds the same charge.
create table payments (
  id                 uuid primary key,
  order_id           uuid not null references orders,
  provider           text not null check (provider ~ '^[a-z_]{1,40}$'),
  -- created: the provider may or may not have heard of it. requires_action: the customer's turn (3-D Secure).
  status             text not null default 'created' check (status in
    ('created', 'requires_action', 'processing', 'authorised', 'captured', 'failed', 'voided')),
  currency           text not null check (currency ~ '^[A-Z]{3}$'),
  amount             bigint not null check (amount > 0),
  capture_method     text not null default 'automatic' check (capture_method in ('automatic', 'manual')),
  -- What the provider was told to charge, by the provider's own token: never a card number.
  payment_method     text not null check (length(payment_method) between 1 and 255),
  return_url         text check (length(return_url) <= 2000),
  provider_reference text,
  -- Where the customer goes next, while status is requires_action.
  redirect_url       text,
  amount_authorised  bigint not null default 0 check (amount_authorised >= 0),
  amount_captured    bigint not null default 0 check (amount_captured >= 0),
  -- Refunds that are under way, and those that are done.
  amount_refunding   bigint not null default 0 check (amount_refunding >= 0),
  amount_refunded    bigint not null default 0 check (amount_refunded >= 0),
  failure_code       text,
  failure_message    text,
  -- From when on a sweeper asks the provider what became of it; null: nothing is in doubt.
  check_at           timestamptz,
  checks             integer not null default 0,
  actor              text not null,
  version            integer not null default 1 check (version > 0),
  created_at         timestamptz not null,
  updated_at         timestamptz not null,
  constraint payments_authorised_check check (amount_authorised <= amount),
  constraint payments_captured_check check (amount_captured <= amount_authorised),
  constraint payments_refunded_check check (amount_refunded + amount_refunding <= amount_captured)
);
create index payments_order on payments (order_id, id);
create unique index payments_reference_key on payments (provider, provider_reference) where provider_reference is not null;
create index payments_check on payments (check_at) where check_at is not null;

create table captures (
  id                 uuid primary key,
  payment_id         uuid not null references payments,
  amount             bigint not null check (amount > 0),
  status             text not null default 'pending' check (status in ('pending', 'succeeded', 'failed')),
  failure_message    text,
  created_at         timestamptz not null,
  updated_at         timestamptz not null
);
create index captures_payment on captures (payment_id, id);
-- One call to the provider about a payment at a time.
create unique index captures_pending_key on captures (payment_id) where status = 'pending';

create table refunds (
  id                 uuid primary key,
  order_id           uuid not null references orders,
  -- Null: of money that staff recorded as paid, which they give back themselves.
  payment_id         uuid references payments,
  -- The return it settles.
  return_id          uuid,
  currency           text not null check (currency ~ '^[A-Z]{3}$'),
  amount             bigint not null check (amount > 0),
  -- What it gives back, by its parts: goods, shipping, duty, tax; what is left over was owed to the customer anyway.
  goods_amount       bigint not null default 0 check (goods_amount >= 0),
  shipping_amount    bigint not null default 0 check (shipping_amount >= 0),
  duty_amount        bigint not null default 0 check (duty_amount >= 0),
  tax_amount         bigint not null default 0 check (tax_amount >= 0),
  -- [{ "line", "quantity" }, …] where it is for certain lines.
  items              jsonb not null default '[]' check (jsonb_typeof(items) = 'array'),
  reason             text not null check (length(reason) between 1 and 500),
  status             text not null default 'pending' check (status in ('pending', 'succeeded', 'failed')),
  provider_reference text,
  failure_message    text,
  attempts           integer not null default 0,
  next_attempt_at    timestamptz,
  actor              text not null,
  version            integer not null default 1 check (version > 0),
  created_at         timestamptz not null,
  updated_at         timestamptz not null,
  check (goods_amount + shipping_amount + duty_amount + tax_amount <= amount)
);
create index refunds_order on refunds (order_id, id);
create index refunds_payment on refunds (payment_id) where payment_id is not null;
create index refunds_due on refunds (next_attempt_at) where status = 'pending' and next_attempt_at is not null;

-- What providers told us, once each, as they told it: worked on by a job.
create table payment_webhooks (
  provider     text not null,
  event_id     text not null check (length(event_id) between 1 and 255),
  payload      jsonb not null,
  received_at  timestamptz not null,
  processed_at timestamptz,
  primary key (provider, event_id)
);
create index payment_webhooks_received on payment_webhooks (received_at);

-- The sandbox provider's own books, as if they stood at a bank: never read by anything but the sandbox.
create table sandbox_charges (
  -- Our payment's id: what a real provider calls the idempotency key.
  id              uuid primary key,
  reference       text not null unique,
  payment_method  text not null,
  currency        text not null,
  amount          bigint not null,
  status          text not null check (status in ('requires_action', 'processing', 'authorised', 'captured', 'failed', 'voided')),
  capture_method  text not null,
  return_url      text,
  amount_captured bigint not null default 0,
  amount_refunded bigint not null default 0,
  check (amount_captured <= amount and amount_refunded <= amount_captured)
);
create table sandbox_operations (
  -- The capture's or refund's id.
  id        uuid primary key,
  charge_id uuid not null references sandbox_charges,
  kind      text not null check (kind in ('capture', 'refund', 'void')),
  amount    bigint not null,
  reference text not null
);

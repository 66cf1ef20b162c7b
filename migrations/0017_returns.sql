create table returns (
  id         uuid primary key,
  order_id   uuid not null references orders,
  status     text not null default 'requested' check (status in
    ('requested', 'approved', 'rejected', 'received', 'refunded', 'cancelled')),
  reason     text not null check (length(reason) between 1 and 500),
  -- Why it was rejected, or what was found when it was received.
  staff_note text check (length(staff_note) <= 2000),
  refund_id  uuid references refunds,
  actor      text not null,
  version    integer not null default 1 check (version > 0),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check (status <> 'refunded' or refund_id is not null)
);
create index returns_order on returns (order_id, id);
create index returns_status on returns (status, id desc);
create table return_items (
  return_id   uuid not null references returns,
  line        smallint not null,
  quantity    integer not null check (quantity > 0),
  -- Of those that came back: put on the shelf again, or not fit for sale.
  restocked   integer not null default 0 check (restocked >= 0),
  written_off integer not null default 0 check (written_off >= 0),
  primary key (return_id, line),
  check (restocked + written_off <= quantity)
);

-- E-mails to users. Each is written once per order and template, whatever is repeated.
create table notifications (
  id         uuid primary key,
  user_id    uuid not null references users,
  order_id   uuid not null references orders,
  template   text not null check (template in ('order_confirmed', 'order_expired', 'order_cancelled')),
  recipient  text not null,
  subject    text not null,
  body       text not null,
  -- kept: no SMTP was configured, it can be read through the API. failed: every attempt was refused.
  status     text not null check (status in ('kept', 'queued', 'sent', 'failed')),
  error      text,
  created_at timestamptz not null,
  sent_at    timestamptz,
  unique (order_id, template),
  check ((status = 'sent') = (sent_at is not null))
);
create index notifications_user_id on notifications (user_id, id desc);

-- What a browser opens a live stream with instead of a token in the URL: short-lived, used once. Only SHA-256 is kept.
create table stream_tickets (
  hash       bytea primary key check (length(hash) = 32),
  user_id    uuid not null references users,
  expires_at timestamptz not null
);
create index stream_tickets_expiry on stream_tickets (expires_at);

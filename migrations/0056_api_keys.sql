-- For programs: a secret that acts as a member of staff, with their role of that moment, until it is revoked or expires.
create table api_keys (
  id           uuid primary key,
  user_id      uuid not null references users,
  name         text not null check (length(name) between 1 and 200),
  -- SHA-256 of the key, which is shown once: a stolen table opens no door.
  hash         bytea not null unique check (length(hash) = 32),
  -- The key's first characters, to tell keys apart by.
  prefix       text not null,
  expires_at   timestamptz,
  -- To the hour.
  last_used_at timestamptz,
  revoked_at   timestamptz,
  created_at   timestamptz not null,
  updated_at   timestamptz not null
);
create index api_keys_user on api_keys (user_id, id);

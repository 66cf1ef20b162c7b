-- Who may do what. An e-mail address is one person whatever its case (RFC 5321 allows a case-sensitive
-- local part; no provider uses it, and people mistype it).
create table users (
  id            uuid primary key,
  email         text not null check (length(email) between 3 and 254),
  name          text check (length(name) between 1 and 200),
  -- argon2id in PHC form; null until the person sets a password (accounts made by staff).
  password_hash text check (password_hash like '$argon2id$%'),
  role          text not null default 'customer' check (role in ('customer', 'staff', 'admin')),
  disabled_at   timestamptz,
  version       integer not null default 1 check (version > 0),
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now()
);
create unique index users_email_key on users (lower(email));
create index users_role_id on users (role, id desc) where role <> 'customer';

-- A login starts a family; each refresh replaces the family's one live token. A token used twice kills the
-- family, because one of the two users is a thief (OAuth 2.0 Security BCP, RFC 9700 §4.14.2).
create table refresh_families (
  id         uuid primary key,
  user_id    uuid not null references users,
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  revoked_for text check (revoked_for in ('logout', 'reuse', 'password_changed', 'disabled', 'role_changed')),
  check ((revoked_at is null) = (revoked_for is null))
);
create index refresh_families_user on refresh_families (user_id) where revoked_at is null;

-- Only SHA-256 of a token is kept: a stolen table opens no door.
create table refresh_tokens (
  hash       bytea primary key check (length(hash) = 32),
  family_id  uuid not null references refresh_families on delete cascade,
  expires_at timestamptz not null,
  used_at    timestamptz
);
create index refresh_tokens_family on refresh_tokens (family_id);
create index refresh_tokens_expiry on refresh_tokens (expires_at);

-- Single-use invitations to set a password, for accounts made by staff and for forgotten passwords.
create table password_tokens (
  hash       bytea primary key check (length(hash) = 32),
  user_id    uuid not null references users,
  expires_at timestamptz not null,
  used_at    timestamptz
);
create index password_tokens_user on password_tokens (user_id);
create index password_tokens_expiry on password_tokens (expires_at);

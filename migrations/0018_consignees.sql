-- Who receives the goods, as some customs want it: name and identity number. Only ever stored encrypted (AES-256-GCM under
-- a key from the environment); what may be shown is kept beside it.
create table consignees (
  order_id   uuid primary key references orders,
  id_type    text not null check (length(id_type) between 1 and 40),
  -- The number but for its last characters, and the name but for its initials, are covered.
  masked_name text not null,
  masked_id  text not null,
  key_id     text not null,
  -- Nonce, ciphertext and tag.
  sealed     bytea not null,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

-- What a key may do, as `orders:read`; null: all that its user may.
alter table api_keys add column scopes text[] check (cardinality(scopes) > 0);

-- no transaction
-- Refunds by what a provider's statement calls them. No update of a refund was ever HOT: it writes status and next_attempt_at,
-- which are indexed, along. Those of payments are found by payments_reference_key.
create index concurrently refunds_reference on refunds (provider_reference) where provider_reference is not null;

-- no transaction
-- What staff recorded, which finance looks for among all that cards paid. No update ever changes the provider.
create index concurrently payments_manual on payments (provider, id desc) where provider = 'manual';

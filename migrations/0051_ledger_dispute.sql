-- no transaction
create index concurrently if not exists ledger_dispute on ledger (dispute_id) where dispute_id is not null;

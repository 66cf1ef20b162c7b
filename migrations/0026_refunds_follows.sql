-- no transaction
create index concurrently refunds_follows on refunds (follows) where follows is not null;

-- no transaction
-- Refunds that are still to come to something, or have not. Nearly all have succeeded, and are found along the primary key.
create index concurrently refunds_status on refunds (status, id desc) where status in ('pending', 'failed');

-- A capture books its payment's id; its own was never written.
alter table ledger drop column capture_id;

-- no transaction
alter table shipments validate constraint shipments_status_check, validate constraint shipments_cancelled_check;
alter table stock_movements validate constraint stock_movements_kind_check;

-- no transaction
alter table order_items validate constraint order_items_cancelled_check;

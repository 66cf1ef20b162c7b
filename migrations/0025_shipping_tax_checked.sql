-- no transaction
alter table order_items validate constraint order_items_shipping_tax_check;

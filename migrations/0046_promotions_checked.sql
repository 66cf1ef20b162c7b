-- no transaction
alter table orders validate constraint orders_discount_total_check;
alter table order_items
  validate constraint order_items_discount_amount_check, validate constraint order_items_total_check;

-- What placing an order pays for in the database, made less.
--
-- A foreign key from each line to its product, and from each movement to its level, is a look-up and a lock on a row
-- that all buyers of a product share. The statement that writes them has read or changed those rows already; what is
-- left to hold is that none of them goes away, and that is said once instead.
alter table order_items drop constraint order_items_product_id_fkey;
alter table stock_movements drop constraint stock_movements_sku_location_fkey;

create function refuse_deletion() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are never deleted: orders and ledgers hold on to them', tg_table_name
    using errcode = 'restrict_violation';
end $$;
create trigger products_stay before delete on products for each row execute function refuse_deletion();
create trigger stock_levels_stay before delete on stock_levels for each row execute function refuse_deletion();

-- Every order begins UNPAID and UNFULFILLED, and those that were cancelled or expired stay so: such orders are found
-- along the primary key. Only the others need an index, which a new order is not in.
drop index orders_payment_status_id;
create index orders_payment_status_id on orders (payment_status, id desc) where payment_status <> 'UNPAID';
drop index orders_fulfilment_status_id;
create index orders_fulfilment_status_id on orders (fulfilment_status, id desc) where fulfilment_status <> 'UNFULFILLED';

-- What of a line's tax is on its shipping: a refund of its units without shipping leaves that, and only the law's base of the
-- tax says how much it is. Null: of an order from before, whose share is taken to be in proportion.
alter table order_items
  add column shipping_tax_amount bigint,
  add constraint order_items_shipping_tax_check check (shipping_tax_amount between 0 and tax_amount) not valid;

-- A refund that no single payment has enough for is one of the first payment, and others that follow it: they are sent once
-- it has succeeded, and fail with it.
alter table refunds add column follows uuid references refunds;

-- A return whose units had been refunded before they came back ends refunded without a refund of its own.
alter table returns drop constraint returns_check;

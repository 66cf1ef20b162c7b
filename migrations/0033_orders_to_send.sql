-- no transaction
-- Orders that are paid and not sent: what a warehouse asks for, among all that it has sent.
create index concurrently orders_to_send on orders (id desc)
  where payment_status = 'PAID' and fulfilment_status = 'UNFULFILLED';

-- An order may have several shipments and refunds, each told of by a mail of its own. Null: the mail is about the order.
-- An old worker's job fails between this and its end, since it names the constraint that is gone; it is tried again.
alter table notifications add column subject_id uuid;
alter table notifications drop constraint notifications_template_check;
alter table notifications add constraint notifications_template_check check
  (template in ('order_confirmed', 'order_expired', 'order_cancelled', 'order_shipped', 'refund_sent'));
alter table notifications drop constraint notifications_order_id_template_key;
alter table notifications add unique nulls not distinct (order_id, template, subject_id);

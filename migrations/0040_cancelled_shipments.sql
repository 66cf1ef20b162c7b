-- A shipment that was recorded by mistake never left: it is cancelled, and its units are there and held again. A process of
-- the release before, which knows nothing of that, could only take it for delivered: `cancelled_at` has that refused.
alter table shipments
  add column cancelled_at timestamptz,
  drop constraint shipments_status_check,
  add constraint shipments_status_check check (status in ('shipped', 'delivered', 'cancelled')) not valid,
  add constraint shipments_cancelled_check check ((status = 'cancelled') = (cancelled_at is not null)) not valid;
alter table stock_movements
  drop constraint stock_movements_kind_check,
  add constraint stock_movements_kind_check check (case kind
    when 'receipt'            then on_hand_delta > 0 and reserved_delta = 0
    when 'adjustment'         then on_hand_delta <> 0 and reserved_delta = 0
    when 'return'             then on_hand_delta > 0 and reserved_delta = 0
    when 'reservation'        then on_hand_delta = 0 and reserved_delta > 0
    when 'release'            then on_hand_delta = 0 and reserved_delta < 0
    when 'shipment'           then on_hand_delta < 0 and reserved_delta = on_hand_delta
    when 'shipment_cancelled' then on_hand_delta > 0 and reserved_delta = on_hand_delta
    else false end) not valid;

-- Money that a provider cannot give back, to a closed account, say, is given back by staff in another way. That counts
-- against the payment like any refund of it, or it would be given twice; but its provider knows nothing of it.
alter table payments
  add column amount_refunded_manually bigint not null default 0,
  add constraint payments_refunded_manually_check
    check (amount_refunded_manually between 0 and amount_refunded) not valid;
alter table refunds add column manual boolean not null default false;
update refunds set manual = true where payment_id is null;

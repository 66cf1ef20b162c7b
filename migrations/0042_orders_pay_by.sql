-- Until when staff let its customer pay, as for a bank transfer: what no promise of money that falls through makes shorter.
alter table orders add column pay_by timestamptz;

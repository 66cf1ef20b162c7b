-- no transaction
alter table payments validate constraint payments_refunded_manually_check;

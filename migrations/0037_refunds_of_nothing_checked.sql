-- no transaction
alter table refunds validate constraint refunds_amount_check;

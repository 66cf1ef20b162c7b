-- Units that cost nothing, a gift say, are refunded for nothing where they are not to be sent any more: so that they are
-- not waited for, and their stock is free.
alter table refunds
  drop constraint refunds_amount_check,
  add constraint refunds_amount_check
    check (amount > 0 or (amount = 0 and payment_id is null and items <> '[]')) not valid;

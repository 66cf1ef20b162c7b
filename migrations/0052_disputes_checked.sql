-- no transaction
alter table payments validate constraint payments_disputed_check;
alter table ledger
  validate constraint ledger_balances, validate constraint ledger_kind_check, validate constraint ledger_dispute_check;

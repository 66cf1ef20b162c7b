-- Goods that cost so much or more, in the option's currency, are sent for nothing; null: none are.
alter table shipping_options add column free_from bigint check (free_from > 0);

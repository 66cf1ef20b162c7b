-- no transaction
-- By the trigger. On its own, so that nobody waits for the table meanwhile: only who changes a product waits for it.
update products set name = name where search_plain is null;

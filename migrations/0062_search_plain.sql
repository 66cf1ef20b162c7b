-- no transaction
create index concurrently if not exists products_search_plain on products using gin (search_plain);

-- no transaction
-- The categories of what is for sale, in their order, each counted: along products_category_id that would read the products.
create index concurrently if not exists products_active_category on products (category) where status = 'active' and category is not null;

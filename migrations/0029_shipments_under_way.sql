-- no transaction
-- What is on its way. Once it is delivered it leaves the index, and is found along the primary key.
create index concurrently shipments_under_way on shipments (id desc) where status = 'shipped';

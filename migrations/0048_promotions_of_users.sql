-- no transaction
create index concurrently promotions_user on promotions (user_id, id desc) where user_id is not null;

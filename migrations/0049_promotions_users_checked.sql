-- no transaction
alter table promotions validate constraint promotions_user_id_fkey;

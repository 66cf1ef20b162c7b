-- no transaction
create index concurrently if not exists users_guest_email on users (lower(guest_email), id) where guest_email is not null;

-- no transaction
alter table users
  validate constraint users_guest_email_check, validate constraint users_address_check,
  validate constraint users_guest_check;

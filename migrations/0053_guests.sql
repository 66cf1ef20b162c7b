-- Guests: customers who buy without a login. An address is one account's, but any number of guests' as well: so theirs is
-- a column of its own, until they register.
alter table users
  alter column email drop not null,
  add column guest_email text,
  add constraint users_guest_email_check check (length(guest_email) between 3 and 254) not valid,
  add constraint users_address_check check ((email is null) <> (guest_email is null)) not valid,
  add constraint users_guest_check check (guest_email is null or (role = 'customer' and password_hash is null)) not valid;

-- no transaction
-- Orders that owe their customer money: what finance asks for. They are few at any time, since what providers hold goes back
-- by itself. Whatever changes amount_due nearly always changes payment_status or status along, which are indexed.
create index concurrently orders_owed on orders (id desc) where amount_due < 0;

-- What the lists of payments, refunds and shipments are found by. Their order is the primary key's (UUIDv7), and a time of
-- creation is a range of it; an order's own, and what a provider calls by a reference, have indexes already.

-- Payments that staff look for by status: reserved, declined, let go. A payment that is captured at once, as most are, is
-- never in it. Those that wait (created, requires_action, processing) are in payments_check, since they have a check_at.
-- What a charge answers was no HOT update before: it writes provider_reference and check_at, which are indexed, along.
create index payments_status on payments (status, id desc) where status in ('authorised', 'failed', 'voided');

-- Refunds that are still to come to something, or have not. Nearly all have succeeded, and are found along the primary key.
create index refunds_status on refunds (status, id desc) where status in ('pending', 'failed');

-- What is on its way. Once it is delivered it leaves the index, and is found along the primary key.
create index shipments_under_way on shipments (id desc) where status = 'shipped';

-- "Where is parcel …?": a carrier's number may be given to several shipments, or again after some years.
create index shipments_tracking on shipments (tracking_number, id desc) where tracking_number is not null;

-- A return whose units had been refunded before they came back ends refunded without a refund of its own.
alter table returns drop constraint returns_check;

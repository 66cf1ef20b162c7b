-- no transaction
-- "Where is parcel …?": a carrier's number may be given to several shipments, or again after some years.
create index concurrently shipments_tracking on shipments (tracking_number, id desc) where tracking_number is not null;

-- no transaction
-- Mails that are on their way, or that no server took: what staff look for once one is back. Nearly all were sent or kept.
create index concurrently notifications_status on notifications (status, id desc) where status in ('queued', 'failed');

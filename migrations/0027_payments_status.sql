-- no transaction
-- Payments that staff look for by status: reserved, declined, let go. A payment that is captured at once, as most are, is
-- never in it. Those that wait (created, requires_action, processing) are in payments_check, since they have a check_at.
-- An update of the status was never HOT: it writes provider_reference or check_at, which are indexed, along.
create index concurrently payments_status on payments (status, id desc) where status in ('authorised', 'failed', 'voided');

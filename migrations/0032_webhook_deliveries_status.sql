-- no transaction
-- Deliveries that are still to succeed, or never did, among an endpoint's month of those that have.
create index concurrently webhook_deliveries_status on webhook_deliveries (endpoint_id, status, id desc)
  where status in ('pending', 'failed');

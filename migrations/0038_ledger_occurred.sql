-- no transaction
-- What was booked in a span of time, page by page: along ledger_time (brin) each page would read all of the span again. It
-- costs a row of the ledger 110 bytes of WAL and no time that could be measured. Sums of a span run along it too.
create index concurrently ledger_occurred on ledger (occurred_at, id);

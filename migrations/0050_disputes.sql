-- Chargebacks: the customer's bank takes money of a payment back, and whoever wins the dispute has it in the end. While it
-- is open nothing of that money can be refunded; once it is lost a refund books that it is gone.
create table disputes (
  id                 uuid primary key,
  order_id           uuid not null references orders,
  payment_id         uuid not null references payments,
  provider_reference text not null check (length(provider_reference) between 1 and 255),
  -- inquiry: the bank only asks. needs_response, under_review: it has taken the money back until it has decided.
  status             text not null check (status in ('inquiry', 'needs_response', 'under_review', 'won', 'lost', 'closed')),
  currency           text not null check (currency ~ '^[A-Z]{3}$'),
  amount             bigint not null check (amount > 0),
  -- The provider's own word.
  reason             text not null check (length(reason) between 1 and 255),
  evidence_due_by    timestamptz,
  version            integer not null default 1 check (version > 0),
  created_at         timestamptz not null,
  updated_at         timestamptz not null
);
create unique index disputes_reference_key on disputes (provider_reference, payment_id);
create index disputes_payment on disputes (payment_id, id);
create index disputes_order on disputes (order_id, id);
create index disputes_status on disputes (status, id);

-- What open disputes hold of it.
alter table payments
  add column amount_disputed bigint not null default 0,
  add constraint payments_disputed_check check (amount_disputed >= 0) not valid;

-- The lost dispute by which the money is gone.
alter table refunds add column dispute_id uuid;

alter table ledger
  -- What banks hold of our money while disputes are open.
  add column disputed   bigint not null default 0,
  add column dispute_id uuid,
  drop constraint ledger_balances,
  add constraint ledger_balances check (
    receivable + cash_at_provider + revenue + shipping + tax + duty + refunds + store_credit + disputed = 0) not valid,
  drop constraint ledger_kind_check,
  add constraint ledger_kind_check check (case kind
    when 'sale'         then receivable >= 0 and revenue <= 0 and shipping <= 0 and tax <= 0 and duty <= 0
                             and cash_at_provider = 0 and refunds = 0
    -- Of an order that was cancelled or expired: the sale, taken back.
    when 'cancellation' then receivable <= 0 and revenue >= 0 and shipping >= 0 and tax >= 0 and duty >= 0
                             and cash_at_provider = 0 and refunds = 0
    when 'capture'      then cash_at_provider > 0 and receivable = -cash_at_provider
    when 'refund'       then cash_at_provider < 0 and receivable >= 0 and revenue = 0 and refunds >= 0
                             and shipping >= 0 and tax >= 0 and duty >= 0
    -- Taken by the bank, or given back to us.
    when 'dispute'      then cash_at_provider <> 0 and cash_at_provider = -disputed
    else false end) not valid,
  add constraint ledger_dispute_check check ((kind = 'dispute') = (disputed <> 0) and (kind = 'dispute') = (dispute_id is not null))
    not valid;

-- In the sandbox provider's books: a charge's one dispute. What a lost one took is refunded, as far as the bank goes.
create table sandbox_disputes (
  charge_id       uuid primary key references sandbox_charges,
  reference       text not null unique,
  status          text not null check (status in ('inquiry', 'needs_response', 'under_review', 'won', 'lost', 'closed')),
  amount          bigint not null check (amount > 0),
  reason          text not null,
  evidence_due_by timestamptz not null
);

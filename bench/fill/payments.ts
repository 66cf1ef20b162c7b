/** Payments through the sandbox, and the refunds of them. */

import type postgres from "postgres";

export async function writePayments(tx: postgres.TransactionSql): Promise<void> {
  await charge(tx);
  await writeRows(tx);
  await writeEvents(tx);
  await writeRefunds(tx);
}

/** `charged`: a row for each payment. Some cards were declined first; some banks took their time, or refuse to refund. */
async function charge(tx: postgres.TransactionSql): Promise<void> {
  await tx`drop table if exists charged`;
  await tx`
    create temp table charged on commit drop as
    select c.*, coalesce(refunded, 0) as refunded, 'sandbox_' || md5(c.id::text)::uuid as reference,
           case charge when 'declined' then 'failed' else 'captured' end as status,
           case charge when 'manual' then 'manual' else 'automatic' end as capture_method,
           case when charge = 'declined' then 'tok_decline' when charge = 'late' then 'tok_late'
                when g.refund = 'refused' then 'tok_refund_refused' else 'tok_success' end as payment_method,
           case when charge in ('manual', 'late') then 3 else 2 end + (refunded is not null)::int as version
    from (
      select declined_id as id, id as order_id, user_id, actor, at, total_price as amount, 'declined' as charge
      from draft where declined_id is not null
      union all
      select payment_id, id, user_id, actor, at, total_price, charge from draft where payment_id is not null
    ) c
    left join given_back g on g.id = c.order_id and charge <> 'declined'
    cross join lateral (select case when g.refund <> 'refused' then g.amount end as refunded) back`;
  await tx`analyze charged`;
}

async function writeRows(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into payments (id, order_id, provider, status, currency, amount, capture_method, payment_method,
                          provider_reference, amount_authorised, amount_captured, amount_refunded, failure_code,
                          failure_message, actor, version, created_at, updated_at)
    select id, order_id, 'sandbox', status, 'EUR', amount, capture_method, payment_method, reference, taken, taken, refunded,
           case status when 'failed' then 'card_declined' end, case status when 'failed' then 'The card was declined.' end,
           actor, version, at, at
    from charged, lateral (select case status when 'captured' then amount else 0 end as taken) money
    order by id`;
  await tx`
    insert into captures (id, payment_id, amount, status, created_at, updated_at)
    select pg_temp.id_at(at, id || 'capture'), id, amount, 'succeeded', at, at from charged where charge = 'manual'
    order by id`;
  await tx`
    insert into sandbox_charges (id, reference, payment_method, currency, amount, status, capture_method, amount_captured,
                                 amount_refunded)
    select id, reference, payment_method, 'EUR', amount, status, capture_method,
           case status when 'captured' then amount else 0 end, refunded
    from charged order by id`;
  await tx`
    insert into sandbox_operations (id, charge_id, kind, amount, reference)
    select id, payment_id, 'capture', amount, 'cap_' || md5(id::text)::uuid
    from captures where payment_id in (select id from charged)
    union all
    select d.refund_id, d.payment_id, 'refund', g.amount, 'refund_' || md5(d.refund_id::text)::uuid
    from draft d join given_back g on g.id = d.id where g.refund <> 'refused'`;
  await tx`
    insert into payment_webhooks (provider, event_id, payload, received_at, processed_at)
    select 'sandbox', 'evt_' || md5(id::text), jsonb_build_object(
             'type', 'charge.settled', 'reference', reference, 'payment_id', null), at, at
    from charged where charge = 'late' and at > now() - interval '30 days'`;
}

async function writeEvents(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select step.type, 1, 'payment', p.id::text, sequence, c.user_id,
           case when step.type = 'payment.refunded' or step.taken and c.charge = 'manual' then 'system:bench' else p.actor end,
           to_jsonb(p) - array['payment_method', 'return_url', 'actor', 'check_at', 'checks'] || jsonb_build_object(
             'status', step.status, 'version', sequence,
             'amount_authorised', case when step.reserved then p.amount else 0 end,
             'amount_captured', case when step.taken then p.amount else 0 end,
             'amount_refunded', case step.type when 'payment.refunded' then p.amount_refunded else 0 end,
             'provider_reference', case when sequence > 1 then p.provider_reference end,
             'failure_code', case step.status when 'failed' then p.failure_code end,
             'failure_message', case step.status when 'failed' then p.failure_message end),
           p.created_at
    from charged c join payments p on p.id = c.id
    join (values ('{declined,captured,manual,late}'::text[], 1, 'payment.created', 'created', false, false),
                 ('{declined}', 2, 'payment.failed', 'failed', false, false),
                 ('{captured}', 2, 'payment.captured', 'captured', true, true),
                 ('{manual}', 2, 'payment.authorised', 'authorised', true, false),
                 ('{late}', 2, 'payment.updated', 'processing', false, false),
                 ('{manual,late}', 3, 'payment.captured', 'captured', true, true),
                 ('{captured}', 3, 'payment.refunded', 'captured', true, true),
                 ('{manual,late}', 4, 'payment.refunded', 'captured', true, true))
      as step (charges, sequence, type, status, reserved, taken) on c.charge = any(charges) and sequence <= c.version
    order by p.id, sequence`;
}

async function writeRefunds(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into refunds (id, order_id, payment_id, return_id, currency, amount, goods_amount, shipping_amount, duty_amount,
                         tax_amount, items, reason, status, provider_reference, failure_message, attempts, actor, version,
                         created_at, updated_at)
    select d.refund_id, d.id, d.payment_id, case d.return_status when 'refunded' then d.return_id end, 'EUR', g.amount,
           g.goods, g.shipping, g.duty, g.tax,
           case when g.refund in ('items', 'refused') then '[{"line":1,"quantity":1}]' else '[]' end::jsonb, 'Bench',
           case g.refund when 'refused' then 'failed' else 'succeeded' end,
           'refund_' || case g.refund when 'refused' then d.refund_id else md5(d.refund_id::text)::uuid end,
           case g.refund when 'refused' then 'The bank refused the refund.' end, 1, 'system:bench', 2, d.at, d.at
    from draft d join given_back g on g.id = d.id
    order by d.refund_id`;
  await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select case sequence when 1 then 'refund.created' else 'refund.' || r.status end, 1, 'refund', r.id::text, sequence,
           d.user_id, r.actor,
           to_jsonb(r) - 'actor' || case sequence when 2 then '{}' else jsonb_build_object(
             'status', 'pending', 'version', 1, 'attempts', 0, 'next_attempt_at', r.created_at + interval '30 seconds',
             'provider_reference', null, 'failure_message', null) end,
           r.created_at
    from draft d join refunds r on r.id = d.refund_id cross join generate_series(1, 2) sequence
    order by r.id, sequence`;
}

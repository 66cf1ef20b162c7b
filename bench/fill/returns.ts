/** One unit of the first line comes back, or is to. */

import type postgres from "postgres";

export async function writeReturns(tx: postgres.TransactionSql): Promise<void> {
  await tx`
    insert into returns (id, order_id, status, reason, staff_note, refund_id, actor, version, created_at, updated_at)
    select return_id, id, return_status, 'Bench', case return_status when 'rejected' then 'It was worn' end,
           case return_status when 'refunded' then refund_id end, actor,
           case return_status when 'requested' then 1 when 'received' then 3 when 'refunded' then 4 else 2 end, at, at
    from draft where return_id is not null order by return_id`;
  await tx`
    insert into return_items (return_id, line, quantity, restocked, written_off)
    select return_id, 1, 1, case when spin < 6 then units_returned else 0 end,
           case when spin < 6 then 0 else units_returned end
    from draft where return_id is not null order by return_id`;
  await tx`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select 'return.' || step.status, 1, 'return', r.id::text, sequence, d.user_id,
           case when step.status in ('requested', 'cancelled') then r.actor else 'system:bench' end,
           to_jsonb(r) - array['actor', 'refund_id'] || jsonb_build_object(
             'status', step.status, 'version', sequence,
             'staff_note', case step.status when 'rejected' then r.staff_note end,
             'items', jsonb_build_array(jsonb_build_object(
               'line', i.line, 'quantity', i.quantity, 'restocked', case when sequence > 2 then i.restocked else 0 end,
               'written_off', case when sequence > 2 then i.written_off else 0 end)),
             'refund', case step.status when 'refunded' then jsonb_build_object(
               'id', f.id, 'status', 'pending', 'currency', f.currency, 'amount', f.amount) end),
           r.created_at
    from draft d join returns r on r.id = d.return_id join return_items i on i.return_id = r.id
    left join refunds f on f.id = r.refund_id
    join (values (1, 'requested'), (2, 'approved'), (2, 'rejected'), (2, 'cancelled'), (3, 'received'), (4, 'refunded'))
      as step (sequence, status)
      on sequence <= r.version and (sequence <> 2 or step.status = case when r.version > 2 then 'approved' else r.status end)
    order by r.id, sequence`;
}

import type { Fragment, Sql, Tx } from "../../platform/db.ts";
import { madeWithin } from "../../platform/made_within.ts";
import { disputeClosed } from "../events.ts";
import type { Dispute } from "./dispute.ts";
import type { ListDisputes } from "./list_disputes.ts";

const disputeColumns = (sql: Sql | Tx): Fragment =>
  sql`
    id, order_id, payment_id, provider_reference, status, currency, amount, reason, evidence_due_by, version, created_at,
    updated_at`;

export async function findDispute(sql: Sql, id: string): Promise<Dispute | undefined> {
  const [dispute] = await sql<Dispute[]>`select ${disputeColumns(sql)} from disputes where id = ${id}`;
  return dispute;
}

/** A payment's disputes. The caller holds its row, and so them. */
export async function listDisputesOf(tx: Tx, paymentId: string): Promise<Dispute[]> {
  return await tx<Dispute[]>`
    select ${disputeColumns(tx)} from disputes where payment_id = ${paymentId} order by id`;
}

/** What was lost in a dispute. */
export interface Loss {
  dispute_id: string;
  amount: number;
}

/** What was lost in disputes of a payment and no refund books yet. The caller holds its row. */
export async function listUnbookedLosses(tx: Tx, paymentId: string): Promise<Loss[]> {
  return await tx<Loss[]>`
    select id as dispute_id, amount - booked as amount
    from disputes cross join lateral (
      select coalesce(sum(amount), 0)::bigint as booked from refunds
      where payment_id = disputes.payment_id and dispute_id = disputes.id
    ) booked
    where payment_id = ${paymentId} and status = 'lost'
    order by id`;
}

/** The place in the log where banks last gave back what they held of a payment; 0: never. The caller holds its row. */
export async function findLastReturn(tx: Tx, paymentId: string): Promise<number> {
  const [row] = await tx<{ position: number }[]>`
    select coalesce(max((
      select position from events
      where aggregate_type = ${disputeClosed.aggregate} and aggregate_id = disputes.id::text
        and sequence = disputes.version)), 0)::bigint as position
    from disputes where payment_id = ${paymentId} and status in ('won', 'closed')`;
  return row!.position;
}

/** Writes disputes, new ones and what can change of the others, whose payment's row the caller holds. */
export async function writeDisputes(tx: Tx, disputes: Dispute[]): Promise<void> {
  await tx`
    insert into disputes (${disputeColumns(tx)})
    select ${disputeColumns(tx)} from jsonb_populate_recordset(null::disputes, ${tx.json(disputes as never)})
    on conflict (id) do update
      set status = excluded.status, amount = excluded.amount, reason = excluded.reason,
          evidence_due_by = excluded.evidence_due_by, version = excluded.version, updated_at = excluded.updated_at`;
}

/** One page of disputes, newest first, `limit + 1` rows. */
export async function listDisputeRows(sql: Sql, filter: ListDisputes): Promise<Dispute[]> {
  const { status, order_id, payment_id, provider_reference, cursor, limit, ...span } = filter;
  return await sql<Dispute[]>`
    select ${disputeColumns(sql)} from disputes
    where true ${madeWithin(sql, { id: sql`id`, at: sql`created_at` }, span)}
      ${status === undefined ? sql`` : sql`and status = ${status}`}
      ${order_id === undefined ? sql`` : sql`and order_id = ${order_id}`}
      ${payment_id === undefined ? sql`` : sql`and payment_id = ${payment_id}`}
      ${provider_reference === undefined ? sql`` : sql`and provider_reference = ${provider_reference}`}
      ${cursor === undefined ? sql`` : sql`and id < ${cursor[0]}`}
    order by id desc limit ${limit + 1}`;
}

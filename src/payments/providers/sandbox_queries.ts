import type { Fragment, Sql, Tx } from "../../platform/db.ts";
import type { ChargeRequest, ChargeState, DisputeState } from "./provider.ts";

/** A row of the sandbox's books. Amounts in minor units of the currency. */
export interface SandboxCharge {
  id: string;
  reference: string;
  payment_method: string;
  currency: string;
  amount: number;
  status: ChargeState["status"];
  capture_method: ChargeRequest["captureMethod"];
  return_url: string | null;
  amount_captured: number;
  amount_refunded: number;
}

/** A dispute of a charge, which has one at most. */
export interface SandboxDispute extends Omit<DisputeState, "evidenceDueBy"> {
  charge_id: string;
  evidence_due_by: string;
}

/** A capture, refund or void that is to be done once, by its id. */
export interface SandboxOperation {
  id: string;
  /** The charge's reference. */
  charge: string;
  amount: number;
  currency: string;
  /** The operation's own reference. */
  reference: string;
}

const chargeColumns = (sql: Sql | Tx): Fragment =>
  sql`
    id, reference, payment_method, currency, amount, status, capture_method, return_url, amount_captured,
    amount_refunded`;

/** @returns in their order the charges, undefined for one whose id there is already */
export async function insertCharges(
  sql: Sql | Tx,
  charges: readonly SandboxCharge[],
): Promise<(SandboxCharge | undefined)[]> {
  const inserted = await sql<SandboxCharge[]>`
    insert into sandbox_charges (${chargeColumns(sql)})
    select ${chargeColumns(sql)} from jsonb_populate_recordset(null::sandbox_charges, ${
    sql.json(charges as never)
  })
    order by id on conflict (id) do nothing returning ${chargeColumns(sql)}`;
  const byId = new Map(inserted.map((charge) => [charge.id, charge]));
  return charges.map(({ id }) => {
    const charge = byId.get(id);
    byId.delete(id);
    return charge;
  });
}

export async function findCharge(sql: Sql, id: string): Promise<SandboxCharge | undefined> {
  const [charge] = await sql<SandboxCharge[]>`
    select ${chargeColumns(sql)} from sandbox_charges where id = ${id}`;
  return charge;
}

export async function findChargeByReference(
  sql: Sql,
  reference: string,
): Promise<SandboxCharge | undefined> {
  const [charge] = await sql<SandboxCharge[]>`
    select ${chargeColumns(sql)} from sandbox_charges where reference = ${reference}`;
  return charge;
}

/** Ends what the bank or the customer still had to decide. @returns undefined if it was not in `from` any more */
export async function decideCharge(
  sql: Sql,
  decision: {
    reference: string;
    from: ChargeState["status"];
    to: ChargeState["status"];
    amountCaptured: number;
  },
): Promise<SandboxCharge | undefined> {
  const [charge] = await sql<SandboxCharge[]>`
    update sandbox_charges set status = ${decision.to}, amount_captured = ${decision.amountCaptured}
    where reference = ${decision.reference} and status = ${decision.from} returning ${chargeColumns(sql)}`;
  return charge;
}

/**
 * Takes a part of what is authorised, or all of it.
 *
 * @returns undefined if it cannot be done, any more or at all
 * @throws PostgresError of `sandbox_operations_pkey` if it was done before
 */
export function captureCharge(sql: Sql, capture: SandboxOperation): Promise<SandboxCharge | undefined> {
  return operate(
    sql,
    "capture",
    capture,
    sql`
      amount_captured = amount_captured + ${capture.amount},
      status = case when amount_captured + ${capture.amount} = amount then 'captured' else 'authorised' end`,
    sql`
      status = 'authorised' and currency = ${capture.currency}
      and amount_captured + ${capture.amount} <= amount`,
  );
}

/** Gives a part of what is captured back, or all of it. Else like {@link captureCharge}. */
export function refundCharge(
  sql: Sql,
  refund: SandboxOperation,
  exceptMethods: string[],
): Promise<SandboxCharge | undefined> {
  return operate(
    sql,
    "refund",
    refund,
    sql`amount_refunded = amount_refunded + ${refund.amount}`,
    sql`
      currency = ${refund.currency} and amount_refunded + ${refund.amount} <= amount_captured - ${heldOf(sql)}
      and payment_method <> all (${exceptMethods})`,
  );
}

/** What an open dispute holds of the charge in `sandbox_charges`. */
const heldOf = (sql: Sql): Fragment =>
  sql`coalesce((
    select d.amount from sandbox_disputes d
    where d.charge_id = sandbox_charges.id and d.status in ('needs_response', 'under_review')), 0)`;

const disputeColumns = (sql: Sql): Fragment =>
  sql`charge_id, reference, status, amount, reason, evidence_due_by`;

export async function findDispute(sql: Sql, chargeId: string): Promise<SandboxDispute | undefined> {
  const [dispute] = await sql<SandboxDispute[]>`
    select ${disputeColumns(sql)} from sandbox_disputes where charge_id = ${chargeId}`;
  return dispute;
}

/** Opens a charge's dispute. @returns undefined if it has one, or has not so much left */
export async function insertDispute(sql: Sql, dispute: SandboxDispute): Promise<SandboxDispute | undefined> {
  return await changeDispute(
    sql,
    dispute.charge_id,
    dispute.status,
    sql`
    insert into sandbox_disputes (${disputeColumns(sql)})
    select ${disputeColumns(sql)} from jsonb_populate_record(null::sandbox_disputes, ${
      sql.json(dispute as never)
    })
    where amount > 0 and amount <= (select amount_left from charge)
    on conflict (charge_id) do nothing`,
  );
}

/** Moves it on. @returns undefined if it was decided, or what it is about has been refunded meanwhile */
export async function moveDispute(
  sql: Sql,
  chargeId: string,
  status: DisputeState["status"],
): Promise<SandboxDispute | undefined> {
  return await changeDispute(
    sql,
    chargeId,
    status,
    sql`
    update sandbox_disputes set status = ${status}
    where charge_id = ${chargeId} and status not in ('won', 'lost', 'closed')
      and (amount <= (select amount_left from charge) or ${status} in ('inquiry', 'closed', 'won'))`,
  );
}

/** The dispute's change and what follows for its charge, whose row is held: both or neither. What is lost is refunded. */
async function changeDispute(
  sql: Sql,
  chargeId: string,
  status: DisputeState["status"],
  change: Fragment,
): Promise<SandboxDispute | undefined> {
  const [dispute] = await sql<SandboxDispute[]>`
    with charge as (
      select amount_captured - amount_refunded as amount_left from sandbox_charges where id = ${chargeId} for update
    ), changed as (
      ${change} returning ${disputeColumns(sql)}
    ), gone as (
      update sandbox_charges set amount_refunded = amount_refunded + changed.amount
      from changed where id = changed.charge_id and ${status} = 'lost'
    )
    select ${disputeColumns(sql)} from changed`;
  return dispute;
}

/** Lets go of what is not captured. Else like {@link captureCharge}. */
export function voidCharge(
  sql: Sql,
  release: Omit<SandboxOperation, "amount" | "currency">,
): Promise<SandboxCharge | undefined> {
  return operate(
    sql,
    "void",
    { ...release, amount: 0 },
    sql`status = case when amount_captured > 0 then 'captured' else 'voided' end`,
    sql`status in ('requires_action', 'authorised')`,
  );
}

/** A charge's change and its operation's row, both or neither. */
async function operate(
  sql: Sql,
  kind: "capture" | "refund" | "void",
  { id, charge, amount, reference }: Omit<SandboxOperation, "currency">,
  change: Fragment,
  guard: Fragment,
): Promise<SandboxCharge | undefined> {
  const [changed] = await sql<SandboxCharge[]>`
    with changed as (
      update sandbox_charges set ${change}
      where reference = ${charge} and ${guard}
      returning ${chargeColumns(sql)}
    ), noted as (
      insert into sandbox_operations (id, charge_id, kind, amount, reference)
      select ${id}::uuid, id, ${kind}, ${amount}::bigint, ${reference} from changed
    )
    select ${chargeColumns(sql)} from changed`;
  return changed;
}

/** An operation that was done, by its id. */
export async function findOperation(sql: Sql, id: string): Promise<{ reference: string } | undefined> {
  const [operation] = await sql<{ reference: string }[]>`
    select reference from sandbox_operations where id = ${id}`;
  return operation;
}

/** Notes an attempt at a refund that came to nothing: a refund of nothing. */
export async function insertFailedRefund(
  sql: Sql,
  attempt: { id: string; chargeId: string; refundId: string },
): Promise<void> {
  await sql`
    insert into sandbox_operations (id, charge_id, kind, amount, reference)
    values (${attempt.id}, ${attempt.chargeId}, 'refund', 0, ${attempt.refundId})`;
}

export async function countFailedRefunds(
  sql: Sql,
  refund: { chargeId: string; refundId: string },
): Promise<number> {
  const [{ count } = { count: 0 }] = await sql<{ count: number }[]>`
    select count(*)::int as count from sandbox_operations
    where charge_id = ${refund.chargeId} and amount = 0 and reference = ${refund.refundId}`;
  return count;
}

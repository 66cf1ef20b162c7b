import type { Ctx } from "../platform/ctx.ts";
import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { sweepTable } from "../platform/sweep_job.ts";
import { paymentCreated } from "./events.ts";
import type { StoredPayment } from "./payment.ts";

export const paymentColumns = (sql: Sql | Tx): Fragment =>
  sql`
    id, order_id, provider, status, currency, amount, capture_method, payment_method, return_url, provider_reference,
    redirect_url, amount_authorised, amount_captured, amount_refunding, amount_refunded,
    amount_refunded_manually, amount_disputed, failure_code, failure_message, check_at, checks, actor, version, created_at, updated_at`;

export async function findPayment(sql: Sql | Tx, id: string): Promise<StoredPayment | undefined> {
  const [payment] = await sql<StoredPayment[]>`select ${paymentColumns(sql)} from payments where id = ${id}`;
  return payment;
}

/** The payment that a provider calls by this reference. */
export async function findPaymentByReference(
  sql: Sql,
  provider: string,
  reference: string,
): Promise<StoredPayment | undefined> {
  const [payment] = await sql<StoredPayment[]>`
    select ${
    paymentColumns(sql)
  } from payments where provider = ${provider} and provider_reference = ${reference}`;
  return payment;
}

/** An order's payments, oldest first. */
export async function listPayments(sql: Sql | Tx, orderId: string): Promise<StoredPayment[]> {
  return await sql<StoredPayment[]>`
    select ${paymentColumns(sql)} from payments where order_id = ${orderId} order by id`;
}

/** Holds payments until the transaction ends. The caller holds their orders' rows before. */
export async function lockPayments(tx: Tx, ids: string[]): Promise<StoredPayment[]> {
  return await tx<StoredPayment[]>`
    select ${paymentColumns(tx)} from payments where id = any(${ids}::uuid[]) order by id for no key update`;
}

/** By order what is on its way from customers' banks by other payments than these. The caller holds the orders' rows. */
export async function sumComing(
  tx: Tx,
  payments: readonly StoredPayment[],
): Promise<Map<string, number>> {
  const rows = await tx<{ order_id: string; coming: number }[]>`
    select order_id, sum(amount - amount_captured)::bigint as coming from payments
    where order_id = any(${payments.map(({ order_id }) => order_id)}::uuid[])
      and id <> all(${payments.map(({ id }) => id)}::uuid[]) and status = 'processing'
    group by order_id`;
  return new Map(rows.map(({ order_id, coming }) => [order_id, coming]));
}

/** Payments that are in doubt, the longest first, but for those by these providers. */
export async function listDuePayments(
  sql: Sql,
  now: Date,
  except: (string | null)[],
  limit: number,
): Promise<StoredPayment[]> {
  return await sql<StoredPayment[]>`
    select ${paymentColumns(sql)} from payments
    where check_at <= ${now} and provider <> all(${except}::text[]) order by check_at limit ${limit}`;
}

export async function insertPayment(tx: Tx, payment: StoredPayment): Promise<void> {
  await tx`insert into payments ${tx(payment as never)}`;
}

/**
 * The CTEs `payment`, `payment_row` and `payment_event`, each after a comma, for the statement that places orders: the
 * payment that an order brings in `also->'payment'`, with the data of its event as `told`.
 */
export function insertPaymentsAlso(sql: Sql): Fragment {
  return sql`, payment as materialized (
      select c.id as order_id, c.user_id, c.actor, c.request_id, c.traceparent, p.*
      from order_event o join claimed c on c.id = o.id, jsonb_to_record(c.also->'payment') as p (
        told jsonb, id uuid, provider text, status text, currency text, amount bigint, capture_method text,
        payment_method text, return_url text, check_at timestamptz, created_at timestamptz
      )
      where p.id is not null
    ), payment_row as (
      insert into payments (${paymentColumns(sql)})
      select id, order_id, provider, status, currency, amount, capture_method, payment_method, return_url, null, null,
             0, 0, 0, 0, 0, 0, null, null, check_at, 0, actor, 1, created_at, created_at
      from payment
    ), payment_event as (
      insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, traceparent,
                          data, occurred_at)
      select ${paymentCreated.type}, ${paymentCreated.version}::smallint, ${paymentCreated.aggregate}, id::text, 1,
             user_id, actor, request_id, traceparent, told, created_at
      from payment
    )`;
}

/** Writes what can change of payments whose rows are locked. */
export async function updatePayments(tx: Tx, payments: StoredPayment[]): Promise<void> {
  await tx`
    update payments p
    set status = n.status, provider_reference = n.provider_reference, redirect_url = n.redirect_url,
        amount_authorised = n.amount_authorised, amount_captured = n.amount_captured,
        amount_refunding = n.amount_refunding, amount_refunded = n.amount_refunded,
        amount_refunded_manually = n.amount_refunded_manually, amount_disputed = n.amount_disputed,
        failure_code = n.failure_code, failure_message = n.failure_message, check_at = n.check_at, checks = n.checks, version = n.version,
        updated_at = n.updated_at
    from jsonb_to_recordset(${tx.json(payments as never)}) as n (
      id uuid, status text, provider_reference text, redirect_url text, amount_authorised bigint, amount_captured bigint,
      amount_refunding bigint, amount_refunded bigint, amount_refunded_manually bigint, amount_disputed bigint,
      failure_code text, failure_message text, check_at timestamptz, checks int, version int, updated_at timestamptz
    )
    where p.id = n.id`;
}

/** A capture that was asked for. */
export interface Capture {
  id: string;
  payment_id: string;
  amount: number;
  status: "pending" | "succeeded" | "failed";
  failure_message: string | null;
}

export async function insertCapture(tx: Tx, ctx: Ctx, capture: Capture): Promise<void> {
  const now = ctx.clock.now();
  await tx`
    insert into captures (id, payment_id, amount, created_at, updated_at)
    values (${capture.id}, ${capture.payment_id}, ${capture.amount}, ${now}, ${now})`;
}

export async function findCapture(sql: Sql, id: string): Promise<Capture | undefined> {
  const [capture] = await sql<Capture[]>`
    select id, payment_id, amount, status, failure_message from captures where id = ${id}`;
  return capture;
}

/** The capture that a provider has not answered to yet. */
export async function findPendingCapture(sql: Sql | Tx, paymentId: string): Promise<Capture | undefined> {
  const [capture] = await sql<Capture[]>`
    select id, payment_id, amount, status, failure_message from captures where payment_id = ${paymentId} and status = 'pending'`;
  return capture;
}

/**
 * Ends a capture that is pending. About a payment that has nothing more reserved nothing is in doubt any more; another is asked
 * about once again, as it may have been let go of meanwhile without an answer.
 */
export async function endCapture(
  sql: Sql,
  ctx: Ctx,
  id: string,
  status: "succeeded" | "failed",
  failure: string | null = null,
): Promise<void> {
  await sql`
    with ended as (
      update captures set status = ${status}, failure_message = ${failure}, updated_at = ${ctx.clock.now()}
      where id = ${id} and status = 'pending' returning payment_id
    )
    update payments set check_at = null, checks = 0
    where id in (select payment_id from ended) and status <> 'authorised'`;
}

/**
 * From now on something is in doubt about a payment, unless it has ended meanwhile. Whatever else was learnt of it may be
 * older than what is in doubt.
 */
export async function beginCheck(sql: Sql, { id, check_at }: StoredPayment): Promise<void> {
  await sql`
    update payments set check_at = least(check_at, ${check_at}), checks = checks + 1
    where id = ${id} and status not in ('captured', 'failed', 'voided')`;
}

/** Nothing is in doubt any more, unless it began to be so again since it was asked about. */
export async function endCheck(sql: Sql, { id, check_at, checks }: StoredPayment): Promise<void> {
  await sql`
    update payments set check_at = null, checks = 0
    where id = ${id} and check_at = ${check_at} and checks = ${checks}`;
}

/** Remembers what a provider told us. False: it told us before. */
export async function insertWebhook(
  tx: Tx,
  ctx: Ctx,
  webhook: { provider: string; event_id: string; payload: object },
): Promise<boolean> {
  const { count } = await tx`
    insert into payment_webhooks (provider, event_id, payload, received_at)
    values (${webhook.provider}, ${webhook.event_id}, ${
    tx.json(webhook.payload as never)
  }, ${ctx.clock.now()})
    on conflict do nothing`;
  return count > 0;
}

export async function findWebhook(
  sql: Sql,
  provider: string,
  eventId: string,
): Promise<{ reference: string | null; payment_id: string | null } | undefined> {
  const [row] = await sql<{ reference: string | null; payment_id: string | null }[]>`
    select payload->>'reference' as reference, payload->>'payment_id' as payment_id
    from payment_webhooks where provider = ${provider} and event_id = ${eventId}`;
  return row;
}

export async function endWebhook(sql: Sql, ctx: Ctx, provider: string, eventId: string): Promise<void> {
  await sql`
    update payment_webhooks set processed_at = ${ctx.clock.now()}
    where provider = ${provider} and event_id = ${eventId}`;
}

/** Webhooks that were worked on are of no use for long. Gives how many it deleted. */
export async function deleteOldWebhooks(sql: Sql, signal: AbortSignal): Promise<number> {
  const isOver = sql`processed_at is not null and received_at < now() - interval '30 days'`;
  return await sweepTable(sql, "payment_webhooks", isOver, signal);
}

/** Moves the time of the next question on, unless something else was learnt meanwhile. */
export async function postponeCheck(
  sql: Sql,
  { id, version, check_at, checks }: StoredPayment,
): Promise<void> {
  await sql`
    update payments set check_at = ${check_at}, checks = ${checks}
    where id = ${id} and version = ${version} and check_at is not null`;
}

/** Takes back that the next question was postponed, as nothing was asked; not what began to be in doubt since. */
export async function takeBackPostponing(
  sql: Sql,
  before: StoredPayment,
  postponed: StoredPayment,
): Promise<void> {
  await sql`
    update payments set check_at = ${before.check_at}, checks = ${before.checks}
    where id = ${before.id} and check_at = ${postponed.check_at} and checks = ${postponed.checks}`;
}

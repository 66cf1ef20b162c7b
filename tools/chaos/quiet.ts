/** Waits until nothing is under way any more. */

import { setTimeout as delay } from "node:timers/promises";
import { checkPayments } from "../../src/payments/mod.ts";
import { type Fragment, type Sql, transaction } from "../../src/platform/db.ts";
import { expireQuotes } from "../../src/quotes/mod.ts";
import { clientOf, newShopping } from "./client.ts";
import { CONSUMED_KINDS, CONSUMER_GROUP, type Stage } from "./stage.ts";

const POLL_MS = 100;
/** Payments in doubt are looked at so often, instead of a minute and more after they were made. */
const HURRY_MS = 2000;
const AWAITED_JOBS = [
  "orders.process",
  "notifications.send",
  "payments.settle_order",
  "payments.webhook",
  "payments.check",
  "rewards.settle",
];

/** How long it took until nothing was under way any more, and what still was when patience ended. */
export interface Drained {
  ms: number;
  left: Record<string, number>;
}

/**
 * Waits until nothing is under way any more. Orders that have not expired by now never will, so that what is compared
 * afterwards stands still; quotes that are open expire at once, and the bank settles what is late.
 */
export async function drain(stage: Stage, staffToken: string, patienceMs: number): Promise<Drained> {
  const started = performance.now();
  let hurryAt = 0;
  for (;;) {
    const ms = performance.now() - started;
    if (ms >= hurryAt) {
      await hurry(stage, staffToken);
      hurryAt = ms + HURRY_MS;
    }
    const left = await underWay(stage);
    if (Object.keys(left).length === 0 || ms > patienceMs) return { ms, left };
    await delay(POLL_MS);
  }
}

/** Banks decide now, and what is to be asked again later is asked now. */
async function hurry(stage: Stage, staffToken: string): Promise<void> {
  const { sql, jobs } = stage;
  const ask = clientOf(stage, newShopping());
  const late = await sql<{ reference: string }[]>`
    select reference from sandbox_charges where status = 'processing'`;
  for (const { reference } of late) {
    await ask({ token: staffToken, path: `/v1/sandbox/charges/${reference}/settle` });
  }
  await hasten(
    sql,
    "orders",
    "expires_at",
    "10 years",
    sql`status = 'PENDING' and expires_at < now() + interval '1 year'`,
  );
  await hasten(sql, "quotes", "expires_at", "0", sql`status = 'open' and expires_at > now()`);
  await hasten(sql, "payments", "check_at", "0", sql`check_at > now()`);
  await hasten(sql, "refunds", "next_attempt_at", "0", sql`status = 'pending' and next_attempt_at > now()`);
  // Not so often that a job has used up its attempts while a breaker is still open.
  await sql`
    update pgboss.job set start_after = now() where id in (
      select id from pgboss.job
      where name = any(${AWAITED_JOBS}) and state = 'retry' and started_on < now() - interval '8 seconds'
      order by id for no key update skip locked)`;
  await transaction(sql, async (tx) => {
    await jobs.enqueue(tx, checkPayments, [{}]);
    await jobs.enqueue(tx, expireQuotes, [{}]);
  });
  jobs.announce();
}

/** Sets a time of rows that nobody is at: those have their turn the next time, and no deadlock is ours. */
async function hasten(
  sql: Sql,
  table: string,
  time: string,
  fromNow: string,
  which: Fragment,
): Promise<void> {
  await sql`
    update ${sql(table)} set ${sql(time)} = now() + ${fromNow}::interval
    where id in (select id from ${sql(table)} where ${which} order by id for no key update skip locked)`;
}

async function underWay(stage: Stage): Promise<Record<string, number>> {
  const { sql } = stage;
  const counts = await sql<{ name: string; left: number }[]>`
    select 'reader ' || name as name, count(*)::int as left from log_readers
    where position < (select coalesce(max(position), 0) from events) and (name <> 'kafka' or ${
    stage.kafka !== undefined
  })
    group by name
    union all
    select name || ' ' || state::text, count(*)::int from pgboss.job
    where name = any(${AWAITED_JOBS}) and state in ('created', 'retry', 'active')
    group by name, state
    union all
    select 'outbox', count(*)::int from outbox
    union all
    select 'open quotes', count(*)::int from quotes where status = 'open'
    union all
    select 'late at the bank', count(*)::int from sandbox_charges where status = 'processing'
    union all
    select 'refunds', count(*)::int from refunds where status = 'pending'
    union all
    -- Nobody waits for a customer who left for the bank, nor, for some minutes yet, for a charge that was never sent.
    select 'payments in doubt', count(*)::int from payments p join orders o on o.id = p.order_id
    where check_at is not null and not (p.status = 'requires_action' and o.status = 'PENDING')
      and not (p.status = 'created' and not exists (select from sandbox_charges where id = p.id))
    union all
    select 'not consumed', ${stage.kafka === undefined ? 0 : await unconsumed(stage)}::int`;
  return Object.fromEntries(counts.filter(({ left }) => left > 0).map(({ name, left }) => [name, left]));
}

/** Events that the consumer has had no effect of yet. */
async function unconsumed({ sql }: Stage): Promise<number> {
  const [row] = await sql<{ left: number }[]>`
    select (select count(*) from events where aggregate_type = any(${CONSUMED_KINDS}))::int
         - (select count(*) from consumer_example.inbox where consumer = ${CONSUMER_GROUP})::int as left`
    .catch(() => [{ left: 1 }]); // the consumer has not made its tables yet
  return row!.left;
}

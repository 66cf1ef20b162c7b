/** What must hold after chaos, each with how often it does not. */

import { Kafka, logLevel } from "kafkajs";
import { brokenOf, verifyBooks } from "../../src/admin/mod.ts";
import { JOBS } from "../../src/jobs.ts";
import type { Sql } from "../../src/platform/db.ts";
import { withConnection } from "../database_admin.ts";
import { MONEY_RULES } from "./check_money.ts";
import type { Shopping } from "./client.ts";
import { findCouponBreaks } from "./coupons.ts";
import { findPointsBreaks } from "./points.ts";
import { CONSUMED_KINDS, CONSUMER_GROUP, type Stage } from "./stage.ts";

const KAFKA_PATIENCE_MS = 60_000;
/** Jobs that a clock makes again and again: one that is killed has lost nothing. */
const ROUNDS = JOBS.filter(({ policy }) => "exclusive" in policy && policy.exclusive).map(({ name }) => name);

export interface Check {
  holds: string;
  violations: number;
  /** The first few of them. */
  examples: string[];
}

/** Asks as `psql` would: the processes' own connections have a plan and a time limit for what is short. */
export async function check(stage: Stage, shopping: Shopping): Promise<Check[]> {
  return await withConnection(
    stage.env.DATABASE_URL!,
    (sql) => checkAll(sql as unknown as Sql, stage, shopping),
  );
}

async function checkAll(sql: Sql, stage: Stage, shopping: Shopping): Promise<Check[]> {
  const checks: Check[] = [];
  const add = (holds: string, violations: readonly string[]) =>
    checks.push({ holds, violations: violations.length, examples: violations.slice(0, 3) });
  const ids = async (rows: PromiseLike<readonly { what: string }[]>) => (await rows).map(({ what }) => what);

  add(
    "every request got an answer that makes sense",
    Object.entries(shopping.strange).map(([what, n]) => `${what} × ${n}`),
  );
  add(
    "every order that was answered is there",
    await ids(sql<{ what: string }[]>`
      select asked as what from unnest(${shopping.placed}::uuid[]) asked
      where not exists (select from orders where id = asked)`),
  );
  add(
    "there is no order that nobody was answered",
    await ids(sql<{ what: string }[]>`
      select id::text as what from orders where id <> all(${shopping.placed}::uuid[])`),
  );
  add(
    "every cancellation that was answered is there",
    await ids(sql<{ what: string }[]>`
      select id::text as what from orders
      where id = any(${[...shopping.cancelled]}::uuid[]) and status <> 'CANCELLED'`),
  );
  add(
    "each order was processed once",
    await ids(sql<{ what: string }[]>`
      select o.id::text as what from orders o where 1 <> (
        select count(*) from events e
        where e.aggregate_type = 'order' and e.aggregate_id = o.id::text and e.type = 'order.processed')`),
  );
  add(
    "customers were told of each order, its end, its shipments and refunds, each once",
    await ids(sql<{ what: string }[]>`
      select format('%s %s: %s too many', order_id, template, sum(told)) as what from (
        select order_id, template, subject_id, 1 as told from notifications
        -- One that ended before it was confirmed is told of as ended alone.
        union all select id, 'order_confirmed', null, -1 from orders
        where status not in ('CANCELLED', 'EXPIRED')
          or exists (select from notifications where order_id = orders.id and template = 'order_confirmed')
        union all select id, 'order_' || lower(status), null, -1 from orders where status in ('CANCELLED', 'EXPIRED')
        union all select order_id, 'order_shipped', id, -1 from shipments
        union all select order_id, 'refund_sent', id, -1 from refunds where status = 'succeeded'
      ) both_sides
      group by order_id, template, subject_id having sum(told) <> 0`),
  );
  for (const { holds, broken } of MONEY_RULES) add(holds, await ids(broken(sql, shopping)));
  add(
    "no coupon was used more often than it may be, though more was asked for",
    await findCouponBreaks(sql, shopping),
  );
  add("customers have the points that follow from their orders' money", await findPointsBreaks(sql));
  add(
    "every invariant of `deno task verify` holds",
    brokenOf(await verifyBooks(stage.sql, new Date())),
  );
  add(
    "no job failed for good, but rounds that the next one makes up for",
    await ids(sql<{ what: string }[]>`
      select name || ': ' || coalesce(output->>'message', output::text, '') as what
      from pgboss.job where state = 'failed' and name <> all(${ROUNDS})`),
  );
  add(
    "no statements waited for each other in a circle",
    await ids(sql<{ what: string }[]>`
      select format('%s deadlocks', deadlocks) as what from pg_stat_database
      where datname = current_database() and deadlocks > 0`),
  );
  if (stage.kafka) checks.push(...await checkKafka(stage, stage.kafka.bootstrapServers));
  return checks;
}

async function checkKafka({ sql }: Stage, bootstrapServers: string): Promise<Check[]> {
  const events = await sql<{ id: string; key: string; sequence: number }[]>`
    select id, aggregate_type || ' ' || aggregate_id as key, sequence from events order by position`;
  const first = new Map<string, { key: string; sequence: number }>();
  const lastOf = new Map<string, number>();
  const disordered: string[] = [];
  let messages = 0;
  await readTopics(bootstrapServers, (headers, key) => {
    messages++;
    const id = headers.ce_id!;
    if (!first.has(id)) {
      const sequence = Number(headers.ce_sequence);
      const thing = `${headers.ce_type!.split(".")[0]} ${key}`;
      if (sequence < (lastOf.get(thing) ?? 0)) disordered.push(`${thing} ${sequence}`);
      lastOf.set(thing, sequence);
      first.set(id, { key, sequence });
    }
    return first.size >= events.length;
  });
  const lost = events.filter(({ id }) => !first.has(id)).map(({ key, sequence }) => `${key} ${sequence}`);
  const [effects] = await sql<
    { inbox: number; consumed: number; open: number; counted: number; reserved: number; units: number }[]
  >`
    select (select count(*)::int from consumer_example.inbox where consumer = ${CONSUMER_GROUP}) as inbox,
           (select count(*)::int from events where aggregate_type = any(${CONSUMED_KINDS})) as consumed,
           (select count(*)::int from orders where status not in ('CANCELLED', 'EXPIRED')) as open,
           (select coalesce(sum(orders), 0)::int from consumer_example.daily_orders where consumer = ${CONSUMER_GROUP})
             as counted,
           (select sum(reserved)::int from stock_levels) as reserved,
           (select coalesce(sum(reserved), 0)::int from consumer_example.stock_units where consumer = ${CONSUMER_GROUP})
             as units`;
  const { inbox, consumed, open, counted, reserved, units } = effects!;
  return [
    {
      holds: `every event is in Kafka (${messages} messages for ${events.length} events)`,
      violations: lost.length,
      examples: lost.slice(0, 3),
    },
    {
      holds: "events of one thing came in their order",
      violations: disordered.length,
      examples: disordered.slice(0, 3),
    },
    {
      holds: "each event had its effect at the consumer, once",
      violations: Math.abs(inbox - consumed) + Math.abs(open - counted) + Math.abs(reserved - units),
      examples: [
        `${inbox} in the inbox of ${consumed}`,
        `${counted} orders counted of ${open}`,
        `${units} units of ${reserved}`,
      ],
    },
  ];
}

/** Reads the topics of all events from their beginning until `take` has had enough. */
async function readTopics(
  bootstrapServers: string,
  take: (headers: Record<string, string>, key: string) => boolean,
): Promise<void> {
  let stopping = false;
  const kafka = new Kafka({ brokers: [bootstrapServers], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({
    groupId: `chaos-check-${crypto.randomUUID()}`,
    maxWaitTimeInMs: 100,
    retry: { restartOnFailure: () => Promise.resolve(!stopping) },
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [/-events$/], fromBeginning: true });
  const enough = Promise.withResolvers<void>();
  const timer = setTimeout(enough.resolve, KAFKA_PATIENCE_MS);
  await consumer.run({
    eachMessage: ({ message }) => {
      const headers = Object.fromEntries(
        Object.entries(message.headers ?? {}).map(([k, v]) => [k, String(v)]),
      );
      if (take(headers, String(message.key))) enough.resolve();
      return Promise.resolve();
    },
  });
  await enough.promise;
  clearTimeout(timer);
  stopping = true;
  await consumer.disconnect();
}

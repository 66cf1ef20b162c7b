/** What must hold after chaos, each with how often it does not. */

import { Kafka, logLevel } from "kafkajs";
import { findContradictions } from "../books.ts";
import type { Shopping } from "./customers.ts";
import { CONSUMER_GROUP, pause, type Stage } from "./stage.ts";

const POLL_MS = 100;
const KAFKA_PATIENCE_MS = 60_000;

export interface Check {
  holds: string;
  violations: number;
  /** The first few of them. */
  examples: string[];
}

/** How long it took until nothing was under way any more, and what still was when patience ended. */
export interface Drained {
  ms: number;
  left: Record<string, number>;
}

/**
 * Waits until nothing is under way any more. Orders that have not expired by now never will, so that what is compared
 * afterwards stands still.
 */
export async function drain(stage: Stage, patienceMs: number): Promise<Drained> {
  const { sql } = stage;
  const started = performance.now();
  await sql`update orders set expires_at = now() + interval '10 years' where status = 'PENDING'`;
  for (;;) {
    const readers = await sql<{ name: string; left: number }[]>`
      select name, count(*)::int as left from log_readers
      where position < (select coalesce(max(position), 0) from events) and (name <> 'kafka' or ${
      stage.kafka !== undefined
    })
      group by name`;
    const jobs = await sql<{ name: string; left: number }[]>`
      select name || ' ' || state::text as name, count(*)::int as left from pgboss.job
      where name in ('orders.process', 'notifications.send') and state in ('created', 'retry', 'active')
      group by name, state`;
    const [outbox] = await sql<{ left: number }[]>`select count(*)::int as left from outbox`;
    const left = Object.fromEntries(
      [
        ...readers.map((each) => [`reader ${each.name}`, each.left] as const),
        ...jobs.map((each) => [each.name, each.left] as const),
        ["outbox", outbox!.left] as const,
        ["not consumed", stage.kafka === undefined ? 0 : await unconsumed(stage)] as const,
      ].filter(([, count]) => count > 0),
    );
    const ms = performance.now() - started;
    if (Object.keys(left).length === 0 || ms > patienceMs) return { ms, left };
    await pause(POLL_MS);
  }
}

/** Events that the consumer has had no effect of yet. */
async function unconsumed({ sql }: Stage): Promise<number> {
  const [row] = await sql<{ left: number }[]>`
    select (select count(*) from events)::int - (select count(*) from consumer_example.inbox where consumer = ${CONSUMER_GROUP})::int as left`
    .catch(() => [{ left: 1 }]); // the consumer has not made its tables yet
  return row!.left;
}

export async function check(stage: Stage, shopping: Shopping): Promise<Check[]> {
  const { sql } = stage;
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
      where id = any(${[...shopping.cancelled]}::uuid[]) and status not in ('CANCELLED')`),
  );
  add(
    "each order was processed once",
    await ids(sql<{ what: string }[]>`
      select o.id::text as what from orders o where 1 <> (
        select count(*) from events e
        where e.aggregate_type = 'order' and e.aggregate_id = o.id::text and e.type = 'order.processed')`),
  );
  add(
    "each order has its notifications, each once",
    await ids(sql<{ what: string }[]>`
      select o.number || ' ' || o.status as what from orders o
      where array(select template from notifications n where n.order_id = o.id order by template)
        <> case o.status when 'CANCELLED' then array['order_cancelled', 'order_confirmed']
                         when 'EXPIRED' then array['order_confirmed', 'order_expired']
                         else array['order_confirmed'] end`),
  );
  add(
    "each thing's events count 1, 2, 3 …",
    await ids(sql<{ what: string }[]>`
      select aggregate_type || ' ' || aggregate_id as what from events
      where not (aggregate_type = 'inventory' and sequence = 1)
      group by aggregate_type, aggregate_id
      having max(sequence) - min(sequence) + 1 <> count(*) or min(sequence) > 2`),
  );
  add(
    "levels, ledger, orders, lines and log agree",
    (await findContradictions(sql)).map(({ wrong, what }) => `${wrong}: ${what}`),
  );
  const [failed] = await sql<
    { count: number }[]
  >`select count(*)::int from pgboss.job where state = 'failed'`;
  add("no job failed for good", failed!.count > 0 ? [`${failed!.count} did`] : []);
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
  await readTopics(bootstrapServers, ["order-events", "stock-events"], (headers, key) => {
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
    { inbox: number; open: number; counted: number; reserved: number; units: number }[]
  >`
    select (select count(*)::int from consumer_example.inbox where consumer = ${CONSUMER_GROUP}) as inbox,
           (select count(*)::int from orders where status not in ('CANCELLED', 'EXPIRED')) as open,
           (select coalesce(sum(orders), 0)::int from consumer_example.daily_orders where consumer = ${CONSUMER_GROUP})
             as counted,
           (select sum(reserved)::int from stock_levels) as reserved,
           (select coalesce(sum(reserved), 0)::int from consumer_example.stock_units where consumer = ${CONSUMER_GROUP})
             as units`;
  const { inbox, open, counted, reserved, units } = effects!;
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
      violations: Math.abs(inbox - events.length) + Math.abs(open - counted) + Math.abs(reserved - units),
      examples: [
        `${inbox} in the inbox of ${events.length}`,
        `${counted} orders counted of ${open}`,
        `${units} units of ${reserved}`,
      ],
    },
  ];
}

/** Reads topics from their beginning until `take` has had enough. */
async function readTopics(
  bootstrapServers: string,
  topics: string[],
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
  await consumer.subscribe({ topics, fromBeginning: true });
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

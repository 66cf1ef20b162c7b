import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { DEAD_LETTERS } from "../platform/jobs.ts";
import type { Job, Queue } from "./job.ts";
import type { ListJobs } from "./list_jobs.ts";

/** pg-boss has queues for itself, of which nobody else needs to know. */
const isOurs = (sql: Sql | Tx, name: Fragment): Fragment => sql`${name} not like '\\_\\_pgboss\\_\\_%'`;

/** What failed says why in `output`; a dead letter has the reason of the job that it is the copy of. */
const jobColumns = (sql: Sql | Tx): Fragment =>
  sql`
    j.id, j.name as queue, j.state::text, coalesce(j.data, '{}') as data,
    case when j.source_id is not null then j.source_retry_count + 1
         when j.started_on is null then 0
         else j.retry_count + 1 end as attempts,
    case when j.source_id is not null then j.source_retry_count + 1 else j.retry_limit + 1 end as max_attempts,
    j.created_on as created_at, j.started_on as started_at, j.completed_on as completed_at, j.start_after,
    (select json_build_object('name', coalesce(e.error->>'name', 'Error'), 'message', e.error->>'message')
     from (select coalesce(f.failure->'value', f.failure) as error
           from (select coalesce(j.output, j.source_output) as failure) f) e
     where j.state <> 'completed' and e.error->>'message' is not null) as error,
    case when j.source_id is not null
         then json_build_object('queue', j.source_name, 'id', j.source_id) end as dead_letter_of`;

/**
 * Lets the planner read whole tables in this transaction. pg-boss has no index for looking at jobs by state or age:
 * without this they would be read one by one along its primary key.
 */
export async function planForReading(tx: Tx): Promise<void> {
  await tx`
    select set_config('enable_seqscan', 'on', true), set_config('plan_cache_mode', 'force_custom_plan', true)`;
}

export async function listQueueRows(tx: Tx): Promise<Queue[]> {
  return await tx<Queue[]>`
    select q.name, q.retry_limit, q.retry_delay, q.retry_delay_max, q.expire_seconds as time_limit,
           q.heartbeat_seconds as heartbeat, q.policy = 'exclusive' as exclusive,
           coalesce(c.ready, 0) as ready, coalesce(c.deferred, 0) as deferred, coalesce(c.active, 0) as active,
           coalesce(c.failed, 0) as failed, coalesce(d.count, 0) as dead_letters
    from pgboss.queue q
    left join (
      select name,
             count(*) filter (where state < 'active' and start_after <= now()) as ready,
             count(*) filter (where state < 'active' and start_after > now()) as deferred,
             count(*) filter (where state = 'active') as active,
             count(*) filter (where state = 'failed') as failed
      from pgboss.job where state in ('created', 'retry', 'active', 'failed') group by name
    ) c on c.name = q.name
    left join (
      select source_name, count(*) from pgboss.job
      where name = ${DEAD_LETTERS} and state = 'created' group by source_name
    ) d on d.source_name = q.name
    where ${isOurs(tx, tx`q.name`)}
    order by q.name`;
}

/** A job, and when it was made in microseconds, as finely as pg-boss sorts. */
export type ListedJob = Job & { made_at: number };

/** One page, newest first, `limit + 1` rows. */
export async function listJobRows(tx: Tx, { queue, state, cursor, limit }: ListJobs): Promise<ListedJob[]> {
  return await tx<ListedJob[]>`
    select ${jobColumns(tx)}, (extract(epoch from j.created_on) * 1000000)::bigint as made_at
    from pgboss.job j
    where ${isOurs(tx, tx`j.name`)}
      ${queue === undefined ? tx`` : tx`and j.name = ${queue}`}
      ${state === undefined ? tx`` : tx`and j.state = ${state}::pgboss.job_state`}
      ${
    cursor === undefined
      ? tx``
      : tx`and (j.created_on, j.id) < ('epoch'::timestamptz + ${
        cursor[0]
      }::bigint * interval '1 microsecond', ${cursor[1]}::uuid)`
  }
    order by j.created_on desc, j.id desc limit ${limit + 1}`;
}

export async function findJob(sql: Sql | Tx, id: string): Promise<Job | undefined> {
  const [job] = await sql<Job[]>`
    select ${jobColumns(sql)} from pgboss.queue q join pgboss.job j on j.name = q.name and j.id = ${id}
    where ${isOurs(sql, sql`q.name`)}`;
  return job;
}

/** Holds a job until the transaction ends: meanwhile no worker takes it, and nobody else sends it back. */
export async function lockJob(tx: Tx, queue: string, id: string): Promise<Job | undefined> {
  const [job] = await tx<Job[]>`
    select ${jobColumns(tx)} from pgboss.job j where j.name = ${queue} and j.id = ${id} for update of j`;
  return job;
}

/** The dead letters of a job, found by the first job of their chain: only that has an index, and there may be many others. */
export async function findDeadLetters(tx: Tx, { queue, id }: Pick<Job, "queue" | "id">): Promise<string[]> {
  const rows = await tx<{ id: string }[]>`
    select id from pgboss.job
    where name = ${DEAD_LETTERS} and source_name = ${queue} and source_id = ${id} and source_root_id = (
      select coalesce(source_root_id, id) from pgboss.job where name = ${queue} and id = ${id})`;
  return rows.map((row) => row.id);
}

/** The latest job that was made of a dead letter of this chain. */
export async function findRedriven(tx: Tx, queue: string, root: string): Promise<Job | undefined> {
  const [job] = await tx<Job[]>`
    select ${jobColumns(tx)} from pgboss.job j
    where j.source_root_id = ${root} and j.name = ${queue}
    order by j.created_on desc limit 1`;
  return job;
}

/** The first job of the chain that a dead letter belongs to. */
export async function findRoot(tx: Tx, deadLetterId: string): Promise<string | undefined> {
  const [row] = await tx<{ root: string }[]>`
    select coalesce(source_root_id, source_id) as root from pgboss.job
    where name = ${DEAD_LETTERS} and id = ${deadLetterId}`;
  return row?.root;
}

import { z } from "@hono/zod-openapi";
import { cursor, Limit } from "../http/pagination.ts";
import { Id, text, Timestamp } from "../http/schemas.ts";
import type { JobType } from "../platform/jobs.ts";
import { type Job, JOB_STATES, type Queue } from "./job.ts";

const State = z.enum(JOB_STATES);
const QueueName = z.string().openapi({ example: "orders.process" });
const Lane = z.string().nullable().openapi({
  description:
    "Which workers serve it; of a dead letter: its job. Null for the queue of the dead letters, which nobody serves",
  example: "orders",
});

export const JobSchema = z.object({
  id: Id,
  queue: QueueName,
  lane: Lane,
  state: State,
  data: z.record(z.string(), z.unknown()).openapi({ description: "What it was made with" }),
  attempts: z.int().openapi({ description: "How often it was begun" }),
  max_attempts: z.int(),
  created_at: Timestamp,
  started_at: Timestamp.nullable(),
  completed_at: Timestamp.nullable(),
  start_after: Timestamp.openapi({ description: "When its next attempt may begin" }),
  error: z.object({ name: z.string(), message: z.string() }).nullable()
    .openapi({ description: "Why its last attempt failed" }),
  dead_letter_of: z.object({ queue: QueueName, id: Id }).nullable()
    .openapi({ description: "Of a dead letter: the job that failed for good" }),
}).openapi("Job");

const Count = z.int().min(0);

export const QueueSchema = z.object({
  name: QueueName,
  lane: Lane,
  policy: z.object({
    work: z.enum(["transaction", "outside"]).nullable().openapi({
      description:
        "`transaction`: with its effect or not at all; `outside`: may be done again if it is killed",
    }),
    retry_limit: z.int(),
    retry_delay: z.int().openapi({ description: "Seconds before the first retry; doubles each time" }),
    retry_delay_max: z.int().nullable(),
    time_limit: z.int().openapi({ description: "Seconds that one attempt may take" }),
    heartbeat: z.int().nullable().openapi({
      description: "Seconds of silence after which a job counts as abandoned",
    }),
    exclusive: z.boolean().openapi({ description: "At most one of it waits or runs" }),
  }),
  counts: z.object({
    ready: Count,
    deferred: Count.openapi({ description: "Wait for their time" }),
    active: Count,
    failed: Count,
    dead_letters: Count.openapi({ description: "Failed for good, neither sent back nor dismissed" }),
  }),
}).openapi("Queue");

export const QueuesSchema = z.object({ data: z.array(QueueSchema) }).openapi("Queues");

/** The job as it is answered; `jobs` are the kinds that there are. */
export function jobView(job: Job, jobs: readonly JobType[]): z.infer<typeof JobSchema> {
  return { ...job, lane: laneOf(job.dead_letter_of?.queue ?? job.queue, jobs) };
}

export function queueView(queue: Queue, jobs: readonly JobType[]): z.infer<typeof QueueSchema> {
  const { name, ready, deferred, active, failed, dead_letters, ...policy } = queue;
  const work = jobs.find((each) => each.name === name)?.policy.work ?? null;
  return {
    name,
    lane: laneOf(name, jobs),
    policy: { work, ...policy },
    counts: { ready, deferred, active, failed, dead_letters },
  };
}

function laneOf(queue: string, jobs: readonly JobType[]): string | null {
  return jobs.find(({ name }) => name === queue)?.lane ?? null;
}

export const ListJobsQuery = z.strictObject({
  queue: text(1, 100).optional().openapi({
    description: "Only those of this queue; `dead_letters` has what failed for good",
    example: "orders.process",
  }),
  state: State.optional().openapi({ description: "Only those in this state" }),
  cursor: cursor(z.tuple([z.int(), Id])),
  limit: Limit,
});

import type { z } from "@hono/zod-openapi";
import { pageSchema, pageView } from "../http/pagination.ts";
import { endpoint, json, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import type { JobType } from "../platform/jobs.ts";
import { cancelJob } from "./cancel_job.ts";
import { getJob } from "./get_job.ts";
import { invariantRoutes } from "./invariants/routes.ts";
import { listJobs, listQueues } from "./list_jobs.ts";
import { retryJob } from "./retry_job.ts";
import { JobSchema, jobView, ListJobsQuery, QueueSchema, QueuesSchema, queueView } from "./schemas.ts";

export { adminPage } from "./page.ts";

const tags = ["Administration"];
const EXAMPLE: z.infer<typeof JobSchema> = {
  id: "1f6bc2f4-7e43-4c3e-9a55-0c5f2ad5a1f7",
  queue: "orders.process",
  lane: "orders",
  state: "failed",
  data: { order_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11" },
  attempts: 6,
  max_attempts: 6,
  created_at: "2026-01-31T12:00:00.000Z",
  started_at: "2026-01-31T12:02:10.000Z",
  completed_at: "2026-01-31T12:02:11.000Z",
  start_after: "2026-01-31T12:02:10.000Z",
  error: { name: "ScreeningError", message: "Order 0192f0c1…: its lines sum to 998, its subtotal is 999." },
  dead_letter_of: null,
};
const QUEUE_EXAMPLE: z.infer<typeof QueueSchema> = {
  name: "orders.process",
  lane: "orders",
  policy: {
    work: "transaction",
    retry_limit: 5,
    retry_delay: 2,
    retry_delay_max: 300,
    time_limit: 30,
    heartbeat: null,
    exclusive: false,
  },
  counts: { ready: 12, deferred: 1, active: 3, failed: 1, dead_letters: 1 },
};
const jobAnswer = json(JobSchema, "The job.", EXAMPLE);

/** The routes that watch and steer jobs of these kinds, and check the books. */
export function adminRoutes(jobs: readonly JobType[]) {
  const routes = router();

  routes.openapi(
    endpoint({ policy: "staff" }, {
      method: "get",
      path: "/v1/admin/queues",
      operationId: "listQueues",
      tags,
      summary: "List the queues",
      description:
        "Every kind of job, how it is done, and how many of it wait, run or have failed right now.",
      responses: { 200: json(QueuesSchema, "The queues.", { data: [QUEUE_EXAMPLE] }) },
    }),
    async (c) => {
      const queues = await listQueues(c.get("ctx"));
      return c.json({ data: queues.map((each) => queueView(each, jobs)) }, 200);
    },
  );

  routes.openapi(
    endpoint({ policy: "staff" }, {
      method: "get",
      path: "/v1/admin/jobs",
      operationId: "listJobs",
      tags,
      summary: "List jobs",
      description:
        "Newest first. A job that failed for good stays in its queue for three days, and has a copy in " +
        "`dead_letters` until somebody sends it back or dismisses it.",
      request: { query: ListJobsQuery },
      responses: {
        200: json(pageSchema(JobSchema).openapi("JobPage"), "One page.", {
          data: [EXAMPLE],
          next_cursor: null,
        }),
      },
    }),
    async (c) => {
      const page = await listJobs(c.get("ctx"), c.req.valid("query"));
      return c.json(pageView(page, (each) => jobView(each, jobs)), 200);
    },
  );

  routes.openapi(
    endpoint({ policy: "staff", errors: ["not_found"] }, {
      method: "get",
      path: "/v1/admin/jobs/{id}",
      operationId: "getJob",
      tags,
      summary: "Read a job",
      description: "Its data, its attempts, and the error of the last one.",
      request: { params: IdParam },
      responses: { 200: jobAnswer },
    }),
    async (c) => c.json(jobView(await getJob(c.get("ctx"), c.req.valid("param").id), jobs), 200),
  );

  routes.openapi(
    endpoint({ policy: "staff", errors: ["not_found", "invalid_transition"] }, {
      method: "post",
      path: "/v1/admin/jobs/{id}/retry",
      operationId: "retryJob",
      tags,
      summary: "Try a job again",
      description:
        "A failed one gets one more attempt, one that waits for its time is begun at once. Sending back a failed job " +
        "removes its dead letter; sending back a dead letter sends back the job, so the work is not done twice. " +
        "Answers the job that will run.",
      request: { params: IdParam },
      responses: { 200: jobAnswer },
    }),
    async (c) => c.json(jobView(await retryJob(c.get("ctx"), c.req.valid("param").id), jobs), 200),
  );

  routes.openapi(
    endpoint({ policy: "staff", errors: ["not_found", "invalid_transition"] }, {
      method: "post",
      path: "/v1/admin/jobs/{id}/cancellation",
      operationId: "cancelJob",
      tags,
      summary: "Cancel a job",
      description:
        "It is not begun, or not begun again; an attempt that is under way is not broken off. Dismisses a dead letter. " +
        "Repeating it changes nothing.",
      request: { params: IdParam },
      responses: { 200: jobAnswer },
    }),
    async (c) => c.json(jobView(await cancelJob(c.get("ctx"), c.req.valid("param").id), jobs), 200),
  );

  routes.route("/", invariantRoutes);
  return routes;
}

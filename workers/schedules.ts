import type { JobName } from "../src/jobs.ts";

/** Every cron line, in UTC. A run that was missed while no worker was up is made up for once. */
export const SCHEDULES: { job: JobName; cron: string }[] = [
  { job: "orders.expire", cron: "* * * * *" },
  { job: "carts.expire", cron: "0 * * * *" },
  { job: "quotes.expire", cron: "* * * * *" },
  { job: "payments.check", cron: "* * * * *" },
  { job: "events.dispatch", cron: "* * * * *" },
  { job: "events.seal", cron: "* * * * *" },
  { job: "platform.sweep", cron: "*/10 * * * *" },
];

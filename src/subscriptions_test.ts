import { assertEquals } from "@std/assert";
import type { Ctx } from "./platform/ctx.ts";
import type { Tx } from "./platform/db.ts";
import type { LoggedEvent } from "./platform/event_log.ts";
import { makeJobs } from "./subscriptions.ts";

/** The jobs that follow from a refund that succeeded, of which its event said this. */
async function jobsAfterRefund(data: Record<string, unknown>): Promise<object[]> {
  const made: object[] = [];
  const jobs = {
    enqueue: (_tx: Tx, _job: object, data: object[]) => Promise.resolve(void made.push(...data)),
  };
  const event = {
    type: "refund.succeeded",
    aggregate_id: "refund",
    traceparent: null,
    data,
  } as unknown as LoggedEvent;
  await makeJobs({} as Tx, { jobs } as unknown as Ctx, [event]);
  return made;
}

Deno.test("A refund is told of by mail, one of before there were disputes too, but not what was lost in one or came to nothing", async () => {
  const mail = { template: "refund_sent", order_id: "order", refund_id: "refund" };
  assertEquals(await jobsAfterRefund({ order_id: "order", amount: 100, dispute_id: null }), [mail]);
  assertEquals(await jobsAfterRefund({ order_id: "order", amount: 100 }), [mail]);
  assertEquals(await jobsAfterRefund({ order_id: "order", amount: 100, dispute_id: "dispute" }), []);
  assertEquals(await jobsAfterRefund({ order_id: "order", amount: 0, dispute_id: null }), []);
});

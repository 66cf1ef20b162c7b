import { assertEquals } from "@std/assert";
import { TestClock } from "../../support/clock.ts";
import { ask, deliverDue, onlyDelivery, startTold } from "./receiver.ts";

Deno.test("A delivery whose job staff cancelled can be sent again, but not while its job may still come", async () => {
  const clock = new TestClock();
  await using told = await startTold({ orders: 1, clock });
  const { app, receiver, staff, id } = told;
  const [job] = await app.deps.sql<{ id: string }[]>`
    select id from pgboss.job where name = 'webhooks.deliver' and state = 'created'`;
  await ask(app, staff, "POST", `/v1/admin/jobs/${job!.id}/cancellation`, 200);
  assertEquals(await deliverDue(app.deps), 0);
  const delivery = await onlyDelivery(app, staff, id);
  const redelivery = `/v1/webhook-deliveries/${delivery.id}/redelivery`;
  for (let minute = 0; minute < 60; minute += 20) {
    await ask(app, staff, "POST", redelivery, 409);
    clock.pass(20 * 60_000);
  }
  clock.pass(60_000);
  await ask(app, staff, "POST", redelivery, 202);
  assertEquals(await deliverDue(app.deps), 1);
  assertEquals(receiver.received.length, 1);
  assertEquals((await onlyDelivery(app, staff, id)).status, "succeeded");
});

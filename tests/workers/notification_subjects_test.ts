import { assert, assertEquals } from "@std/assert";
import { sendNotificationJob } from "../../src/notifications/mod.ts";
import { transaction } from "../../src/platform/db.ts";
import { newId } from "../../src/platform/id.ts";
import type { TestApp, TestUser } from "../support/app.ts";
import { addExport, checkedOut } from "../support/checkout.ts";
import { addProduct, deliver, place } from "../support/orders.ts";
import {
  DAY_MS,
  expire,
  letWorkerCatchUp,
  startPaidShop,
  sweep,
  tryToPay,
  tryToRefund,
} from "../support/payments.ts";
import { doJobs, doOutsideJobs, readLog } from "../support/worker.ts";

/** Lets the worker do all that follows from what has happened, mails last. Gives how many mails it worked on. */
async function mailAll(app: TestApp): Promise<number> {
  await readLog(app.deps);
  await doJobs(app.deps, "orders.process");
  await letWorkerCatchUp(app);
  const { done, failures } = await doOutsideJobs(app.deps, "notifications.send");
  assertEquals(failures, []);
  return done;
}

/** What a user was told, oldest first. */
async function mailsTo(app: TestApp, { token }: TestUser, template?: string) {
  const query = template === undefined ? "" : `&template=${template}`;
  const { status, body } = await app.request("GET", `/v1/notifications?limit=100${query}`, { token });
  assertEquals(status, 200, JSON.stringify(body));
  return body.data.toReversed() as {
    order_id: string;
    subject_id: string | null;
    template: string;
    body: string;
  }[];
}

async function ship(app: TestApp, staff: TestUser, orderId: string, body: Record<string, unknown>) {
  const answer = await app.request("POST", `/v1/orders/${orderId}/shipments`, { token: staff.token, body });
  assertEquals(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

/** Every mail's job that there was, once more. */
async function repeatMails(app: TestApp): Promise<void> {
  const jobs = await app.deps.sql<{ data: Record<string, string> }[]>`
    select data - 'traceparent' as data from pgboss.job where name = 'notifications.send'`;
  const data = jobs.map((job) => sendNotificationJob.schema.parse(job.data));
  await transaction(app.deps.sql, (tx) => app.deps.jobs.enqueue(tx, sendNotificationJob, data));
}

Deno.test("Each of two shipments is told of by a mail of its own, and by no second one when its job is repeated", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut("tok_success");
  const first = await ship(app, staff, order.id, {
    items: [{ line: 1, quantity: 2 }],
    carrier: "DHL",
    tracking_number: "0034-1",
  });
  const second = await ship(app, staff, order.id, { carrier: "Royal Mail", tracking_number: "RM-2" });
  assertEquals(await mailAll(app), 3);
  const told = await mailsTo(app, user, "order_shipped");
  assertEquals(told.map(({ order_id, subject_id }) => [order_id, subject_id]), [
    [order.id, first.id],
    [order.id, second.id],
  ]);
  assert(
    told[0]!.body.includes(`2 × Name of ${shop.sku}\n\nCarrier: DHL\nTracking number: 0034-1`),
    told[0]!.body,
  );
  assert(told[1]!.body.includes(`1 × Name of ${shop.sku}\n\nCarrier: Royal Mail\nTracking number: RM-2`));
  assert(told.every(({ body }) => body.includes("LS1 1UR Leeds\nUnited Kingdom")));
  const all = await mailsTo(app, user);
  await repeatMails(app);
  assertEquals(await mailAll(app), 3);
  assertEquals(await mailsTo(app, user), all);
});

Deno.test("Of a shipment that was cancelled before its mail was written nobody is told; of the one in its place they are", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut("tok_success");
  const { id } = await ship(app, staff, order.id, {});
  const cancelled = await app.request("POST", `/v1/shipments/${id}/cancellation`, { token: staff.token });
  assertEquals(cancelled.status, 200);
  const again = await ship(app, staff, order.id, {});
  await mailAll(app);
  assertEquals((await mailsTo(app, user, "order_shipped")).map(({ subject_id }) => subject_id), [again.id]);
});

Deno.test("An order that staff send as a whole is told of like a shipment, and its delivery is not", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut("tok_success");
  await deliver(app, staff, order.id);
  await mailAll(app);
  assertEquals((await mailsTo(app, user)).map(({ template }) => template).sort(), [
    "order_confirmed",
    "order_shipped",
  ]);
});

Deno.test("Each refund is told of by a mail of its own with its amount and reason, and never twice", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order } = await checkOut("tok_success");
  const refunds = [
    (await tryToRefund(app, staff, order.id, { amount: 1000, reason: "A handle broke" })).body,
    (await tryToRefund(app, staff, order.id, { amount: 5, reason: "Goodwill" })).body,
  ];
  await mailAll(app);
  const told = await mailsTo(app, user, "refund_sent");
  assertEquals(told.map(({ subject_id }) => subject_id), refunds.map(({ id }) => id));
  assert(
    told[0]!.body.startsWith(
      `We have refunded €10.00 of your order ${order.number}.\n\nReason: A handle broke`,
    ),
  );
  assert(
    told[1]!.body.startsWith(`We have refunded €0.05 of your order ${order.number}.\n\nReason: Goodwill`),
  );
  await repeatMails(app);
  await mailAll(app);
  assertEquals(await mailsTo(app, user, "refund_sent"), told);
});

Deno.test("Money that arrives for an expired order goes back by itself, and its customer is told", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut, pass } = shop;
  const { order } = await checkOut();
  const { body: payment } = await tryToPay(app, user, order.id, "tok_late");
  assertEquals(payment.status, "processing");
  await pass(8 * DAY_MS);
  await sweep(app);
  assertEquals(await expire(app), 1);
  const settled = await app.request("POST", `/v1/sandbox/charges/${payment.provider_reference}/settle`, {
    token: shop.staff.token,
  });
  assertEquals(settled.status, 200, JSON.stringify(settled.body));
  await mailAll(app);
  const told = await mailsTo(app, user);
  assertEquals(told.map(({ template }) => template).sort(), [
    "order_expired",
    "refund_sent",
  ]);
  const { body } = told.find(({ template }) => template === "refund_sent")!;
  assert(
    body.startsWith(
      `We have refunded €65.96 of your order ${order.number}.\n\nReason: The order has expired`,
    ),
  );
});

Deno.test("A refund that its provider refused is not told of as sent, nor one of nothing", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku, checkOut } = shop;
  const { sku: gift } = await addExport(app, { prices: { EUR: 0 } });
  const { order: paid } = await checkedOut(app, user, { [gift]: 1, [sku]: 1 }, "tok_success");
  const { line } = paid.items.find((item: { sku: string }) => item.sku === gift);
  const free = await tryToRefund(app, staff, paid.id, { items: [{ line, quantity: 1 }] });
  assertEquals([free.body.status, free.body.amount], ["succeeded", 0], JSON.stringify(free.body));
  const { order } = await checkOut("tok_refund_refused");
  const refused = await tryToRefund(app, staff, order.id);
  assertEquals(refused.body.status, "failed", JSON.stringify(refused.body));
  await mailAll(app);
  assertEquals(await mailsTo(app, user, "refund_sent"), []);
});

Deno.test("An order that costs nothing is confirmed like any other", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff } = shop;
  const { sku } = await addProduct(app, { sku: `GIFT-${newId()}`, prices: { EUR: 0 } });
  const { id } = await place(app, staff, { [sku]: 1 }, { user_id: user.id });
  await mailAll(app);
  assertEquals((await mailsTo(app, user)).map(({ order_id, template }) => [order_id, template]), [
    [id, "order_confirmed"],
  ]);
});

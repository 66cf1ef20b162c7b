import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Webhook } from "standardwebhooks";
import { systemCtx } from "../../src/deps.ts";
import { transaction } from "../../src/platform/db.ts";
import { deliver, deliverWebhook } from "../../src/webhooks/mod.ts";
import { listSubscribers } from "../../src/webhooks/queries.ts";
import { PingMessage } from "../../src/webhooks/schemas.ts";
import { startWorker } from "../../workers/worker.ts";
import {
  ask,
  createEndpoint,
  deliverDue,
  endpointOf,
  LOCAL,
  makeDue,
  nextJobAt,
  onlyDelivery,
  placeOne,
  type Received,
  startReceiver,
  startTold,
} from "../http/webhooks/receiver.ts";
import { startTestApp } from "../support/app.ts";
import { TestClock } from "../support/clock.ts";
import { untilWaiting } from "../support/lock_waits.ts";
import { addProduct, orderBody, patch, place } from "../support/orders.ts";
import { until } from "../support/until.ts";
import { readLog } from "../support/worker.ts";

const HOUR_MS = 3_600_000;
const DEADLINE_MS = 60_000;
/** A worker that is busy comes as much later than an attempt is due. */
const LATE_MS = 60_000;

/** Ahead of the database's, so that no retry is due before the test lets it be, however slow the machine is. */
const clockAhead = () => new TestClock(new Date(Date.now() + HOUR_MS));

Deno.test("Every endpoint gets each event that it asked for once, signed, and no other", async () => {
  await using app = await startTestApp(LOCAL);
  await using all = startReceiver();
  await using some = startReceiver();
  await using none = startReceiver();
  const staff = await app.user("staff");
  const { sku } = await addProduct(app);
  await place(app, await app.user(), { [sku]: 1 });
  await readLog(app.deps);
  const { secret } = await createEndpoint(app, staff, all.url, ["*", "order.*", "order.created"]);
  await createEndpoint(app, staff, some.url, ["order.cancelled", "product.*"]);
  const { id: off } = await createEndpoint(app, staff, none.url);
  await ask(app, staff, "PATCH", `/v1/webhook-endpoints/${off}`, 200, { status: "disabled" });

  const order = await place(app, await app.user(), { [sku]: 2 });
  await readLog(app.deps);
  await patch(app, staff, order.id, { status: "CANCELLED" });
  await app.deps.sql`update log_readers set position = position - 1 where name = 'webhooks'`;
  await Promise.all([readLog(app.deps), readLog(app.deps)]);
  await Promise.all([deliverDue(app.deps), deliverDue(app.deps)]);

  const events = await app.deps.sql`
    select id, position, type, version, json_build_object('type', aggregate_type, 'id', aggregate_id) as aggregate,
           sequence, occurred_at, actor, request_id, data
    from events order by position offset 2`;
  const byId = (a: { id: string }, b: { id: string }) => a.id < b.id ? -1 : 1;
  const sent = ({ received }: { received: Received[] }) =>
    received.map(({ headers, message: { type, timestamp, data: event } }) => {
      assertEquals([headers["webhook-id"], type, timestamp], [event.id, event.type, event.occurred_at]);
      return event;
    }).sort(byId);
  assertEquals(events.map(({ type }) => type).sort(), [
    "inventory.updated",
    "inventory.updated",
    "order.cancelled",
    "order.created",
  ]);
  assertEquals(sent(all), [...events].sort(byId as never) as never);
  assertEquals(sent(some).map(({ type }) => type), ["order.cancelled"]);
  assertEquals(none.received, []);
  assertEquals((await ask(app, staff, "GET", `/v1/webhook-endpoints/${off}/deliveries`, 200)).data, []);
  for (const { headers, body } of all.received) {
    assertEquals(headers["content-type"], "application/json");
    assertEquals(headers.host, `127.0.0.1:${all.port}`);
    new Webhook(secret).verify(body, headers);
    assertThrows(() => new Webhook(secret).verify(body.replace("EUR", "GBP").replace("sku", "SKU"), headers));
  }
});

Deno.test("An endpoint is sent what happens from its creation on, and nothing of a pile that no worker had read by then", async () => {
  const clock = clockAhead();
  await using app = await startTestApp(LOCAL, { clock });
  await using receiver = startReceiver();
  await placeOne(app);
  clock.pass(HOUR_MS);
  const staff = await app.user("staff");
  await createEndpoint(app, staff, receiver.url, ["order.created"]);
  clock.pass(-2000); // by the clock of another API
  const order = await placeOne(app);
  await readLog(app.deps);
  await deliverDue(app.deps);
  assertEquals(receiver.received.map(({ message }) => message.data.data.id), [order.id]);
});

Deno.test("During an overlap the old and the new secret verify, after it only the new one", async () => {
  const clock = new TestClock(new Date(Date.now() - HOUR_MS + 30_000));
  await using app = await startTestApp(LOCAL, { clock });
  await using receiver = startReceiver();
  const staff = await app.user("staff");
  const endpoint = await createEndpoint(app, staff, receiver.url);
  const path = `/v1/webhook-endpoints/${endpoint.id}`;
  const rotated = await ask(app, staff, "POST", `${path}/secret-rotation`, 200, { overlap_hours: 1 });
  const ping = async () => {
    await ask(app, staff, "POST", `${path}/ping`, 202);
    await deliverDue(app.deps);
    return receiver.received.at(-1)!;
  };
  const verifies = (secret: string, { body, headers }: Received) => {
    try {
      new Webhook(secret).verify(body, headers);
      return true;
    } catch {
      return false;
    }
  };
  clock.pass(HOUR_MS - 30_000);
  const during = await ping();
  clock.pass(60_000);
  const after = await ping();
  const again = await ask(app, staff, "POST", `${path}/secret-rotation`, 200, { overlap_hours: 0 });
  const atOnce = await ping();
  assertEquals(
    [during, after, atOnce].map((message) =>
      [endpoint, rotated, again].map(({ secret }) => verifies(secret, message))
    ),
    [[true, true, false], [false, true, false], [false, false, true]],
  );
  assertEquals(during.headers["webhook-signature"]!.split(" ").length, 2);
  assertEquals(after.headers["webhook-signature"]!.split(" ").length, 1);
});

Deno.test("A refused message comes again by the schedule under the same id, and every attempt is on record", async () => {
  const clock = clockAhead();
  await using told = await startTold({ orders: 1, clock });
  const { app, receiver, staff, id } = told;
  receiver.answer = () => new Response("no\0w", { status: 500, headers: { "Retry-After": "3600" } });
  for (const [attempt, seconds] of [5, 30, 120, 600, 1800, 3600].entries()) {
    assertEquals(await deliverDue(app.deps), 1);
    assertEquals(await deliverDue(app.deps), 0, "not before its time");
    const delivery = await onlyDelivery(app, staff, id);
    assertEquals([delivery.status, delivery.attempts], ["pending", attempt + 1]);
    const wait = (Date.parse(delivery.next_attempt_at) - clock.now().getTime()) / 1000;
    assert(wait >= seconds && wait <= seconds * 1.2, `${wait} s`);
    assertEquals(await nextJobAt(app.deps, delivery.id), delivery.next_attempt_at);
    const groups = await app.deps
      .sql`select distinct group_id from pgboss.job where name = ${deliverWebhook.name}`;
    assertEquals(
      groups.map(({ group_id }) => group_id),
      [id],
      "which has its places, whatever attempt it is",
    );
    clock.set(delivery.next_attempt_at);
    await makeDue(app.deps);
  }
  receiver.answer = () => new Response("x".repeat(5000));
  assertEquals(await deliverDue(app.deps), 1);
  const delivery = await onlyDelivery(app, staff, id);
  assertEquals([delivery.status, delivery.attempts, delivery.next_attempt_at], ["succeeded", 7, null]);
  assertEquals(delivery.finished_at, clock.now().toISOString());
  const log = delivery.attempt_log;
  assertEquals(log.map(({ attempt }: { attempt: number }) => attempt), [1, 2, 3, 4, 5, 6, 7]);
  assertEquals([log[0].response_status, log[0].response_body, log[0].error], [500, "now", null]);
  assertEquals([log[6].response_status, log[6].response_body], [200, "x".repeat(1024)]);
  assertEquals(receiver.received.length, 7);
  assertEquals(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size, 1);
  assertEquals(new Set(receiver.received.map(({ body }) => body)).size, 1);
  assertEquals(await nextJobAt(app.deps, delivery.id), undefined);
});

Deno.test("Retry-After of a 429 or 503 is waited for", async () => {
  const clock = clockAhead();
  await using told = await startTold({ orders: 1, clock });
  const { app, receiver, staff, id } = told;
  for (
    const [status, retryAfter, seconds] of [
      [429, "1200", 1200],
      [503, new Date(clock.now().getTime() + 7_200_000).toUTCString(), 7200],
      [503, "999999", 86_400],
    ] as const
  ) {
    receiver.answer = () => new Response(null, { status, headers: { "Retry-After": retryAfter } });
    assertEquals(await deliverDue(app.deps), 1);
    const delivery = await onlyDelivery(app, staff, id);
    const wait = (Date.parse(delivery.next_attempt_at) - clock.now().getTime()) / 1000;
    assert(Math.abs(wait - seconds) <= 1, `${retryAfter}: ${wait} s`);
    await makeDue(app.deps);
  }
});

Deno.test("410 disables the endpoint, whatever it took just before, and what waited for it is not sent", async () => {
  await using told = await startTold({ orders: 3 });
  const { app, receiver, staff, id } = told;
  receiver.answer = () => new Response(null, { status: receiver.received.length === 1 ? 204 : 410 });
  assertEquals(await deliverDue(app.deps), 3);
  assertEquals(receiver.received.length, 2);
  const endpoint = await endpointOf(app, staff, id);
  assertEquals([endpoint.status, endpoint.disabled_reason, endpoint.version], [
    "disabled",
    "The receiver answered 410 Gone.",
    2,
  ]);
  const { data } = await ask(app, staff, "GET", `/v1/webhook-endpoints/${id}/deliveries?status=failed`, 200);
  assertEquals(data.length, 2);
  const deliveries = await Promise.all(
    data.map(({ id }: { id: string }) => ask(app, staff, "GET", `/v1/webhook-deliveries/${id}`, 200)),
  );
  const unsent = deliveries.find(({ attempt_log: [only] }) => only.response_status === null);
  assertEquals(unsent.attempt_log[0].error, "Not sent: the endpoint is disabled.");

  const redelivery = `/v1/webhook-deliveries/${unsent.id}/redelivery`;
  assertEquals((await ask(app, staff, "POST", redelivery, 409)).code, "invalid_transition");
  const named = await ask(app, staff, "PATCH", `/v1/webhook-endpoints/${id}`, 200, { description: "Gone?" });
  assertEquals([named.status, named.disabled_reason], ["disabled", "The receiver answered 410 Gone."]);
  const enabled = await ask(app, staff, "PATCH", `/v1/webhook-endpoints/${id}`, 200, { status: "enabled" });
  assertEquals([enabled.status, enabled.disabled_reason], ["enabled", null]);
  receiver.answer = () => new Response();
  await ask(app, staff, "POST", redelivery, 202);
  assertEquals(await deliverDue(app.deps), 1);
  assertEquals(receiver.received.length, 3);
});

Deno.test("An endpoint that staff change while a 410 disables it is disabled, once, and keeps the change", async () => {
  for (const changed of ["enabled", "disabled"]) {
    await using told = await startTold({ orders: 1 });
    const { app, receiver, staff, id } = told;
    receiver.answer = () => new Response(null, { status: 410 });
    const { delivering } = await app.deps.sql.begin(async (tx) => {
      await tx`
        update webhook_endpoints set description = 'moved', status = ${changed}, version = version + 1 where id = ${id}`;
      const delivering = deliverDue(app.deps);
      await untilWaiting(tx);
      return { delivering };
    });
    assertEquals(await delivering, 1);
    const { status, description, version } = await endpointOf(app, staff, id);
    assertEquals([status, description, version], ["disabled", "moved", changed === "enabled" ? 3 : 2]);
  }
});

Deno.test("A 410 of the address that an endpoint had until just now disables nothing: the message goes to the new one", async () => {
  await using told = await startTold({ orders: 1 });
  await using moved = startReceiver();
  const { app, receiver, staff, id } = told;
  receiver.answer = async () => {
    await ask(app, staff, "PATCH", `/v1/webhook-endpoints/${id}`, 200, { url: moved.url });
    return new Response(null, { status: 410 });
  };
  assertEquals(await deliverDue(app.deps), 2);
  assertEquals([receiver.received.length, moved.received.length], [1, 1]);
  assertEquals((await endpointOf(app, staff, id)).status, "enabled");
  const { status, attempt_log } = await onlyDelivery(app, staff, id);
  assertEquals(status, "succeeded");
  assertEquals(
    attempt_log.map(({ response_status }: { response_status: number }) => response_status),
    [410, 200],
  );
});

Deno.test("An endpoint cannot be deleted between the look who gets events and the deliveries to it", async () => {
  await using told = await startTold({ orders: 1 });
  const { app, staff, id } = told;
  await app.deps.sql`delete from webhook_deliveries`;
  const { deleting } = await transaction(app.deps.sql, async (tx) => {
    assertEquals((await listSubscribers(tx)).length, 1);
    const deleting = ask(app, staff, "DELETE", `/v1/webhook-endpoints/${id}`, 204);
    await untilWaiting(tx);
    return { deleting };
  });
  await deleting;
  assertEquals(await app.deps.sql`select from webhook_endpoints`.then(({ length }) => length), 0);
});

Deno.test("A message that fails for three days disables its endpoint, unless another succeeded meanwhile", async () => {
  for (const success of ["never", "before", "elsewhere", "meanwhile"]) {
    const clock = clockAhead();
    await using told = await startTold({ orders: 0, clock });
    const { app, receiver, staff, id } = told;
    await using elsewhere = startReceiver();
    const other = await createEndpoint(app, staff, elsewhere.url, ["product.created"]);
    const beDue = async (at: string) => {
      clock.set(at);
      clock.pass(LATE_MS);
      await makeDue(app.deps);
    };
    if (success === "before") {
      await ask(app, staff, "POST", `/v1/webhook-endpoints/${id}/ping`, 202);
      assertEquals(await deliverDue(app.deps), 1);
      clock.pass(HOUR_MS);
    }
    await placeOne(app);
    await readLog(app.deps);
    const [{ id: deliveryId } = assert(false)] = await app.deps.sql`
      select id from webhook_deliveries where status = 'pending'`;
    receiver.answer = () => new Response(null, { status: 502 });
    let delivery;
    for (;;) {
      assertEquals(await deliverDue(app.deps), 1);
      delivery = await ask(app, staff, "GET", `/v1/webhook-deliveries/${deliveryId}`, 200);
      if (delivery.status !== "pending") break;
      await beDue(delivery.next_attempt_at);
      if (!["elsewhere", "meanwhile"].includes(success) || delivery.attempts !== 12) continue;
      receiver.answer = ({ message }) =>
        new Response(null, { status: message.type === "webhook.ping" ? 204 : 502 });
      const pinged = success === "meanwhile" ? id : other.id;
      await ask(app, staff, "POST", `/v1/webhook-endpoints/${pinged}/ping`, 202);
      assertEquals(await deliverDue(app.deps), 2);
      delivery = await ask(app, staff, "GET", `/v1/webhook-deliveries/${deliveryId}`, 200);
      await beDue(delivery.next_attempt_at);
    }
    assertEquals(delivery.status, "failed");
    // Less late than a worker comes, where chance put the last but one so shortly before the end.
    const late = Date.parse(delivery.finished_at) - Date.parse(delivery.created_at) - 72 * HOUR_MS;
    assert(late >= 0 && late <= LATE_MS, `given up ${late} ms after three days`);
    const endpoint = await endpointOf(app, staff, id);
    assertEquals(
      [endpoint.status, endpoint.disabled_reason],
      success === "meanwhile" ? ["enabled", null] : ["disabled", "No delivery succeeded for three days."],
    );
  }
});

Deno.test("One failed attempt to send an old delivery again disables no endpoint", async () => {
  const clock = clockAhead();
  await using told = await startTold({ orders: 1, clock });
  const { app, receiver, staff, id } = told;
  assertEquals(await deliverDue(app.deps), 1);
  const { id: deliveryId } = await onlyDelivery(app, staff, id);
  clock.pass(72.5 * HOUR_MS);
  receiver.answer = () => new Response(null, { status: 503 });
  await ask(app, staff, "POST", `/v1/webhook-deliveries/${deliveryId}/redelivery`, 202);
  assertEquals(await deliverDue(app.deps), 1);
  assertEquals((await onlyDelivery(app, staff, id)).status, "failed");
  assertEquals((await endpointOf(app, staff, id)).status, "enabled");
});

Deno.test("Where no worker came for days, one failed attempt after them disables no endpoint", async () => {
  const clock = clockAhead();
  await using told = await startTold({ orders: 1, clock });
  const { app, receiver, staff, id } = told;
  receiver.answer = () => new Response(null, { status: 503 });
  assertEquals(await deliverDue(app.deps), 1);
  clock.pass(96 * HOUR_MS);
  await makeDue(app.deps);
  assertEquals(await deliverDue(app.deps), 1);
  assertEquals((await onlyDelivery(app, staff, id)).status, "failed");
  assertEquals((await endpointOf(app, staff, id)).status, "enabled");
});

Deno.test("A ping is tried once, also where the endpoint is disabled, and says how it went", async () => {
  await using app = await startTestApp(LOCAL);
  const receiver = startReceiver();
  const staff = await app.user("staff");
  const { id, secret } = await createEndpoint(app, staff, receiver.url, ["order.created"]);
  const path = `/v1/webhook-endpoints/${id}`;
  await ask(app, staff, "PATCH", path, 200, { status: "disabled" });
  const ping = async () => {
    const made = await ask(app, staff, "POST", `${path}/ping`, 202);
    assertEquals([made.status, made.event_type, made.event_id], ["pending", "webhook.ping", null]);
    assertEquals(await deliverDue(app.deps), 1);
    return await ask(app, staff, "GET", `/v1/webhook-deliveries/${made.id}`, 200);
  };
  const good = await ping();
  assertEquals([good.status, good.attempt_log[0].response_body], ["succeeded", "ok"]);
  const [{ headers, body, message }] = receiver.received as [Received];
  assertEquals([headers["waybill-endpoint-id"], headers["webhook-id"], message.type, message.data], [
    id,
    good.id,
    "webhook.ping",
    { endpoint_id: id },
  ]);
  assertEquals(PingMessage.parse(message), message, "as the contract has it");
  new Webhook(secret).verify(body, headers);
  receiver.answer = () => new Response(null, { status: 500 });
  assertEquals((await ping()).status, "failed");
  await receiver[Symbol.asyncDispose]();
  const unanswered = await ping();
  assertEquals([unanswered.status, unanswered.attempts], ["failed", 1]);
  await ask(app, staff, "POST", `/v1/webhook-deliveries/${unanswered.id}/redelivery`, 202);
  assertEquals(unanswered.attempt_log[0].response_status, null);
  assertMatch(unanswered.attempt_log[0].error, /ECONNREFUSED/);
});

Deno.test("A finished delivery can be sent again under the same id, a pending one not", async () => {
  const clock = clockAhead();
  await using told = await startTold({ orders: 1, clock });
  const { app, receiver, staff, id } = told;
  const { id: deliveryId } = await onlyDelivery(app, staff, id);
  const path = `/v1/webhook-deliveries/${deliveryId}`;
  await ask(app, staff, "POST", `${path}/redelivery`, 409);
  await deliverDue(app.deps);
  assertEquals((await ask(app, staff, "POST", `${path}/redelivery`, 202)).status, "pending");
  await ask(app, staff, "POST", `${path}/redelivery`, 409);
  await deliverDue(app.deps);
  assertEquals((await ask(app, staff, "GET", path, 200)).attempts, 2);
  clock.pass(73 * HOUR_MS);
  receiver.answer = () => new Response(null, { status: 500 });
  await ask(app, staff, "POST", `${path}/redelivery`, 202);
  await deliverDue(app.deps);
  const groups = await app.deps
    .sql`select distinct group_id from pgboss.job where name = ${deliverWebhook.name}`;
  assertEquals(groups.map(({ group_id }) => group_id), [id]);
  const delivery = await ask(app, staff, "GET", path, 200);
  assertEquals([delivery.status, delivery.attempts, delivery.attempt_log.length], ["failed", 3, 3]);
  assertEquals(receiver.received.length, 3);
  assertEquals(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size, 1);
});

Deno.test("Of two who ask at once that a delivery is sent again one is told that it waits already", async () => {
  await using told = await startTold({ orders: 1 });
  const { app, receiver, staff, id } = told;
  await deliverDue(app.deps);
  const { id: deliveryId } = await onlyDelivery(app, staff, id);
  const { asked } = await app.deps.sql.begin(async (tx) => {
    await tx`select id from webhook_deliveries where id = ${deliveryId} for update`;
    const path = `/v1/webhook-deliveries/${deliveryId}/redelivery`;
    const again = () => app.request("POST", path, { token: staff.token });
    const asked = Promise.all([again(), again()]);
    await untilWaiting(tx, { count: 2 });
    return { asked };
  });
  assertEquals((await asked).map(({ status }) => status).sort(), [202, 409]);
  assertEquals(await deliverDue(app.deps), 1);
  assertEquals(receiver.received.length, 2);
});

Deno.test("An attempt that is made twice, as after a kill, sends twice and is recorded once", async () => {
  await using told = await startTold({ orders: 1 });
  const { app, receiver, staff, id } = told;
  const { id: deliveryId } = await onlyDelivery(app, staff, id);
  const both = Promise.withResolvers<void>();
  receiver.answer = async () => {
    if (receiver.received.length === 2) both.resolve();
    await both.promise;
    return new Response(null, { status: 500 });
  };
  const attempt = () =>
    deliver(
      systemCtx(app.deps, deliverWebhook.name),
      { delivery_id: deliveryId, attempt: 1 },
      new AbortController().signal,
    );
  await Promise.all([attempt(), attempt()]);
  await attempt();
  assertEquals(receiver.received.length, 2);
  const delivery = await onlyDelivery(app, staff, id);
  assertEquals([delivery.status, delivery.attempts, delivery.attempt_log.length], ["pending", 1, 1]);
  assertEquals(
    (await app.deps
      .sql`select from pgboss.job where name = ${deliverWebhook.name} and data->>'attempt' = '2'`)
      .length,
    1,
  );
});

Deno.test("An attempt that is ended with its worker is not recorded, and can be made again", async () => {
  await using app = await startTestApp(LOCAL);
  await using receiver = startReceiver();
  const staff = await app.user("staff");
  const { id } = await createEndpoint(app, staff, receiver.url);
  const { id: deliveryId } = await ask(app, staff, "POST", `/v1/webhook-endpoints/${id}/ping`, 202);
  const ending = new AbortController();
  const ended = Promise.withResolvers<void>();
  receiver.answer = async () => {
    ending.abort(new Error("the worker ends"));
    await ended.promise;
    return new Response();
  };
  const ctx = systemCtx(app.deps, deliverWebhook.name);
  const failure = await deliver(ctx, { delivery_id: deliveryId, attempt: 1 }, ending.signal)
    .catch((error) => error);
  ended.resolve();
  assertEquals(failure?.message, "the worker ends");
  assertEquals((await onlyDelivery(app, staff, id)).attempts, 0);
  assertEquals(await deliverDue(app.deps), 1);
  assertEquals((await onlyDelivery(app, staff, id)).status, "succeeded");
});

Deno.test("Secrets are in no job, no delivery and no line of the log", async () => {
  const lines: unknown[] = [];
  const write = (...line: unknown[]) => void lines.push(line);
  const log = { debug: write, info: write, warn: write, error: write };
  await using app = await startTestApp(LOCAL, { log });
  await using receiver = startReceiver();
  const staff = await app.user("staff");
  const { id, secret } = await createEndpoint(app, staff, receiver.url);
  receiver.answer = () => new Response(null, { status: 410 });
  await placeOne(app);
  await readLog(app.deps);
  await deliverDue(app.deps);
  assert(JSON.stringify(lines).includes(id), "the end of the endpoint is logged");
  const { sql } = app.deps;
  const kept = [
    lines,
    await sql`select data, output from pgboss.job`,
    await sql`select * from webhook_deliveries`,
    await sql`select * from webhook_attempts`,
  ];
  assert(!JSON.stringify(kept).includes(secret.slice(6, 30)));
  assert(!JSON.stringify(kept).includes("webhook-signature"));
});

Deno.test("A worker sends what happens, and a retry that is due, by itself", async () => {
  await using app = await startTestApp({ ...LOCAL, WORKER_PORT: "0" });
  await using receiver = startReceiver();
  const [staff, user] = [await app.user("staff"), await app.user()];
  const { id } = await createEndpoint(app, staff, receiver.url, ["order.created"]);
  const { sku } = await addProduct(app);
  const arrived = Promise.withResolvers<void>();
  const again = Promise.withResolvers<void>();
  receiver.answer = () => {
    (receiver.received.length === 1 ? arrived : again).resolve();
    return new Response(null, { status: receiver.received.length === 1 ? 500 : 200 });
  };
  const deadline = setTimeout(() => again.reject(new Error("not in time")), DEADLINE_MS);
  const worker = await startWorker(app.deps);
  try {
    await ask(app, user, "POST", "/v1/orders", 201, orderBody({ [sku]: 1 }));
    await Promise.race([arrived.promise, again.promise]);
    await until(async () => (await onlyDelivery(app, staff, id)).attempts > 0, "the attempt is on record");
    await makeDue(app.deps);
    await again.promise;
    await until(
      async () => (await onlyDelivery(app, staff, id)).status !== "pending",
      "the delivery has ended",
    );
    const { status, attempts } = await onlyDelivery(app, staff, id);
    assertEquals([status, attempts], ["succeeded", 2]);
  } finally {
    clearTimeout(deadline);
    await worker.stop();
  }
});

Deno.test("An endpoint that does not answer holds up no delivery to another", async () => {
  await using app = await startTestApp({
    ...LOCAL,
    WORKER_PORT: "0",
    WORKER_CONCURRENCY_NOTIFICATIONS: "1",
  });
  await using silent = startReceiver();
  await using other = startReceiver();
  const staff = await app.user("staff");
  const { id: silentId } = await createEndpoint(app, staff, silent.url);
  const { id: otherId } = await createEndpoint(app, staff, other.url);
  const asked = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  silent.answer = async () => {
    asked.resolve();
    await released.promise;
    return new Response();
  };
  other.answer = () => {
    arrived.resolve();
    return new Response();
  };
  const ping = (id: string) => ask(app, staff, "POST", `/v1/webhook-endpoints/${id}/ping`, 202);
  // All of them, ten at a time, would take a minute and a half to give up.
  const deadline = setTimeout(() => arrived.reject(new Error("not in time")), 60_000);
  const worker = await startWorker(app.deps);
  try {
    for (let i = 0; i < 60; i++) await ping(silentId);
    await Promise.race([asked.promise, arrived.promise]);
    await ping(otherId);
    await arrived.promise;
    assert(silent.received.length < 10, `${silent.received.length} at once`);
  } finally {
    clearTimeout(deadline);
    released.resolve();
    await worker.stop();
  }
});

Deno.test("However many deliveries come with one word, those that are slow hold up no other", async () => {
  await using app = await startTestApp({
    ...LOCAL,
    WORKER_PORT: "0",
    WORKER_CONCURRENCY_NOTIFICATIONS: "1",
  });
  await using silent = startReceiver();
  await using other = startReceiver();
  const staff = await app.user("staff");
  const slow = [await createEndpoint(app, staff, silent.url), await createEndpoint(app, staff, silent.url)];
  const quick = await createEndpoint(app, staff, other.url);
  const released = Promise.withResolvers<void>();
  silent.answer = async () => {
    await released.promise;
    return new Response();
  };
  const { sql, jobs } = app.deps;
  const enqueue = (ids: string[]) =>
    transaction(sql, async (tx) => {
      const rows = await tx<{ id: string; endpoint_id: string }[]>`
        insert into webhook_deliveries (id, endpoint_id, event_type, next_attempt_at, created_at)
        select gen_random_uuid(), endpoint::uuid, 'webhook.ping', now(), now() from unnest(${ids}::text[]) as endpoint
        returning id, endpoint_id`;
      const deliveries = rows.map(({ id }) => ({ delivery_id: id, attempt: 1 }));
      await jobs.enqueue(tx, deliverWebhook, deliveries, { groups: rows.map((row) => row.endpoint_id) });
    });
  const worker = await startWorker(app.deps);
  try {
    await enqueue(slow.flatMap(({ id }) => [id, id, id]));
    await enqueue([quick.id]);
    jobs.announce();
    // Sooner than the slow ones are given up.
    await until(() => other.received.length === 1, "the quick one is sent", 12_000);
    await until(() => silent.received.length === 6, "and the slow ones are under way");
  } finally {
    released.resolve();
    await worker.stop();
  }
});

Deno.test("A worker that is told to stop finishes the delivery that is under way", async () => {
  await using app = await startTestApp({ ...LOCAL, WORKER_PORT: "0" });
  await using receiver = startReceiver();
  const staff = await app.user("staff");
  const { id } = await createEndpoint(app, staff, receiver.url);
  const asked = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  receiver.answer = async () => {
    asked.resolve();
    await released.promise;
    return new Response();
  };
  const worker = await startWorker(app.deps);
  await ask(app, staff, "POST", `/v1/webhook-endpoints/${id}/ping`, 202);
  await asked.promise;
  const stopping = worker.stop();
  released.resolve();
  await stopping;
  const { status, attempts } = await onlyDelivery(app, staff, id);
  assertEquals([status, attempts], ["succeeded", 1]);
});

Deno.test("Not every delivery to an endpoint that has all its places has all that wait looked through", async () => {
  await using app = await startTestApp({
    ...LOCAL,
    WORKER_PORT: "0",
    WORKER_CONCURRENCY_NOTIFICATIONS: "1",
  });
  await using receiver = startReceiver();
  const { id } = await createEndpoint(app, await app.user("staff"), receiver.url);
  const [waiting, awaited] = [10_000, 300];
  const arrived = Promise.withResolvers<void>();
  receiver.answer = () => {
    if (receiver.received.length === awaited) arrived.resolve();
    return new Response();
  };
  const { sql, jobs } = app.deps;
  const deadline = setTimeout(() => arrived.reject(new Error("not in time")), 60_000);
  const worker = await startWorker(app.deps);
  try {
    await transaction(sql, async (tx) => {
      const rows = await tx<{ id: string }[]>`
        insert into webhook_deliveries (id, endpoint_id, event_type, next_attempt_at, created_at)
        select gen_random_uuid(), ${id}, 'webhook.ping', now(), now() from generate_series(1, ${waiting}::int)
        returning id`;
      const deliveries = rows.map((row) => ({ delivery_id: row.id, attempt: 1 }));
      await jobs.enqueue(tx, deliverWebhook, deliveries, { groups: rows.map(() => id) });
      await tx`analyze pgboss.job_common`;
    });
    await arrived.promise;
    await sql`delete from pgboss.job where name = ${deliverWebhook.name} and state = 'created'`;
  } finally {
    clearTimeout(deadline);
    await worker.stop();
  }
  // A connection says what it read when it ends at the latest.
  await until(async () => {
    const open = await sql`
      select from pg_stat_activity where datname = current_database() and application_name = 'waybill-jobs'`;
    return open.length === 0;
  }, "the connections of the jobs have ended");
  const { length } = receiver.received;
  const [read] = await sql<{ rows: number }[]>`
    select sum(idx_tup_fetch)::int as rows from pg_stat_user_tables where schemaname = 'pgboss'`;
  assert(read!.rows < length * waiting / 4, `${read!.rows} rows were read for ${length} deliveries`);
});

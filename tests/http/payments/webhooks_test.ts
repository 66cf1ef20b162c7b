import { assertEquals } from "@std/assert";
import { deleteOldWebhooks } from "../../../src/payments/mod.ts";
import { ProviderError } from "../../../src/payments/providers/provider.ts";
import type { TestApp } from "../../support/app.ts";
import { assertBooksBalance, read, typesOf } from "../../support/orders.ts";
import {
  assertBankAgrees,
  bankMessage,
  letRetriesBeDue,
  letWorkerCatchUp,
  MINUTE_MS,
  payThrough,
  postWebhook,
  readPayment,
  sandboxOf,
  startPaidShop,
} from "../../support/payments.ts";

const remembered = async ({ deps: { sql } }: TestApp) =>
  (await sql`select event_id, processed_at is not null as done from payment_webhooks order by event_id`).map((
    { event_id, done },
  ) => [event_id, done]);

Deno.test("A webhook is believed only if its signature fits every byte of it, and it is new", async () => {
  await using shop = await startPaidShop();
  const { app, checkOut, pass } = shop;
  const { payment } = await checkOut("tok_3ds");
  const message = bankMessage(app, payment.provider_reference);
  const bad = [
    { ...message, body: message.body.replace("updated", "captured") },
    { ...message, body: ` ${message.body}` },
    { ...message, headers: { ...message.headers, "webhook-id": "evt_other" } },
    { ...message, headers: { ...message.headers, "webhook-signature": "v1,AAAA" } },
    { ...message, headers: { "content-type": "application/json" } },
  ];
  for (const each of bad) {
    const { status, body } = await postWebhook(app, each);
    assertEquals([status, body.code], [400, "invalid_signature"]);
  }
  await pass(5 * MINUTE_MS + 1000);
  assertEquals((await postWebhook(app, message)).body.code, "invalid_signature", "it is too old");
  assertEquals(await remembered(app), []);
  const fresh = bankMessage(app, payment.provider_reference);
  assertEquals((await postWebhook(app, fresh)).body, { received: true });
  const unknown = await postWebhook(app, fresh, "bitbank");
  assertEquals([unknown.status, unknown.body.code], [404, "not_found"]);
});

Deno.test("The bytes that were signed are the bytes that count, however the JSON is written", async () => {
  await using shop = await startPaidShop();
  const { app, clock } = shop;
  const { Webhook } = await import("standardwebhooks");
  const { sandboxSecret } = await import("../../../src/payments/providers/sandbox_webhook.ts");
  const secret = sandboxSecret(app.deps.config.signingKeys[0]!);
  const body =
    `{\n  "type" : "charge.updated",\r\n "data": { "reference": "sandbox_caf\\u00e9", "amount": 1.50 } }\n`;
  const headers = {
    "content-type": "application/json; charset=utf-8",
    "webhook-id": "evt_pretty",
    "webhook-timestamp": String(Math.floor(clock.at.getTime() / 1000)),
    "webhook-signature": `v1,AAAA ${new Webhook(secret).sign("evt_pretty", clock.at, body)}`,
  };
  assertEquals((await postWebhook(app, { body, headers })).body, { received: true });
});

Deno.test("A webhook that comes again is worked on once, and answered like the first", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_3ds");
  await sandboxOf(app).confirmAction(payment.provider_reference, "success");
  const message = bankMessage(app, payment.provider_reference, "evt_1");
  for (let i = 0; i < 5; i++) assertEquals((await postWebhook(app, message)).body, { received: true });
  assertEquals(await remembered(app), [["evt_1", false]]);
  assertEquals(
    (await readPayment(app, user, payment.id)).status,
    "requires_action",
    "answered before it is worked on",
  );
  assertEquals(await letWorkerCatchUp(app), { done: 1, failures: [] });
  assertEquals(await remembered(app), [["evt_1", true]]);
  assertEquals((await readPayment(app, user, payment.id)).status, "captured");
  await postWebhook(app, message);
  await postWebhook(app, bankMessage(app, payment.provider_reference, "evt_2"));
  assertEquals((await letWorkerCatchUp(app)).done, 1);
  assertEquals(await typesOf(app, "payment", payment.id), [
    "payment.created",
    "payment.updated",
    "payment.captured",
  ]);
  assertEquals((await read(app, user, order.id)).body.payment_status, "PAID");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("The customer's return and the webhook may come in either order, and the payment is captured once", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  for (const order of ["return, webhook", "webhook, return", "webhook, job, return", "return, return"]) {
    const { payment } = await checkOut("tok_3ds", { return_url: "https://shop.example/thanks" });
    await app.request("POST", payment.redirect_url, { form: { outcome: "success" } });
    for (const step of order.split(", ")) {
      if (step === "webhook") await postWebhook(app, bankMessage(app, payment.provider_reference));
      if (step === "job") assertEquals((await letWorkerCatchUp(app)).failures, []);
      if (step === "return") {
        const { body } = await app.request("POST", `/v1/payments/${payment.id}/refresh`, {
          token: user.token,
        });
        assertEquals(body.status, "captured", order);
      }
    }
    assertEquals((await letWorkerCatchUp(app)).failures, []);
    assertEquals(await typesOf(app, "payment", payment.id), [
      "payment.created",
      "payment.updated",
      "payment.captured",
    ], order);
  }
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A webhook that is faster than the charge's own answer waits, and is worked on when that is recorded", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { payment } = await checkOut("tok_timeout_after_charge");
  assertEquals([payment.status, payment.provider_reference], ["created", null]);
  const [charge] = await app.deps.sql`select reference from sandbox_charges`;
  await postWebhook(app, bankMessage(app, charge!.reference, "evt_early"));
  const early = await letWorkerCatchUp(app);
  assertEquals([early.done, early.failures.length], [0, 1]);
  assertEquals(await remembered(app), [["evt_early", false]]);
  const refreshed = await app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token });
  assertEquals(refreshed.body.status, "captured");
  await letRetriesBeDue(app);
  assertEquals(await letWorkerCatchUp(app), { done: 1, failures: [] });
  assertEquals(await remembered(app), [["evt_early", true]]);
  await assertBankAgrees(app);
});

Deno.test("A webhook about a payment that is none of ours is asked about for a day, and then done with", async () => {
  await using shop = await startPaidShop();
  const { app } = shop;
  const { sql } = app.deps;
  const told: unknown[] = [];
  app.deps.log.warn = (message, { provider_reference } = {}) =>
    /none of ours/.test(message) && told.push(provider_reference);
  await postWebhook(app, bankMessage(app, "of_another_shop", "evt_theirs"));
  let tries = 0;
  for (let failed = 1; failed > 0;) {
    failed = (await letWorkerCatchUp(app)).failures.length;
    tries++;
    await letRetriesBeDue(app);
  }
  assertEquals([tries, await remembered(app)], [35, [["evt_theirs", true]]]);
  assertEquals(told, ["of_another_shop"]);
  assertEquals([...await sql`select name from pgboss.job where state <> 'completed'`], []);
  await sql`update payment_webhooks set received_at = received_at - interval '1 year'`;
  await deleteOldWebhooks(sql, new AbortController().signal);
  assertEquals(await remembered(app), []);
});

Deno.test("A webhook whose provider does not say how the payment stands is worked on again, not forgotten", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { payment } = await checkOut("tok_3ds");
  const sandbox = sandboxOf(app);
  await sandbox.confirmAction(payment.provider_reference, "success");
  const mute = {
    ...sandbox,
    find: () => Promise.reject(new ProviderError("unknown", "timeout", "The bank did not answer in time.")),
  };
  payThrough(app, mute);
  await postWebhook(app, bankMessage(app, payment.provider_reference, "evt_1"));
  const first = await letWorkerCatchUp(app);
  assertEquals([first.done, first.failures.length], [0, 1]);
  assertEquals(await remembered(app), [["evt_1", false]]);
  const refreshed = await app.request("POST", `/v1/payments/${payment.id}/refresh`, { token: user.token });
  assertEquals(
    [refreshed.status, refreshed.body.status],
    [200, "requires_action"],
    "a customer is not made to wait",
  );
  payThrough(app, sandbox);
  await letRetriesBeDue(app);
  assertEquals(await letWorkerCatchUp(app), { done: 1, failures: [] });
  assertEquals((await readPayment(app, user, payment.id)).status, "captured");
});

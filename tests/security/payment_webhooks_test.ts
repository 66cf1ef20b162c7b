import { assert, assertEquals } from "@std/assert";
import { assertBooksBalance, read, startAnother } from "../support/orders.ts";
import {
  assertBankAgrees,
  bankMessage,
  letWorkerCatchUp,
  type PaidShop,
  postWebhook,
  readPayment,
  sandboxOf,
  startPaidShop,
} from "../support/payments.ts";

const remembered = async ({ app: { deps: { sql } } }: PaidShop) =>
  (await sql`select event_id from payment_webhooks order by event_id`).map(({ event_id }) => event_id);

Deno.test("A flipped bit anywhere in body, id, time or signature is a forgery", async () => {
  await using shop = await startPaidShop();
  const { app, checkOut } = shop;
  const { payment } = await checkOut("tok_3ds");
  const message = await bankMessage(app, payment.provider_reference);
  const bytes = new TextEncoder().encode(message.body);
  const send = async (body: Uint8Array<ArrayBuffer>, headers: Record<string, string>) => {
    const response = await app.fetch(
      new Request("http://waybill.test/v1/payment-webhooks/sandbox", { method: "POST", headers, body }),
    );
    return [response.status, (await response.json()).code];
  };
  for (let i = 0; i < bytes.length; i++) {
    const flipped = bytes.slice();
    flipped[i]! ^= 1 << (i % 8);
    const [status, code] = await send(flipped, message.headers);
    assertEquals(status, 400, `byte ${i}`);
    assert(code === "invalid_signature" || code === "malformed_json", `byte ${i}: ${code}`);
  }
  for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature"]) {
    const value = message.headers[name]!;
    const [last] = value.slice(-3);
    for (
      const other of ["", `${value}x`, value.slice(0, -3) + (last === "1" ? "2" : "1") + value.slice(-2)]
    ) {
      const headers = { ...message.headers, [name]: other };
      assertEquals(await send(bytes, headers), [400, "invalid_signature"], `${name}: ${other}`);
    }
  }
  assertEquals(await remembered(shop), []);
  assertEquals((await send(bytes, message.headers))[0], 200);
});

Deno.test("A body that was parsed and written anew is a forgery, and so is a message signed for another endpoint", async () => {
  await using shop = await startPaidShop();
  const { app, staff, clock, checkOut } = shop;
  const { payment } = await checkOut("tok_3ds");
  const message = await bankMessage(app, payment.provider_reference);
  const anew = JSON.stringify(JSON.parse(message.body), null, 1);
  assertEquals((await postWebhook(app, { ...message, body: anew })).body.code, "invalid_signature");

  const { body: endpoint } = await app.request("POST", "/v1/webhook-endpoints", {
    token: staff.token,
    body: { url: "https://1.1.1.1/hooks", event_types: ["*"] },
  });
  const { Webhook } = await import("standardwebhooks");
  const signature = new Webhook(endpoint.secret).sign("evt_1", clock.at, message.body);
  const headers = { ...message.headers, "webhook-id": "evt_1", "webhook-signature": signature };
  assertEquals((await postWebhook(app, { ...message, headers })).body.code, "invalid_signature");
  assertEquals(await remembered(shop), []);
});

Deno.test("A message counts for five minutes to either side of now, and not a second longer", async () => {
  await using shop = await startPaidShop();
  const { app, checkOut } = shop;
  const { payment } = await checkOut("tok_3ds");
  const sandbox = await sandboxOf(app);
  for (const [seconds, expected] of [[-301, 400], [-299, 200], [299, 200], [301, 400]] as const) {
    const at = new Date(app.deps.clock.now().getTime() + seconds * 1000);
    const reference = payment.provider_reference;
    const message = sandbox.signWebhook({ id: `evt_${seconds}`, type: "charge.updated", reference }, at);
    assertEquals((await postWebhook(app, message)).status, expected, `${seconds} s`);
  }
  assertEquals(await remembered(shop), ["evt_-299", "evt_299"]);
});

Deno.test("A message that comes 50 times at once to two processes has one effect", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  await using other = await startAnother(app);
  const { order, payment } = await checkOut("tok_3ds");
  await (await sandboxOf(app)).confirmAction(payment.provider_reference, "success");
  const message = await bankMessage(app, payment.provider_reference, "evt_once");
  const statuses = await Promise.all(Array.from({ length: 50 }, async (_, i) => {
    const url = "http://waybill.test/v1/payment-webhooks/sandbox";
    const request = new Request(url, { method: "POST", headers: message.headers, body: message.body });
    const response = await (i % 2 === 0 ? app : other).fetch(request);
    await response.body?.cancel();
    return response.status;
  }));
  assertEquals(new Set(statuses), new Set([200]));
  assertEquals(await remembered(shop), ["evt_once"]);
  assertEquals(await letWorkerCatchUp(app), { done: 1, failures: [] });
  assertEquals((await read(app, user, order.id)).body.amount_paid, payment.amount);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What a message says is asked for, not believed: neither an early, a late nor a lying one changes more than the bank did", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_late");
  const sandbox = await sandboxOf(app);
  const reference = payment.provider_reference;
  const lie = (type: string) => sandbox.signWebhook({ type, reference }, app.deps.clock.now());
  for (const type of ["charge.captured", "charge.settled", "charge.refunded"]) {
    await postWebhook(app, lie(type));
  }
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals((await readPayment(app, user, payment.id)).status, "processing");
  assertEquals((await read(app, user, order.id)).body.amount_paid, 0);

  const early = lie("charge.created");
  await sandbox.settle(reference);
  await postWebhook(app, lie("charge.settled"));
  await postWebhook(app, early);
  await postWebhook(app, lie("charge.failed"));
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals((await readPayment(app, staff, payment.id)).amount_captured, payment.amount);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

import { createHmac } from "node:crypto";
import { assertEquals } from "@std/assert";
import { Webhook } from "standardwebhooks";
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

const SECRET = "whsec_c2FuZGJveC10ZXN0LW9ubHktc2VjcmV0LTEyMzQ=";
const STRIPE = { STRIPE_SECRET_KEY: "sk_test_only", STRIPE_WEBHOOK_SECRET: "whsec_test_only" };

/** Posts these very bytes: gives status and code of the answer. */
async function postBytes(
  { app }: PaidShop,
  provider: string,
  body: BodyInit,
  headers: Record<string, string>,
): Promise<[number, string]> {
  const response = await app.fetch(
    new Request(`http://waybill.test/v1/payment-webhooks/${provider}`, { method: "POST", headers, body }),
  );
  return [response.status, (await response.json()).code];
}

/** How the sandbox's bank, or Stripe, would sign this text. */
function signed(provider: string, text: string, at: Date): Record<string, string> {
  const timestamp = Math.floor(at.getTime() / 1000);
  const type = { "content-type": "application/json" };
  if (provider === "stripe") {
    const hmac = createHmac("sha256", STRIPE.STRIPE_WEBHOOK_SECRET).update(`${timestamp}.${text}`);
    return { ...type, "stripe-signature": `t=${timestamp},v1=${hmac.digest("hex")}` };
  }
  return {
    ...type,
    "webhook-id": "evt_1",
    "webhook-timestamp": String(timestamp),
    "webhook-signature": new Webhook(SECRET).sign("evt_1", at, text),
  };
}

const remembered = async ({ app: { deps: { sql } } }: PaidShop) =>
  (await sql`select event_id from payment_webhooks order by event_id`).map(({ event_id }) => event_id);

Deno.test("A flipped bit anywhere in body, id, time or signature is a forgery", async () => {
  await using shop = await startPaidShop();
  const { app, checkOut } = shop;
  const { payment } = await checkOut("tok_3ds");
  const message = bankMessage(app, payment.provider_reference);
  const bytes = new TextEncoder().encode(message.body);
  const send = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
    postBytes(shop, "sandbox", body, headers);
  for (let i = 0; i < bytes.length; i++) {
    const flipped = bytes.slice();
    flipped[i]! ^= 1 << (i % 8);
    assertEquals(await send(flipped, message.headers), [400, "invalid_signature"], `byte ${i}`);
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

Deno.test("Bytes that nobody signed are never read as JSON: whatever they hold, it is their signature that is wrong", async () => {
  await using shop = await startPaidShop({ ...STRIPE, SANDBOX_WEBHOOK_SECRET: SECRET });
  const at = shop.app.deps.clock.now();
  const bodies: Record<string, BodyInit> = {
    "nothing": "",
    "half of an object": '{"type":',
    "no object": "[1, 2]",
    "900 kB that are no JSON": "\u0000{".repeat(450_000),
    "arrays 450,000 deep": "[".repeat(450_000) + "]".repeat(450_000),
    "objects 100,000 deep": `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`,
    "bytes that are no text": new Uint8Array([0xff, 0xfe, 0xc3, 0x28]),
  };
  for (const provider of ["sandbox", "stripe"]) {
    for (const [what, body] of Object.entries(bodies)) {
      const unsigned = { "content-type": "application/json" };
      for (const headers of [unsigned, signed(provider, "{}", at)]) {
        const answer = await postBytes(shop, provider, body, headers);
        assertEquals(answer, [400, "invalid_signature"], `${provider}: ${what}`);
      }
    }
    const huge = await postBytes(shop, provider, "[".repeat(1_100_000), signed(provider, "{}", at));
    assertEquals(huge, [413, "payload_too_large"], provider);
    const half = '{"type":';
    const ofTheirs = await postBytes(shop, provider, half, signed(provider, half, at));
    assertEquals(ofTheirs, [400, "invalid_signature"], `${provider}: signed, but no message`);
  }
  assertEquals(await remembered(shop), []);
  const event = {
    id: "evt_stripe",
    type: "charge.updated",
    data: { object: { object: "charge", id: "ch_1" } },
  };
  const text = JSON.stringify(event);
  assertEquals((await postBytes(shop, "stripe", text, signed("stripe", text, at)))[0], 200);
  assertEquals(await remembered(shop), ["evt_stripe"]);
});

Deno.test("A message with a byte-order mark in front is not the one that was signed", async () => {
  await using shop = await startPaidShop({ SANDBOX_WEBHOOK_SECRET: SECRET });
  const text = JSON.stringify({ type: "charge.updated", data: { reference: "sandbox_1" } });
  const headers = signed("sandbox", text, shop.app.deps.clock.now());
  assertEquals(await postBytes(shop, "sandbox", `\ufeff${text}`, headers), [400, "invalid_signature"]);
  assertEquals((await postBytes(shop, "sandbox", text, headers))[0], 200);
});

Deno.test("A body that was parsed and written anew is a forgery, and so is a message signed for another endpoint", async () => {
  await using shop = await startPaidShop();
  const { app, staff, clock, checkOut } = shop;
  const { payment } = await checkOut("tok_3ds");
  const message = bankMessage(app, payment.provider_reference);
  const anew = JSON.stringify(JSON.parse(message.body), null, 1);
  assertEquals((await postWebhook(app, { ...message, body: anew })).body.code, "invalid_signature");

  const { body: endpoint } = await app.request("POST", "/v1/webhook-endpoints", {
    token: staff.token,
    body: { url: "https://1.1.1.1/hooks", event_types: ["*"] },
  });
  const signature = new Webhook(endpoint.secret).sign("evt_1", clock.at, message.body);
  const headers = { ...message.headers, "webhook-id": "evt_1", "webhook-signature": signature };
  assertEquals((await postWebhook(app, { ...message, headers })).body.code, "invalid_signature");
  assertEquals(await remembered(shop), []);
});

Deno.test("A message counts for five minutes to either side of now, and not a second longer", async () => {
  await using shop = await startPaidShop();
  const { app, checkOut } = shop;
  const { payment } = await checkOut("tok_3ds");
  const sandbox = sandboxOf(app);
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
  await sandboxOf(app).confirmAction(payment.provider_reference, "success");
  const message = bankMessage(app, payment.provider_reference, "evt_once");
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
  const sandbox = sandboxOf(app);
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

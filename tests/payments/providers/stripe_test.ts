import { assert, assertEquals, assertRejects } from "@std/assert";
import Stripe from "stripe";
import { type ChargeRequest, ProviderError } from "../../../src/payments/providers/provider.ts";
import { createStripe } from "../../../src/payments/providers/stripe.ts";
import { firstIdAt, newId } from "../../../src/platform/id.ts";
import { type FakeStripe, paymentIntent, startFakeStripe, stripeCharge } from "./fake_stripe.ts";

const WEBHOOK_SECRET = "whsec_test_only";
const NOW = new Date("2030-01-01T12:00:00Z");
const { signal } = new AbortController();

const provider = (apiBase: string) =>
  createStripe({ secretKey: "sk_test_only", webhookSecret: WEBHOOK_SECRET, apiBase }, { now: () => NOW });

function test(
  name: string,
  body: (stripe: ReturnType<typeof provider>, fake: FakeStripe) => Promise<void>,
): void {
  Deno.test(`stripe: ${name}`, async () => {
    await using fake = startFakeStripe();
    await body(provider(fake.url), fake);
  });
}

function request(change: Partial<ChargeRequest> = {}): ChargeRequest {
  return {
    id: newId(),
    orderId: newId(),
    amount: 10_000,
    currency: "EUR",
    paymentMethod: "pm_card_visa",
    captureMethod: "automatic",
    returnUrl: "https://shop.example/back",
    ...change,
  };
}

const capture = { id: newId(), reference: "pi_1", amount: 4_000, currency: "EUR" };
const refund = { id: newId(), reference: "pi_1", amount: 4_000, currency: "EUR", reason: "broken" };
const noRefunds = { object: "list", data: [], has_more: false, url: "/v1/refunds" };

async function assertError(work: Promise<unknown>, kind: ProviderError["kind"], code: string): Promise<void> {
  const error = await assertRejects(() => work, ProviderError);
  assertEquals([error.kind, error.code], [kind, code]);
}

test(
  "a charge is one confirmed intent, marked with our ids, under our id as its idempotency key",
  async (stripe, fake) => {
    fake.nextJson(paymentIntent());
    const asked = request();
    assertEquals(await stripe.charge(asked, signal), {
      reference: "pi_1",
      status: "captured",
      amountAuthorised: 10_000,
      amountCaptured: 10_000,
      amountRefunded: 0,
    });
    const [{ method, path, params, headers } = assert(false)] = fake.requests;
    assertEquals([method, path, fake.requests.length], ["POST", "/v1/payment_intents", 1]);
    assertEquals(params, {
      "amount": "10000",
      "currency": "eur",
      "payment_method": "pm_card_visa",
      "capture_method": "automatic",
      "confirm": "true",
      "metadata[order_id]": asked.orderId,
      "metadata[payment_id]": asked.id,
      "return_url": "https://shop.example/back",
      "expand[0]": "latest_charge",
    });
    assertEquals(headers.get("idempotency-key"), asked.id);
    assertEquals(headers.get("authorization"), "Bearer sk_test_only");
  },
);

test("without a way back a redirect is refused beforehand", async (stripe, fake) => {
  fake.nextJson(paymentIntent());
  await stripe.charge(request({ returnUrl: undefined }), signal);
  const { params } = fake.requests[0]!;
  assertEquals(params.error_on_requires_action, "true");
  assertEquals(params["automatic_payment_methods[allow_redirects]"], "never");
  assertEquals(params.return_url, undefined);
});

test("amounts go out and come back as Stripe counts the currency", async (stripe, fake) => {
  const latest_charge = stripeCharge({ amount: 500, amount_captured: 500, amount_refunded: 200 });
  fake.nextJson(paymentIntent({ amount: 500, amount_received: 500, currency: "isk", latest_charge }));
  const state = await stripe.charge(request({ amount: 5, currency: "ISK" }), signal);
  assertEquals(fake.requests[0]!.params.amount, "500");
  assertEquals([state.amountAuthorised, state.amountCaptured, state.amountRefunded], [5, 5, 2]);
  fake.nextJson(paymentIntent({ amount: 500, amount_received: 400, currency: "isk" }));
  await stripe.capture({ ...capture, amount: 4, currency: "ISK" }, signal);
  assertEquals(fake.requests[1]!.params.amount_to_capture, "400");
  fake.nextJson(noRefunds);
  fake.nextJson({ id: "re_1", object: "refund", status: "succeeded", metadata: {} });
  await stripe.refund({ ...refund, amount: 3, currency: "ISK" }, signal);
  assertEquals(fake.requests[3]!.params.amount, "300");
});

test("an amount that Stripe cannot charge exactly is refused without asking", async (stripe, fake) => {
  const odd = request({ amount: 5_124, currency: "KWD" });
  await assertError(stripe.charge(odd, signal), "refused", "amount_not_chargeable");
  assertEquals(fake.requests.length, 0);
});

const STATES: [string, Record<string, unknown>, unknown[]][] = [
  ["requires_capture", { amount_received: 0, amount_capturable: 10_000 }, ["authorised", 10_000, 0]],
  ["processing", { amount_received: 0 }, ["processing", 0, 0]],
  ["canceled", { amount_received: 0 }, ["voided", 0, 0]],
  ["succeeded", { amount_received: 4_000 }, ["captured", 4_000, 4_000]],
  ["requires_payment_method", { amount_received: 0 }, ["failed", 0, 0]],
];
for (const [status, change, expected] of STATES) {
  test(
    `an intent that is ${status} is ${expected[0]} to us, with what is still reserved`,
    async (stripe, fake) => {
      fake.nextJson(paymentIntent({ status, ...change }));
      const state = await stripe.charge(request(), signal);
      assertEquals([state.status, state.amountAuthorised, state.amountCaptured], expected);
    },
  );
}

test("3-D Secure says where the customer goes next", async (stripe, fake) => {
  const next_action = { type: "redirect_to_url", redirect_to_url: { url: "https://hooks.stripe.com/3d" } };
  fake.nextJson(paymentIntent({ status: "requires_action", amount_received: 0, next_action }));
  const state = await stripe.charge(request(), signal);
  assertEquals([state.status, state.redirectUrl], ["requires_action", "https://hooks.stripe.com/3d"]);
});

test("a state that we do not know is no outcome", async (stripe, fake) => {
  fake.nextJson(paymentIntent({ status: "requires_confirmation" }));
  await assertError(stripe.charge(request(), signal), "unknown", "unexpected_status");
});

test("a declined card is a failed charge with the bank's reason, and not an error", async (stripe, fake) => {
  const error = {
    type: "card_error",
    code: "card_declined",
    decline_code: "insufficient_funds",
    message: "Your card has insufficient funds.",
  };
  const payment_intent = paymentIntent({
    status: "requires_payment_method",
    amount_received: 0,
    last_payment_error: error,
    latest_charge: "ch_1",
  });
  fake.nextError(402, { ...error, payment_intent });
  const state = await stripe.charge(request(), signal);
  assertEquals([state.reference, state.status, state.amountAuthorised], ["pi_1", "failed", 0]);
  assertEquals(state.failure, {
    code: "insufficient_funds",
    message: "Your card has insufficient funds.",
  });
});

test("a card error that made no intent is a refusal", async (stripe, fake) => {
  fake.nextError(402, { type: "card_error", code: "card_declined", message: "No." });
  await assertError(stripe.charge(request(), signal), "refused", "card_declined");
});

test("a payment that fails later says why when it is asked for", async (stripe, fake) => {
  const last_payment_error = { code: "payment_intent_authentication_failure", message: "Not passed." };
  fake.nextJson(paymentIntent({ status: "requires_payment_method", amount_received: 0, last_payment_error }));
  const state = await stripe.find({ id: newId(), reference: "pi_1" }, signal);
  assertEquals([state?.status, state?.failure?.code], ["failed", "payment_intent_authentication_failure"]);
});

const ERRORS: [string, number, Record<string, unknown>, ProviderError["kind"], string][] = [
  [
    "an invalid request",
    400,
    { type: "invalid_request_error", code: "parameter_missing" },
    ...[
      "refused",
      "parameter_missing",
    ] as const,
  ],
  ["an error of Stripe's", 500, { type: "api_error" }, "unknown", "api_error"],
  ["too many requests", 429, { type: "invalid_request_error" }, "unknown", "rate_limit"],
  ["a lock at Stripe", 429, { type: "invalid_request_error", code: "lock_timeout" }, "unknown", "rate_limit"],
  ["a call that is still under way", 409, {
    type: "idempotency_error",
    code: "idempotency_key_in_use",
  }, ...["unknown", "idempotency_key_in_use"] as const],
  ["a repeat with other parameters", 400, { type: "idempotency_error" }, "unknown", "idempotency_error"],
  ["a wrong key", 401, { type: "invalid_request_error" }, "unknown", "provider_key_refused"],
];
for (const [what, status, error, kind, code] of ERRORS) {
  test(`${what} is ${kind}, and asked once only`, async (stripe, fake) => {
    fake.nextError(status, { message: "No.", ...error });
    await assertError(stripe.charge(request(), signal), kind, code);
    assertEquals(fake.requests.length, 1);
  });
}

test("a proxy's page instead of an answer is unknown", async (stripe, fake) => {
  fake.next(() => new Response("<html>Bad gateway</html>", { status: 502 }));
  await assertError(stripe.charge(request(), signal), "unknown", "api_error");
});

test("a server that is not there is unknown", async () => {
  const gone = startFakeStripe();
  await gone[Symbol.asyncDispose]();
  await assertError(provider(gone.url).charge(request(), signal), "unknown", "connection_failed");
});

test(
  "a call that is given up after it has charged ends at once, and its repeat answers the same charge",
  async (stripe, fake) => {
    const charged = new Map<string, unknown>();
    const arrived = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    const chargeOnce = (key: string) => {
      const intent = charged.get(key) ?? paymentIntent({ id: `pi_${charged.size + 1}` });
      charged.set(key, intent);
      return Response.json(intent);
    };
    fake.next(async ({ headers }) => {
      const response = chargeOnce(headers.get("idempotency-key")!);
      arrived.resolve();
      await answered.promise;
      return response;
    });
    const patience = new AbortController();
    const asked = request();
    const call = assertError(stripe.charge(asked, patience.signal), "unknown", "connection_failed");
    await arrived.promise;
    const givenUpAt = performance.now();
    patience.abort();
    await call;
    assert(performance.now() - givenUpAt < 5_000, "it waited for the library's own time limit");
    answered.resolve();

    fake.next(({ headers }) => chargeOnce(headers.get("idempotency-key")!));
    assertEquals((await stripe.charge(asked, signal)).reference, "pi_1");
    assertEquals(charged.size, 1);
  },
);

test(
  "a charge is found by its reference, with what was refunded; of none there is nothing",
  async (stripe, fake) => {
    fake.nextJson(paymentIntent({ latest_charge: stripeCharge({ amount_refunded: 2_500 }) }));
    assertEquals((await stripe.find({ id: newId(), reference: "pi_1" }, signal))?.amountRefunded, 2_500);
    assertEquals(fake.requests[0]!.path, "/v1/payment_intents/pi_1");
    assertEquals(fake.requests[0]!.params["expand[0]"], "latest_charge");
    fake.nextError(404, { type: "invalid_request_error", code: "resource_missing" });
    assertEquals(await stripe.find({ id: newId(), reference: "pi_2" }, signal), undefined);
    // Whose question is not answered may have been charged all the same.
    fake.nextError(500, { type: "api_error" });
    await assertError(stripe.find({ id: newId(), reference: "pi_1" }, signal), "unknown", "api_error");
  },
);

test(
  "what a capture or a void let go of is not refunded, though Stripe counts it so",
  async (stripe, fake) => {
    const refunded = async (amount_received: number, amount_refunded: number) => {
      const latest_charge = stripeCharge({ amount_captured: amount_received, amount_refunded });
      const status = amount_received === 0 ? "canceled" : "succeeded";
      fake.nextJson(paymentIntent({ amount_received, status, latest_charge }));
      return (await stripe.find({ id: newId(), reference: "pi_1" }, signal))?.amountRefunded;
    };
    assertEquals(await refunded(4_000, 6_000), 0);
    assertEquals(await refunded(4_000, 7_500), 1_500);
    assertEquals(await refunded(4_000, 10_000), 4_000);
    assertEquals(await refunded(0, 10_000), 0);
    assertEquals(await refunded(4_000, 0), 0);
  },
);

/** A dispute of `pi_1` as Stripe answers it. */
function stripeDispute(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: "dp_1",
    object: "dispute",
    amount: 3_000,
    currency: "eur",
    payment_intent: "pi_1",
    reason: "fraudulent",
    status: "needs_response",
    evidence_details: { due_by: NOW.getTime() / 1000 + 3600 },
    ...change,
  };
}

const listOf = (data: unknown[]) => ({ object: "list", data, has_more: false, url: "/v1/disputes" });

test(
  "a charge that is disputed is found with its disputes; what is lost has gone back, what is only asked or held has not",
  async (stripe, fake) => {
    const latest_charge = stripeCharge({ disputed: true, amount_refunded: 500 });
    const statuses = {
      warning_needs_response: "inquiry",
      warning_under_review: "inquiry",
      warning_closed: "closed",
      prevented: "closed",
      needs_response: "needs_response",
      appeal_needs_response: "needs_response",
      under_review: "under_review",
      appeal_under_review: "under_review",
      won: "won",
      lost: "lost",
    } as const;
    for (const [status, ours] of Object.entries(statuses)) {
      fake.nextJson(paymentIntent({ latest_charge }));
      fake.nextJson(
        listOf([stripeDispute({ status }), stripeDispute({ id: "dp_2", status: "lost", amount: 200 })]),
      );
      const state = await stripe.find({ id: newId(), reference: "pi_1" }, signal);
      const evidenceDueBy = new Date(NOW.getTime() + 3_600_000).toISOString();
      assertEquals(state?.disputes, [
        { reference: "dp_1", status: ours, amount: 3_000, reason: "fraudulent", evidenceDueBy },
        { reference: "dp_2", status: "lost", amount: 200, reason: "fraudulent", evidenceDueBy },
      ], status);
      assertEquals(state?.amountRefunded, 500 + 200 + (ours === "lost" ? 3_000 : 0), status);
    }
    const { path, params } = fake.requests[1]!;
    assertEquals([path, params.payment_intent], ["/v1/disputes", "pi_1"]);
    const count = fake.requests.length;
    fake.nextJson(paymentIntent());
    assertEquals((await stripe.find({ id: newId(), reference: "pi_1" }, signal))?.disputes, undefined);
    assertEquals(fake.requests.length, count + 1);
  },
);

test(
  "a dispute's amount comes back as Stripe counts the currency; what cannot be told is not guessed",
  async (stripe, fake) => {
    const found = { object: "search_result", has_more: false, url: "" };
    const intent = paymentIntent({ currency: "isk", latest_charge: stripeCharge({ disputed: true }) });
    const findWith = (dispute: Record<string, unknown>) => {
      fake.nextJson({ ...found, data: [intent] });
      fake.nextJson(
        listOf([stripeDispute({ currency: "isk", evidence_details: { due_by: null }, ...dispute })]),
      );
      return stripe.find({ id: newId(), reference: null }, signal);
    };
    assertEquals((await findWith({}))?.disputes, [
      { reference: "dp_1", status: "needs_response", amount: 30, reason: "fraudulent" },
    ]);
    await assertError(findWith({ currency: "eur" }), "unknown", "dispute_in_another_currency");
    await assertError(findWith({ status: "new_of_its_kind" }), "unknown", "unexpected_status");
    fake.nextJson(paymentIntent({ latest_charge: stripeCharge({ disputed: true }) }));
    fake.nextError(500, { type: "api_error" });
    await assertError(stripe.find({ id: newId(), reference: "pi_1" }, signal), "unknown", "api_error");
  },
);

test(
  "a charge whose answer was lost is searched by our id; not found counts once an hour has passed",
  async (stripe, fake) => {
    const found = { object: "search_result", data: [paymentIntent()], has_more: false, url: "" };
    const old = firstIdAt(new Date(NOW.getTime() - 60 * 60_000));
    const young = firstIdAt(new Date(NOW.getTime() - 60 * 60_000 + 1));
    fake.nextJson(found);
    assertEquals((await stripe.find({ id: young, reference: null }, signal))?.reference, "pi_1");
    const { path, params } = fake.requests[0]!;
    assertEquals([path, params.query], ["/v1/payment_intents/search", `metadata['payment_id']:'${young}'`]);
    assertEquals(params["expand[0]"], "data.latest_charge");

    for (let i = 0; i < 2; i++) fake.nextJson({ ...found, data: [] });
    await assertError(stripe.find({ id: young, reference: null }, signal), "unknown", "not_searchable_yet");
    assertEquals(await stripe.find({ id: old, reference: null }, signal), undefined);
  },
);

test("a capture takes a part under its own id and lets go of the rest", async (stripe, fake) => {
  fake.nextJson(paymentIntent({ amount_received: 4_000, metadata: { capture_id: capture.id } }));
  const state = await stripe.capture(capture, signal);
  assertEquals([state.status, state.amountAuthorised, state.amountCaptured], ["captured", 4_000, 4_000]);
  const { path, params, headers } = fake.requests[0]!;
  assertEquals(path, "/v1/payment_intents/pi_1/capture");
  assertEquals([params.amount_to_capture, params["metadata[capture_id]"]], ["4000", capture.id]);
  assertEquals([params.final_capture, headers.get("idempotency-key")], [undefined, capture.id]);
});

test(
  "a capture that Stripe has forgotten doing is known by its id; one that another did is refused",
  async (stripe, fake) => {
    const refused = { type: "invalid_request_error", code: "payment_intent_unexpected_state" };
    const captured = (capture_id: string) =>
      paymentIntent({ amount_received: 4_000, metadata: { capture_id }, latest_charge: "ch_1" });
    fake.nextError(400, { ...refused, payment_intent: captured(capture.id) });
    assertEquals((await stripe.capture(capture, signal)).amountCaptured, 4_000);
    fake.nextError(400, { ...refused, payment_intent: captured(newId()) });
    await assertError(stripe.capture(capture, signal), "refused", "payment_intent_unexpected_state");
  },
);

test(
  "a void has no key of ours, under which Stripe would repeat a refusal for a day; what is void already stays so",
  async (stripe, fake) => {
    const id = newId();
    const canceled = paymentIntent({ status: "canceled", amount_received: 0 });
    fake.nextJson(canceled);
    assertEquals((await stripe.void({ id, reference: "pi_1" }, signal)).status, "voided");
    const { path, headers } = fake.requests[0]!;
    assertEquals(path, "/v1/payment_intents/pi_1/cancel");
    assert(!headers.get("idempotency-key")?.includes(id));

    const refused = { type: "invalid_request_error", code: "payment_intent_unexpected_state" };
    fake.nextError(400, { ...refused, payment_intent: canceled });
    assertEquals((await stripe.void({ id, reference: "pi_1" }, signal)).status, "voided");
    fake.nextError(400, { ...refused, payment_intent: paymentIntent() });
    await assertError(
      stripe.void({ id, reference: "pi_1" }, signal),
      "refused",
      "payment_intent_unexpected_state",
    );
  },
);

test("a refund goes out under its own id, after a look whether it is there already", async (stripe, fake) => {
  fake.nextJson(noRefunds);
  fake.nextJson({ id: "re_1", object: "refund", status: "succeeded", metadata: { refund_id: refund.id } });
  assertEquals(await stripe.refund(refund, signal), { reference: "re_1", status: "succeeded" });
  const [looked, asked] = fake.requests;
  assertEquals([looked!.method, looked!.params.payment_intent], ["GET", "pi_1"]);
  assertEquals(asked!.params, {
    "payment_intent": "pi_1",
    "amount": "4000",
    "metadata[refund_id]": refund.id,
    "metadata[reason]": "broken",
  });
  assertEquals(asked!.headers.get("idempotency-key"), refund.id);
});

test("a refund that is there is not made again, on whatever page it stands", async (stripe, fake) => {
  const other = { id: "re_0", object: "refund", status: "succeeded", metadata: { refund_id: newId() } };
  const ours = { id: "re_1", object: "refund", status: "pending", metadata: { refund_id: refund.id } };
  fake.nextJson({ ...noRefunds, data: [other], has_more: true });
  fake.nextJson({ ...noRefunds, data: [ours] });
  assertEquals(await stripe.refund(refund, signal), { reference: "re_1", status: "pending" });
  assertEquals(fake.requests.map(({ method }) => method), ["GET", "GET"]);
});

test(
  "a refund that the bank returned, or that was called off, is failed and says why",
  async (stripe, fake) => {
    const answers = [["failed", "expired_or_canceled_card"], ["canceled", undefined]] as const;
    for (const [said, failure_reason] of answers) {
      fake.nextJson(noRefunds);
      fake.nextJson({ id: "re_1", object: "refund", status: said, failure_reason });
      const { status, failure } = await stripe.refund(refund, signal);
      assertEquals([status, failure], ["failed", failure_reason ?? said]);
    }
  },
);

test("a refund of more than there is left is refused", async (stripe, fake) => {
  fake.nextJson(noRefunds);
  fake.nextError(400, { type: "invalid_request_error", code: "charge_already_refunded", message: "No." });
  await assertError(stripe.refund(refund, signal), "refused", "charge_already_refunded");
});

Deno.test("stripe: a webhook is believed within five minutes, and names the intent that it is about", async () => {
  const stripe = provider("http://127.0.0.1:1");
  const verify = async (object: unknown, change: { secret?: string; now?: Date; tail?: string } = {}) => {
    const payload = JSON.stringify({
      id: "evt_1",
      object: "event",
      type: "some.event",
      data: { object },
    });
    const header = await Stripe.webhooks.generateTestHeaderStringAsync({
      payload,
      secret: change.secret ?? WEBHOOK_SECRET,
      timestamp: NOW.getTime() / 1000,
    });
    const bytes = new TextEncoder().encode(payload + (change.tail ?? ""));
    return stripe.verifyWebhook(bytes, new Headers({ "stripe-signature": header }), change.now ?? NOW);
  };
  const event = { id: "evt_1", type: "some.event", reference: "pi_1" };
  assertEquals(await verify({ object: "payment_intent", id: "pi_1" }), event);
  assertEquals(await verify({ object: "charge", id: "ch_1", payment_intent: "pi_1" }), event);
  assertEquals(await verify({ object: "refund", id: "re_1", payment_intent: "pi_1" }), event);
  assertEquals(await verify({ object: "dispute", id: "dp_1", payment_intent: { id: "pi_1" } }), event);
  assertEquals((await verify({ object: "charge", id: "ch_1", payment_intent: null }))?.reference, undefined);
  assertEquals((await verify({ object: "customer", id: "cus_1" }))?.reference, undefined);

  const intent = { object: "payment_intent", id: "pi_1" };
  const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
  assertEquals(await verify(intent, { now: at(300) }), event);
  assertEquals(await verify(intent, { now: at(301) }), undefined);
  assertEquals(await verify(intent, { secret: "whsec_another" }), undefined);
  assertEquals(await verify(intent, { tail: " " }), undefined);
  assertEquals(stripe.verifyWebhook(new Uint8Array(), new Headers(), NOW), undefined);
});

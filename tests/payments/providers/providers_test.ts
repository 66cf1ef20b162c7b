import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { loadConfig } from "../../../src/config.ts";
import { ConfigError } from "../../../src/settings.ts";
import {
  type ChargeState,
  type PaymentProvider,
  ProviderError,
} from "../../../src/payments/providers/provider.ts";
import { guarded, type GuardOptions, openProviders } from "../../../src/payments/providers/providers.ts";
import { sandboxSecret, signSandboxWebhook } from "../../../src/payments/providers/sandbox_webhook.ts";
import { openDatabase } from "../../../src/platform/db.ts";
import { newId } from "../../../src/platform/id.ts";

const NOW = new Date("2030-01-01T12:00:00Z");
const ENV = {
  DATABASE_URL: "postgres://nobody@127.0.0.1:1/nothing",
  SECRET_KEY: "a7Fq-test-only-b2Kx9ZpL0wRt5vYc8mNs3dHj",
};
const STRIPE = { STRIPE_SECRET_KEY: "sk_test_only", STRIPE_WEBHOOK_SECRET: "whsec_test_only" };

/** Opens what this environment configures; no query is made, so no database is needed. */
async function open(env: Record<string, string>) {
  const config = loadConfig({ ...ENV, ...env });
  const sql = openDatabase(config);
  try {
    const { byName, sandbox } = await openProviders(config, { sql, clock: { now: () => NOW } });
    return { names: [...byName.keys()], sandbox, config };
  } finally {
    await sql.end();
  }
}

Deno.test("the sandbox is there while developing and testing, and in production only if it is asked for", async () => {
  assertEquals((await open({ APP_ENV: "local" })).names, ["sandbox"]);
  assertEquals((await open({ APP_ENV: "test" })).names, ["sandbox"]);
  assertEquals((await open({ APP_ENV: "test", PAYMENT_SANDBOX: "false" })).names, []);
  const production = await open({ APP_ENV: "production" });
  assertEquals([production.names, production.sandbox], [[], undefined]);
  assertEquals((await open({ APP_ENV: "production", PAYMENT_SANDBOX: "true" })).names, ["sandbox"]);
});

Deno.test("Stripe is there where its key is set", async () => {
  assertEquals((await open({ APP_ENV: "production", ...STRIPE })).names, ["stripe"]);
  assertEquals((await open({ APP_ENV: "test", ...STRIPE })).names, ["sandbox", "stripe"]);
});

Deno.test("settings of Stripe that would not work are named at the start", () => {
  const refuses = (env: Record<string, string>, name: string) =>
    assertThrows(() => loadConfig({ ...ENV, APP_ENV: "production", ...env }), ConfigError, name);
  refuses({ STRIPE_SECRET_KEY: "sk_test_only" }, "STRIPE_WEBHOOK_SECRET: goes together");
  refuses({ STRIPE_WEBHOOK_SECRET: "whsec_test_only" }, "STRIPE_WEBHOOK_SECRET: goes together");
  refuses({ ...STRIPE, STRIPE_SECRET_KEY: "pk_test_only" }, "STRIPE_SECRET_KEY");
  refuses({ ...STRIPE, STRIPE_API_BASE: "http://localhost:12111" }, "STRIPE_API_BASE: not in production");
  refuses({ SANDBOX_WEBHOOK_SECRET: "short" }, "SANDBOX_WEBHOOK_SECRET: must be whsec_");
});

Deno.test("the sandbox's webhooks are signed with its own secret, else with one made from SECRET_KEY", async () => {
  const isSignedWith = async (env: Record<string, string>, secretOf: (of: string) => string) => {
    const { sandbox, config } = await open({ APP_ENV: "test", ...env });
    const secret = secretOf(sandboxSecret(config.signingKeys[0]!));
    const { body, headers } = signSandboxWebhook(secret, { type: "charge.updated", reference: "s_1" }, NOW);
    return sandbox!.verifyWebhook(new TextEncoder().encode(body), new Headers(headers), NOW) !== undefined;
  };
  const own = "whsec_c2FuZGJveC10ZXN0LW9ubHktc2VjcmV0LTEyMzQ=";
  assert(await isSignedWith({}, (made) => made));
  assert(await isSignedWith({ SANDBOX_WEBHOOK_SECRET: own }, () => own));
  assert(!await isSignedWith({ SANDBOX_WEBHOOK_SECRET: own }, (made) => made));
  assert(!await isSignedWith({}, () => own));
});

const CAPTURED: ChargeState = {
  reference: "c_1",
  status: "captured",
  amountAuthorised: 1,
  amountCaptured: 1,
  amountRefunded: 0,
};
const { signal } = new AbortController();
const payment = () => ({ id: newId(), reference: null });

/** A guarded provider that can do this. */
function providing(verbs: Partial<PaymentProvider>, options?: GuardOptions): PaymentProvider {
  const never = () => Promise.reject(new Error("not in this test"));
  return guarded({
    name: "test",
    charge: never,
    find: never,
    capture: never,
    void: never,
    refund: never,
    verifyWebhook: () => undefined,
    ...verbs,
  }, options);
}

/** A guarded provider whose `find` does this. */
function finding(find: PaymentProvider["find"], options?: GuardOptions): PaymentProvider {
  return providing({ find }, options);
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => work, ProviderError)).code;
}

Deno.test("a provider that keeps failing is left alone", async () => {
  let calls = 0;
  const provider = finding(() => {
    calls++;
    return Promise.reject(new ProviderError("unknown", "api_error", "No."));
  });
  for (let i = 0; i < 5; i++) assertEquals(await codeOf(provider.find(payment(), signal)), "api_error");
  assertEquals(await codeOf(provider.find(payment(), signal)), "provider_unavailable");
  assertEquals(calls, 5);
});

const CHARGE = {
  id: newId(),
  orderId: newId(),
  amount: 1,
  currency: "EUR",
  paymentMethod: "tok_success",
  captureMethod: "automatic" as const,
};
const REFUND = { id: newId(), reference: "c_1", amount: 1, currency: "EUR", reason: "Late" };
const CAPTURE = { id: newId(), reference: "c_1", amount: 1, currency: "EUR" };
const inTrouble = () => Promise.reject(new ProviderError("unknown", "provider_key_refused", "No."));

Deno.test("a provider that takes no refunds is still charged", async () => {
  const provider = providing({ charge: () => Promise.resolve(CAPTURED), refund: inTrouble });
  for (let i = 0; i < 5; i++) assertEquals(await codeOf(provider.refund(REFUND)), "provider_key_refused");
  assertEquals(await codeOf(provider.refund(REFUND)), "provider_unavailable");
  assertEquals(await provider.charge(CHARGE), CAPTURED);
});

Deno.test("a provider that takes no refunds is left alone with them, however many charges succeed meanwhile", async () => {
  const provider = providing({ charge: () => Promise.resolve(CAPTURED), refund: inTrouble });
  for (let i = 0; i < 5; i++) {
    assertEquals(await codeOf(provider.refund(REFUND)), "provider_key_refused");
    assertEquals(await provider.charge(CHARGE), CAPTURED);
  }
  assertEquals(await codeOf(provider.refund(REFUND)), "provider_unavailable");
});

Deno.test("a provider that fails to charge is asked nothing else about payments, but for refunds", async () => {
  const succeeds = () => Promise.resolve(CAPTURED);
  const refunded = { reference: "r_1", status: "succeeded" as const };
  const provider = providing({
    charge: inTrouble,
    find: succeeds,
    capture: succeeds,
    void: succeeds,
    refund: () => Promise.resolve(refunded),
  });
  for (let i = 0; i < 5; i++) {
    assertEquals(await codeOf(provider.charge(CHARGE)), "provider_key_refused");
  }
  for (
    const call of [
      provider.charge(CHARGE),
      provider.find(payment()),
      provider.capture(CAPTURE),
      provider.void(CAPTURE),
    ]
  ) assertEquals(await codeOf(call), "provider_unavailable");
  assertEquals(await provider.refund(REFUND), refunded);
});

Deno.test("refusals and what is about one payment do not count as failing", async () => {
  for (
    const [kind, code] of [
      ["refused", "no_such_charge"],
      ["unknown", "not_searchable_yet"],
      ["unknown", "idempotency_key_in_use"],
    ] as const
  ) {
    const provider = finding(() => Promise.reject(new ProviderError(kind, code, "No.")));
    for (let i = 0; i < 10; i++) assertEquals(await codeOf(provider.find(payment(), signal)), code);
  }
});

Deno.test("a failed charge is an answer like any other", async () => {
  const failed = {
    ...CAPTURED,
    status: "failed" as const,
    failure: { code: "card_declined", message: "No." },
  };
  const provider = finding(() => Promise.resolve(failed));
  for (let i = 0; i < 10; i++) assertEquals(await provider.find(payment(), signal), failed);
});

Deno.test("a call ends when its time is up, with its signal, though the provider goes on", async () => {
  const seen = Promise.withResolvers<AbortSignal>();
  const provider = finding((_, signal) => {
    seen.resolve(signal!);
    return new Promise(() => {});
  }, { callLimitMs: 1 });
  assertEquals(await codeOf(provider.find(payment(), signal)), "timeout");
  assert((await seen.promise).aborted);
});

Deno.test("time-outs in a row open the breaker", async () => {
  const provider = finding(() => new Promise(() => {}), { callLimitMs: 1 });
  for (let i = 0; i < 5; i++) assertEquals(await codeOf(provider.find(payment(), signal)), "timeout");
  assertEquals(await codeOf(provider.find(payment(), signal)), "provider_unavailable");
});

Deno.test("a caller that gives up ends its call at once, and that does not count against the provider", async () => {
  const provider = finding(() => new Promise(() => {}));
  for (let i = 0; i < 10; i++) {
    const caller = new AbortController();
    const call = codeOf(provider.find(payment(), caller.signal));
    caller.abort();
    assertEquals(await call, "aborted");
  }
  const patient = finding(() => Promise.resolve(CAPTURED));
  assertEquals(await codeOf(patient.find(payment(), AbortSignal.abort())), "aborted");
});

Deno.test("whatever goes wrong inside is unknown, with its cause, and counts", async () => {
  const cause = new TypeError("a mistake");
  const provider = finding(() => Promise.reject(cause));
  for (let i = 0; i < 5; i++) {
    const error = await assertRejects(() => provider.find(payment(), signal), ProviderError);
    assertEquals([error.kind, error.code, error.cause], ["unknown", "unexpected_error", cause]);
  }
  assertEquals(await codeOf(provider.find(payment(), signal)), "provider_unavailable");
});

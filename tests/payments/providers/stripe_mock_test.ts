/**
 * Against Stripe's own mock, which refuses what its description of the API does not allow and remembers nothing: its
 * answers are examples, so these tests show that we ask well, not what becomes of it.
 */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ProviderError } from "../../../src/payments/providers/provider.ts";
import { createStripe } from "../../../src/payments/providers/stripe.ts";
import { newId } from "../../../src/platform/id.ts";
import { startFakeStripe } from "./fake_stripe.ts";

const mock = Deno.env.get("TEST_STRIPE_URL");
const { signal } = new AbortController();

const provider = (apiBase: string) =>
  createStripe({ secretKey: "sk_test_only", webhookSecret: "whsec_test_only", apiBase }, {
    now: () => new Date(),
  });

function test(name: string, body: (stripe: ReturnType<typeof provider>) => Promise<void>): void {
  Deno.test({ name: `stripe-mock: ${name}`, ignore: !mock, fn: () => body(provider(mock!)) });
}

const charge = () => ({
  id: newId(),
  orderId: newId(),
  amount: 2_000,
  currency: "USD",
  paymentMethod: "pm_card_visa",
});
const part = () => ({ id: newId(), reference: "pi_1", amount: 1_000, currency: "USD" });

for (const captureMethod of ["automatic", "manual"] as const) {
  for (const returnUrl of [undefined, "https://shop.example/back"]) {
    test(`a charge is well-formed: ${captureMethod}, ${returnUrl ? "with" : "without"} a way back`, async (stripe) => {
      const state = await stripe.charge({ ...charge(), captureMethod, returnUrl }, signal);
      assertMatch(state.reference, /^pi_/);
      assertEquals(typeof state.amountAuthorised, "number");
    });
  }
}

test("finding by reference and searching by our id are well-formed", async (stripe) => {
  for (const reference of ["pi_1", null]) {
    assertMatch((await stripe.find({ id: newId(), reference }, signal))?.reference ?? "", /^pi_/);
  }
});

test("capture, void and refund are well-formed", async (stripe) => {
  assertMatch((await stripe.capture(part(), signal)).reference, /^pi_/);
  assertMatch((await stripe.void({ id: newId(), reference: "pi_1" }, signal)).reference, /^pi_/);
  assertMatch((await stripe.refund({ ...part(), reason: "broken" }, signal)).reference, /^re_/);
});

test("what Stripe's description does not allow is refused", async (stripe) => {
  const malformed = { ...charge(), captureMethod: "sometimes" as "manual" };
  const error = await assertRejects(() => stripe.charge(malformed, signal), ProviderError, "capture_method");
  assertEquals(error.kind, "refused");
});

Deno.test({
  name: "stripe-mock: our ids arrive as idempotency keys, which the mock gives back",
  ignore: !mock,
  async fn() {
    await using proxy = startFakeStripe();
    const returned: (string | null)[] = [];
    const pass = async ({ method, path, params, headers }: (typeof proxy.requests)[number]) => {
      const response = await fetch(`${mock}${path}`, {
        method,
        headers: ["authorization", "idempotency-key", "content-type", "stripe-version"]
          .map((name): [string, string] => [name, headers.get(name)!]),
        body: new URLSearchParams(params).toString(),
      });
      returned.push(response.headers.get("idempotency-key"));
      return response;
    };
    const stripe = provider(proxy.url);
    const [charged, captured] = [{ ...charge(), captureMethod: "manual" as const }, part()];
    for (let i = 0; i < 2; i++) proxy.next(pass);
    await stripe.charge(charged, signal);
    await stripe.capture(captured, signal);
    assertEquals(returned, [charged.id, captured.id]);
  },
});

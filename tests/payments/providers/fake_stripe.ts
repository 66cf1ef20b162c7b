/** A server that gives the answers of Stripe's that it was told to give, one for each request, and keeps the requests. */

export interface StripeRequest {
  method: string;
  path: string;
  /** Of the body or, without one, of the URL; nested ones as `metadata[payment_id]`. */
  params: Record<string, string>;
  headers: Headers;
}

export interface FakeStripe extends AsyncDisposable {
  url: string;
  requests: StripeRequest[];
  /** Answers the next request that has no answer yet. */
  next(answer: (request: StripeRequest) => Response | Promise<Response>): void;
  nextJson(body: unknown, status?: number): void;
  nextError(status: number, error: Record<string, unknown>): void;
}

export function startFakeStripe(): FakeStripe {
  const requests: StripeRequest[] = [];
  const answers: ((request: StripeRequest) => Response | Promise<Response>)[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const url = new URL(request.url);
    const body = await request.text();
    const seen = {
      method: request.method,
      path: url.pathname,
      params: Object.fromEntries(new URLSearchParams(body || url.search)),
      headers: request.headers,
    };
    requests.push(seen);
    const answer = answers.shift();
    return answer
      ? await answer(seen)
      : Response.json({ error: { type: "nobody_expected_this" } }, { status: 500 });
  });
  const fake: FakeStripe = {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    next: (answer) => answers.push(answer),
    nextJson: (body, status = 200) => fake.next(() => Response.json(body, { status })),
    nextError: (status, error) => fake.nextJson({ error }, status),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return fake;
}

/** A Payment Intent as Stripe answers it: captured, unless `change` says otherwise. */
export function paymentIntent(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: "pi_1",
    object: "payment_intent",
    amount: 10_000,
    amount_capturable: 0,
    amount_received: 10_000,
    capture_method: "automatic",
    currency: "eur",
    last_payment_error: null,
    latest_charge: stripeCharge(),
    metadata: {},
    next_action: null,
    status: "succeeded",
    ...change,
  };
}

/** The charge of such an intent: captured whole, unless `change` says otherwise. */
export function stripeCharge(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: "ch_1",
    object: "charge",
    amount: 10_000,
    amount_captured: 10_000,
    amount_refunded: 0,
    payment_intent: "pi_1",
    ...change,
  };
}

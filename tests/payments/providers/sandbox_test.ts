import { assert, assertEquals, assertRejects } from "@std/assert";
import { openDatabase, type Sql } from "../../../src/platform/db.ts";
import { newId } from "../../../src/platform/id.ts";
import {
  type ChargeRequest,
  type ChargeState,
  type PaymentProvider,
  ProviderError,
} from "../../../src/payments/providers/provider.ts";
import { createSandbox, type Sandbox } from "../../../src/payments/providers/sandbox.ts";
import { testDatabase } from "../../support/database.ts";

const SECRET = "whsec_c2FuZGJveC10ZXN0LW9ubHktc2VjcmV0LTEyMzQ=";
const { signal } = new AbortController();

function test(name: string, body: (sandbox: Sandbox, sql: Sql) => Promise<void>): void {
  Deno.test(name, async () => {
    await using database = await testDatabase();
    const sql = openDatabase({ databaseUrl: database.url, databasePoolSize: 8 });
    try {
      await body(createSandbox(sql, SECRET), sql);
    } finally {
      await sql.end();
    }
  });
}

function request(paymentMethod: string, change: Partial<ChargeRequest> = {}): ChargeRequest {
  return {
    id: newId(),
    orderId: newId(),
    amount: 10_000,
    currency: "EUR",
    paymentMethod,
    captureMethod: "automatic",
    ...change,
  };
}

const charge = (sandbox: PaymentProvider, method: string, change?: Partial<ChargeRequest>) =>
  sandbox.charge(request(method, change), signal);
const part = (reference: string, amount: number, id = newId()) => ({
  id,
  reference,
  amount,
  currency: "EUR",
});
const refundOf = (reference: string, amount: number) => ({
  ...part(reference, amount),
  reason: "broken",
});

async function assertError(work: Promise<unknown>, kind: ProviderError["kind"], code: string): Promise<void> {
  const error = await assertRejects(() => work, ProviderError);
  assertEquals([error.kind, error.code], [kind, code]);
}

const refusals = (outcomes: PromiseSettledResult<unknown>[]) =>
  outcomes.flatMap((outcome) => outcome.status === "rejected" ? [outcome.reason.kind] : []);

function amounts({ status, amountAuthorised, amountCaptured, amountRefunded }: ChargeState) {
  return [status, amountAuthorised, amountCaptured, amountRefunded];
}

test("a charge is captured at once, or only authorised where captures are manual", async (sandbox) => {
  assertEquals(amounts(await charge(sandbox, "tok_success")), ["captured", 10_000, 10_000, 0]);
  const manual = await charge(sandbox, "tok_success", { captureMethod: "manual" });
  assertEquals(amounts(manual), ["authorised", 10_000, 0, 0]);
});

test("a declined card is a failed charge that says why, and not an error", async (sandbox) => {
  for (
    const [token, code] of [["tok_decline", "card_declined"], [
      "tok_insufficient_funds",
      "insufficient_funds",
    ]]
  ) {
    const state = await charge(sandbox, token!);
    assertEquals([...amounts(state), state.failure?.code], ["failed", 0, 0, 0, code]);
  }
});

test(
  "a token that the sandbox does not know is refused with those it knows, and nothing is recorded",
  async (sandbox, sql) => {
    const error = await assertRejects(() => charge(sandbox, "constructor"), ProviderError, "tok_success");
    assertEquals([error.kind, error.code], ["refused", "invalid_payment_method"]);
    assertEquals((await sql`select from sandbox_charges`).length, 0);
  },
);

test("the same id never charges twice, one call after another or all at once", async (sandbox, sql) => {
  const once = request("tok_success");
  const [first, ...others] = await Promise.all(Array.from({ length: 8 }, () => sandbox.charge(once, signal)));
  for (const other of others) assertEquals(other, first);
  assertEquals(await sandbox.charge(once, signal), first);
  assertEquals((await sql`select from sandbox_charges`).length, 1);
});

test("an id that stands for another charge is refused as the mistake it is", async (sandbox) => {
  const first = request("tok_success");
  await sandbox.charge(first, signal);
  await assertError(sandbox.charge({ ...first, amount: 1 }, signal), "unknown", "idempotency_key_reuse");
});

test("a timeout after the charge leaves it captured: found by its id, and answered to a repeat", async (sandbox) => {
  const late = request("tok_timeout_after_charge");
  await assertError(sandbox.charge(late, signal), "unknown", "timeout");
  const found = await sandbox.find({ id: late.id, reference: null }, signal);
  assertEquals(found && amounts(found), ["captured", 10_000, 10_000, 0]);
  assertEquals(await sandbox.charge(late, signal), found!);
});

test("an error of the bank leaves nothing to be found, however often it is asked again", async (sandbox) => {
  const broken = request("tok_error_500");
  for (let i = 0; i < 3; i++) await assertError(sandbox.charge(broken, signal), "unknown", "api_error");
  assertEquals(await sandbox.find({ id: broken.id, reference: null }, signal), undefined);
});

test("3-D Secure sends the customer away; passing it captures, failing it fails, and the first answer stays", async (sandbox) => {
  const [passes, fails] = [
    await charge(sandbox, "tok_3ds", { returnUrl: "https://shop.example/back" }),
    await charge(sandbox, "tok_3ds"),
  ];
  assertEquals([passes.status, passes.amountAuthorised], ["requires_action", 0]);
  assertEquals(passes.redirectUrl, `/sandbox/3ds/${passes.reference}`);
  assertEquals(await sandbox.findAction(passes.reference), {
    reference: passes.reference,
    status: "requires_action",
    amount: 10_000,
    currency: "EUR",
    returnUrl: "https://shop.example/back",
  });

  const passed = await sandbox.confirmAction(passes.reference, "success");
  assertEquals(amounts(passed!), ["captured", 10_000, 10_000, 0]);
  assertEquals(passed?.redirectUrl, undefined);
  assertEquals(await sandbox.confirmAction(passes.reference, "fail"), passed);

  const failed = await sandbox.confirmAction(fails.reference, "fail");
  assertEquals([failed?.status, failed?.failure?.code], ["failed", "authentication_failed"]);
  assertEquals(await sandbox.confirmAction(fails.reference, "success"), failed);
});

test("3-D Secure of a manual payment authorises it and captures nothing", async (sandbox) => {
  const { reference } = await charge(sandbox, "tok_3ds", { captureMethod: "manual" });
  assertEquals(amounts((await sandbox.confirmAction(reference, "success"))!), ["authorised", 10_000, 0, 0]);
});

test("no check is shown or passed for a charge that never asked for one", async (sandbox) => {
  const { reference } = await charge(sandbox, "tok_success");
  assertEquals(await sandbox.findAction(reference), undefined);
  for (const outcome of ["success", "fail"] as const) {
    assertEquals((await sandbox.confirmAction(reference, outcome))?.status, "captured");
    assertEquals(await sandbox.confirmAction("sandbox_nowhere", outcome), undefined);
  }
  assertEquals(await sandbox.findAction("sandbox_nowhere"), undefined);
});

test("a slow bank's charge is processing until the bank settles it", async (sandbox) => {
  const { reference, status } = await charge(sandbox, "tok_late");
  assertEquals(status, "processing");
  assertEquals(amounts((await sandbox.settle(reference))!), ["captured", 10_000, 10_000, 0]);
  assertEquals((await sandbox.settle(reference))?.status, "captured");
  assertEquals(await sandbox.settle("sandbox_nowhere"), undefined);
});

test("an authorisation is captured in parts, and stays open until all of it is", async (sandbox) => {
  const { reference } = await charge(sandbox, "tok_success", { captureMethod: "manual" });
  assertEquals(amounts(await sandbox.capture(part(reference, 4_000), signal)), [
    "authorised",
    10_000,
    4_000,
    0,
  ]);
  assertEquals(amounts(await sandbox.capture(part(reference, 6_000), signal)), [
    "captured",
    10_000,
    10_000,
    0,
  ]);
});

test("what is left of a partly captured authorisation can be voided: the rest of it counts as captured", async (sandbox) => {
  const payment = request("tok_success", { captureMethod: "manual" });
  const { reference } = await sandbox.charge(payment, signal);
  await sandbox.capture(part(reference, 4_000), signal);
  const state = await sandbox.void({ id: payment.id, reference }, signal);
  assertEquals(amounts(state), ["captured", 4_000, 4_000, 0]);
  assertEquals(await sandbox.void({ id: payment.id, reference }, signal), state);
  await assertError(sandbox.capture(part(reference, 1), signal), "refused", "charge_unexpected_state");
});

test("a void lets go of all that is authorised, again and again; what is captured cannot be voided", async (sandbox) => {
  const payment = request("tok_success", { captureMethod: "manual" });
  const { reference } = await sandbox.charge(payment, signal);
  const state = await sandbox.void({ id: payment.id, reference }, signal);
  assertEquals(amounts(state), ["voided", 0, 0, 0]);
  assertEquals(await sandbox.void({ id: newId(), reference }, signal), state);

  const captured = await charge(sandbox, "tok_success");
  const late = { id: newId(), reference: captured.reference };
  await assertError(sandbox.void(late, signal), "refused", "charge_unexpected_state");
});

test(
  "a capture with the same id is done once, also when it is asked for by many at once",
  async (sandbox, sql) => {
    const { reference } = await charge(sandbox, "tok_success", { captureMethod: "manual" });
    const once = part(reference, 3_000);
    const states = await Promise.all(Array.from({ length: 8 }, () => sandbox.capture(once, signal)));
    for (const state of states) assertEquals(amounts(state), ["authorised", 10_000, 3_000, 0]);
    assertEquals((await sql`select from sandbox_operations`).length, 1);
  },
);

test("captures at the same time never take more than is authorised", async (sandbox, sql) => {
  const payment = request("tok_success", { captureMethod: "manual" });
  const { reference } = await sandbox.charge(payment, signal);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, () => sandbox.capture(part(reference, 3_000), signal)),
  );
  assertEquals(refusals(outcomes), Array(5).fill("refused"));
  assertEquals((await sandbox.find({ id: payment.id, reference }, signal))?.amountCaptured, 9_000);
  assertEquals((await sql`select from sandbox_operations`).length, 3);
});

test("refunds at the same time never give back more than is captured", async (sandbox) => {
  const payment = request("tok_success");
  const { reference } = await sandbox.charge(payment, signal);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, () => sandbox.refund(refundOf(reference, 4_000), signal)),
  );
  assertEquals(refusals(outcomes), Array(6).fill("refused"));
  assertEquals((await sandbox.find({ id: payment.id, reference }, signal))?.amountRefunded, 8_000);
});

test("a refund with the same id is done once and answers the same reference", async (sandbox) => {
  const payment = request("tok_success");
  const { reference } = await sandbox.charge(payment, signal);
  const once = refundOf(reference, 4_000);
  const refunds = await Promise.all(Array.from({ length: 8 }, () => sandbox.refund(once, signal)));
  assertEquals(new Set(refunds.map((refund) => refund.reference)).size, 1);
  assertEquals(await sandbox.refund(once, signal), refunds[0]!);
  assertEquals((await sandbox.find({ id: payment.id, reference }, signal))?.amountRefunded, 4_000);
});

test("operations on a charge that is not there, or in another currency, are refused", async (sandbox) => {
  const nowhere = "sandbox_nowhere";
  await assertError(sandbox.capture(part(nowhere, 1), signal), "refused", "no_such_charge");
  await assertError(sandbox.refund(refundOf(nowhere, 1), signal), "refused", "no_such_charge");
  await assertError(sandbox.void({ id: newId(), reference: nowhere }, signal), "refused", "no_such_charge");
  const { reference } = await charge(sandbox, "tok_success");
  const foreign = { ...refundOf(reference, 1), currency: "USD" };
  await assertError(sandbox.refund(foreign, signal), "refused", "charge_unexpected_state");
});

test("a troubled bank fails each refund twice, then gives the money back once", async (sandbox) => {
  const payment = request("tok_refund_fails");
  const { reference } = await sandbox.charge(payment, signal);
  for (let refunds = 1; refunds <= 2; refunds++) {
    const refund = refundOf(reference, 1_000);
    await assertError(sandbox.refund(refund, signal), "unknown", "api_error");
    await assertError(sandbox.refund(refund, signal), "unknown", "api_error");
    const done = await sandbox.refund(refund, signal);
    assertEquals(done.status, "succeeded");
    assertEquals(await sandbox.refund(refund, signal), done);
    const state = await sandbox.find({ id: payment.id, reference }, signal);
    assertEquals(state?.amountRefunded, refunds * 1_000);
  }
});

test("a refund that the bank refuses is failed, says why, and moves nothing", async (sandbox) => {
  const payment = request("tok_refund_refused");
  const { reference } = await sandbox.charge(payment, signal);
  const refund = refundOf(reference, 1_000);
  const refused = await sandbox.refund(refund, signal);
  assertEquals([refused.status, refused.failure], ["failed", "The bank refused the refund."]);
  assertEquals(await sandbox.refund(refund, signal), refused);
  assertEquals((await sandbox.find({ id: payment.id, reference }, signal))?.amountRefunded, 0);
});

test("a charge, a capture, a refund and a void are one statement each", async (_, sql) => {
  const statements: string[] = [];
  const counted = new Proxy(sql, {
    apply(target, _this, args) {
      const query = Reflect.apply(target, undefined, args);
      // Only what is awaited goes to the database; the rest are pieces of it.
      const then = query.then.bind(query);
      query.then = (...handlers: []) => {
        statements.push(args[0].join("?"));
        return then(...handlers);
      };
      return query;
    },
  });
  const sandbox = createSandbox(counted, SECRET);
  const count = async (work: () => Promise<unknown>) => {
    statements.length = 0;
    await work();
    return statements.length;
  };
  const [first, second] = [1, 2].map(() => request("tok_success", { captureMethod: "manual" }));
  let reference = "";
  assertEquals(
    await count(async () => reference = (await sandbox.charge(first!, signal)).reference),
    1,
    "charge",
  );
  assertEquals(await count(() => sandbox.capture(part(reference, 5_000), signal)), 1, "capture");
  assertEquals(await count(() => sandbox.refund(refundOf(reference, 5_000), signal)), 1, "refund");
  const other = await sandbox.charge(second!, signal);
  assertEquals(
    await count(() => sandbox.void({ id: second!.id, reference: other.reference }, signal)),
    1,
    "void",
  );
});

test("a webhook of the bank's is believed while it is fresh, and not when a byte of it differs", async (sandbox) => {
  const now = new Date("2030-01-01T12:00:00.400Z");
  const { body, headers } = sandbox.signWebhook(
    { id: "evt_1", type: "charge.updated", reference: "sandbox_1" },
    now,
  );
  const bytes = new TextEncoder().encode(body);
  const at = (seconds: number) => new Date(now.getTime() + seconds * 1000);
  const verify = (changed: { bytes?: Uint8Array; headers?: HeadersInit; now?: Date } = {}) =>
    sandbox.verifyWebhook(
      changed.bytes ?? bytes,
      new Headers({ ...headers, ...changed.headers }),
      changed.now ?? now,
    );

  const event = { id: "evt_1", type: "charge.updated", reference: "sandbox_1" };
  assertEquals(verify(), event);
  assertEquals(verify({ now: at(299) }), event);
  assertEquals(verify({ now: at(-299) }), event);
  assertEquals(verify({ now: at(301) }), undefined, "too old");
  assertEquals(verify({ now: at(-301) }), undefined, "from the future");
  assertEquals(verify({ bytes: bytes.with(2, bytes[2]! ^ 1) }), undefined, "another body");
  assertEquals(verify({ bytes: Uint8Array.of(0xef, 0xbb, 0xbf, ...bytes) }), undefined, "a mark before it");
  assertEquals(verify({ bytes: Uint8Array.of(...bytes, 0xff) }), undefined, "not text");
  assertEquals(verify({ headers: { "webhook-id": "evt_2" } }), undefined, "another id");
  assertEquals(verify({ headers: { "webhook-timestamp": "soon" } }), undefined);
  assertEquals(verify({ headers: { "webhook-signature": "" } }), undefined);
  assertEquals(sandbox.verifyWebhook(bytes, new Headers(), now), undefined);
  const several = `v1,bm90IHRoaXM= ${headers["webhook-signature"]}`;
  assertEquals(verify({ headers: { "webhook-signature": several } }), event, "one of several");
  await Promise.resolve();
});

test("a webhook that another secret signed is not from the bank", async (sandbox, sql) => {
  const stranger = createSandbox(sql, "whsec_YW5vdGhlci1zZWNyZXQtb2YtdGhpcnR5LXR3by1ieXRlcw==");
  const now = new Date();
  const { body, headers } = stranger.signWebhook({ type: "charge.updated", reference: "sandbox_1" }, now);
  const bytes = new TextEncoder().encode(body);
  assert(stranger.verifyWebhook(bytes, new Headers(headers), now));
  assertEquals(sandbox.verifyWebhook(bytes, new Headers(headers), now), undefined);
  await Promise.resolve();
});

import { assertEquals, assertRejects } from "@std/assert";
import { ProviderError } from "../../../src/payments/providers/provider.ts";
import type { TestApp } from "../../support/app.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import { assertBooksBalance, eventsOf, patch, read } from "../../support/orders.ts";
import {
  assertBankAgrees,
  bankMessage,
  capture,
  letWorkerCatchUp,
  MINUTE_MS,
  type PaidShop,
  payThrough,
  postWebhook,
  readPayment,
  sandboxOf,
  startPaidShop,
  sweep,
  TOTAL,
  tryToPay,
} from "../../support/payments.ts";

const MANUAL = { capture_method: "manual" };

const amountsOf = ({ status, amount_authorised, amount_captured }: Record<string, unknown>) => [
  status,
  amount_authorised,
  amount_captured,
];
const standing = ({ status, payment_status, amount_authorised, amount_due }: Record<string, unknown>) => [
  status,
  payment_status,
  amount_authorised,
  amount_due,
];

/** From now on the bank captures, and its answer is lost. */
function loseCaptures(app: TestApp): void {
  const sandbox = sandboxOf(app);
  const losing = {
    ...sandbox,
    capture: async (...args: Parameters<typeof sandbox.capture>) => {
      await sandbox.capture(...args);
      throw new ProviderError("unknown", "timeout", "The bank did not answer in time.");
    },
  };
  payThrough(app, losing);
}

Deno.test("What is reserved is captured in parts, and the order says at each step what is paid and what is due", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success", MANUAL);
  assertEquals(standing(order), ["PENDING", "AUTHORISED", TOTAL, TOTAL]);
  const first = await capture(app, staff, payment.id, 2000);
  assertEquals(first.status, 201, JSON.stringify(first.body));
  assertEquals(amountsOf(first.body), ["authorised", TOTAL, 2000]);
  assertEquals(standing((await read(app, user, order.id)).body), [
    "PENDING",
    "PARTIALLY_PAID",
    TOTAL - 2000,
    TOTAL - 2000,
  ]);
  const tooMuch = await capture(app, staff, payment.id, TOTAL - 1999);
  assertEquals([tooMuch.status, tooMuch.body.errors[0].capturable], [422, TOTAL - 2000]);
  const rest = await capture(app, staff, payment.id);
  assertEquals(amountsOf(rest.body), ["captured", TOTAL, TOTAL]);
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PAID", 0, 0]);
  assertEquals((await capture(app, staff, payment.id, 1)).body.errors[0].code, "nothing_reserved");
  assertEquals(
    (await eventsOf(app, "payment", payment.id)).map(({ type, data }) => [type, data.amount_captured]),
    [
      ["payment.created", 0],
      ["payment.authorised", 0],
      ["payment.captured", 2000],
      ["payment.captured", TOTAL],
    ],
  );
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A capture again under its key is the first one", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { payment } = await checkOut("tok_success", MANUAL);
  const ask = () =>
    app.request("POST", `/v1/payments/${payment.id}/captures`, {
      token: staff.token,
      body: { amount: 100 },
      headers: { "Idempotency-Key": "once" },
    });
  assertEquals([(await ask()).body.amount_captured, (await ask()).body.amount_captured], [100, 100]);
  await assertBankAgrees(app);
});

Deno.test("A payment is captured, and let go of, as it was seen: of two who act on one sight of it the second is told, and nothing is done", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { payment } = await checkOut("tok_success", MANUAL);
  const path = `/v1/payments/${payment.id}`;
  const look = async () => (await app.request("GET", path, { token: staff.token })).headers.get("ETag")!;
  const send = (verb: string, etag: string, body?: object, key?: string) =>
    app.request("POST", `${path}/${verb}`, {
      token: staff.token,
      body,
      headers: { "If-Match": etag, ...key !== undefined && { "Idempotency-Key": key } },
    });
  const seen = await look();
  const first = await send("captures", seen, { amount: 2000 }, "first");
  assertEquals([first.status, first.body.amount_captured], [201, 2000]);
  for (const verb of ["captures", "void"]) {
    for (const etag of [seen, '"1"']) {
      const { status, body } = await send(verb, etag);
      assertEquals([status, body.code], [412, "version_mismatch"], verb);
    }
    assertEquals((await send(verb, "2")).status, 422, "that is no ETag");
  }
  const again = await send("captures", seen, { amount: 2000 }, "first");
  assertEquals([again.status, again.headers.get("Idempotency-Replayed")], [201, "true"]);
  assertEquals(await readPayment(app, user, payment.id), first.body, "what is refused does nothing");
  assertEquals(first.headers.get("ETag"), await look());
  const tag = await look();
  const together = await Promise.all([1, 2].map(() => send("captures", tag, { amount: 1000 })));
  assertEquals(together.filter(({ status }) => status === 201).length, 1, "whatever the other is told");
  assertEquals((await readPayment(app, user, payment.id)).amount_captured, 3000);
  const rest = await send("void", await look());
  assertEquals([rest.status, rest.body.status, rest.body.amount_captured], [200, "captured", 3000]);
  assertEquals((await send("void", tag)).status, 412);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What is let go can be captured no more, and the order is due to be paid another way", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success", MANUAL);
  const letGo = () => app.request("POST", `/v1/payments/${payment.id}/void`, { token: staff.token });
  assertEquals([(await letGo()).body.status, (await letGo()).status], ["voided", 200]);
  assertEquals(standing((await read(app, user, order.id)).body), ["PENDING", "UNPAID", 0, TOTAL]);
  assertEquals((await capture(app, staff, payment.id)).body.errors[0].code, "nothing_reserved");
  const other = await tryToPay(app, user, order.id);
  assertEquals(other.body.status, "captured");
  const captured = await app.request("POST", `/v1/payments/${other.body.id}/void`, { token: staff.token });
  assertEquals([captured.status, captured.body.errors[0].code], [409, "not_open"]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Letting the rest go after a part was captured leaves that part paid", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success", MANUAL);
  await capture(app, staff, payment.id, 2000);
  const rest = await app.request("POST", `/v1/payments/${payment.id}/void`, { token: staff.token });
  assertEquals([rest.body.status, rest.body.amount_captured], ["captured", 2000]);
  assertEquals(standing((await read(app, user, order.id)).body), [
    "PENDING",
    "PARTIALLY_PAID",
    0,
    TOTAL - 2000,
  ]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

/** The sweeper asks about the payment once again, and then nothing is in doubt. */
async function assertAskedOnceMore({ app, pass }: PaidShop): Promise<void> {
  await pass(10 * MINUTE_MS);
  await sweep(app);
  assertEquals((await app.deps.sql`select from payments where check_at is not null`).length, 0);
}

Deno.test("A payment that is let go of while a capture of a part is answered late, and whose bank does not say so, is asked about again", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { payment } = await checkOut("tok_success", MANUAL);
  const sandbox = sandboxOf(app);
  const [captured, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  payThrough(app, {
    ...sandbox,
    capture: async (request, signal) => {
      const state = await sandbox.capture(request, signal);
      captured.resolve();
      await go.promise;
      return state;
    },
    void: async (request, signal) => {
      await sandbox.void(request, signal);
      throw new ProviderError("unknown", "timeout", "late");
    },
  });
  const capturing = capture(app, staff, payment.id, 1000);
  await captured.promise;
  const { status } = await app.request("POST", `/v1/payments/${payment.id}/void`, { token: staff.token });
  assertEquals(status, 503);
  go.resolve();
  assertEquals((await capturing).status, 201);
  payThrough(app, sandbox);
  await assertAskedOnceMore(shop);
  assertEquals(amountsOf(await readPayment(app, user, payment.id)), ["captured", TOTAL, 1000]);
  await assertBankAgrees(app);
});

Deno.test("A capture whose answer was lost holds up others, and is finished by the sweeper even after a webhook told of it", async () => {
  for (const webhookFirst of [false, true]) {
    await using shop = await startPaidShop();
    const { app, user, staff, checkOut, pass } = shop;
    const { order, payment } = await checkOut("tok_success", MANUAL);
    const sandbox = sandboxOf(app);
    loseCaptures(app);
    const lost = await capture(app, staff, payment.id, 2000);
    assertEquals([lost.status, lost.body.code], [503, "provider_unavailable"]);
    const second = await capture(app, staff, payment.id, 500);
    assertEquals([second.status, second.body.code], [409, "capture_under_way"]);
    if (webhookFirst) {
      await postWebhook(app, bankMessage(app, payment.provider_reference));
      assertEquals((await letWorkerCatchUp(app)).failures, []);
      assertEquals((await readPayment(app, user, payment.id)).amount_captured, 2000);
    }
    payThrough(app, sandbox);
    await pass(MINUTE_MS);
    await sweep(app);
    assertEquals(amountsOf(await readPayment(app, user, payment.id)), ["authorised", TOTAL, 2000]);
    assertEquals((await app.deps.sql`select status from captures`).map(({ status }) => status), [
      "succeeded",
    ]);
    await assertAskedOnceMore(shop);
    assertEquals(amountsOf((await capture(app, staff, payment.id)).body), ["captured", TOTAL, TOTAL]);
    assertEquals((await read(app, user, order.id)).body.status, "PAID");
    await assertBankAgrees(app);
    await assertBooksBalance(app.deps.sql);
  }
});

Deno.test("Of two who capture or void at once the second is told what is under way, or what has come of the payment", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const sandbox = sandboxOf(app);
  const letGo = (id: string) => app.request("POST", `/v1/payments/${id}/void`, { token: staff.token });
  const { payment: taken } = await checkOut("tok_success", MANUAL);
  const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  payThrough(app, {
    ...sandbox,
    capture: async (request, signal) => {
      asked.resolve();
      await answer.promise;
      return await sandbox.capture(request, signal);
    },
    void: () => Promise.reject(new ProviderError("refused", "lock_timeout", "Something else is being done.")),
  });
  const first = capture(app, staff, taken.id, 2000);
  await asked.promise;
  for (const second of [await capture(app, staff, taken.id, 2000), await letGo(taken.id)]) {
    assertEquals([second.status, second.body.code], [409, "capture_under_way"]);
    assertEquals(second.body.errors[0].amount, 2000);
    assertEquals(second.headers.has("Retry-After"), false, "clients would repeat it, and capture twice");
  }
  answer.resolve();
  assertEquals((await first).body.amount_captured, 2000);

  const { payment: voided } = await checkOut("tok_success", MANUAL);
  const [done, told] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  payThrough(app, {
    ...sandbox,
    void: async (request, signal) => {
      const state = await sandbox.void(request, signal);
      done.resolve();
      await told.promise;
      return state;
    },
  });
  const voiding = letGo(voided.id);
  await done.promise;
  const late = await capture(app, staff, voided.id);
  assertEquals([late.status, late.body.code], [409, "invalid_transition"]);
  assertEquals([late.body.errors[0].code, late.body.errors[0].status], ["nothing_reserved", "voided"]);
  const again = await letGo(voided.id);
  told.resolve();
  assertEquals([(await voiding).body, (await voiding).status], [again.body, again.status]);
  assertEquals([again.status, again.body.status], [200, "voided"]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What the bank refuses to capture is refused, and leaves nothing in doubt", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { payment } = await checkOut("tok_success", MANUAL);
  const sandbox = sandboxOf(app);
  const { signal } = new AbortController();
  await sandbox.void({ id: payment.id, reference: payment.provider_reference }, signal);
  const again = () =>
    app.request("POST", `/v1/payments/${payment.id}/captures`, {
      token: staff.token,
      headers: { "Idempotency-Key": "once" },
    });
  for (const { status, body } of [await again(), await again()]) {
    assertEquals([status, body.code], [409, "invalid_transition"]);
    assertEquals([body.errors[0].code, body.errors[0].status], ["nothing_reserved", "voided"]);
  }
  await assertAskedOnceMore(shop);
  assertEquals((await app.deps.sql`select status from captures`).map(({ status }) => status), ["failed"]);
});

Deno.test("Nothing is captured for an order that was cancelled: what was reserved for it is let go", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success", MANUAL);
  assertEquals((await patch(app, user, order.id, { status: "CANCELLED" })).status, 200);
  const refused = await capture(app, staff, payment.id);
  assertEquals([refused.status, refused.body.errors[0].code], [409, "order_is_over"]);
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals((await readPayment(app, user, payment.id)).status, "voided");
  assertEquals(standing((await read(app, user, order.id)).body), ["CANCELLED", "UNPAID", 0, 0]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A body without a Content-Type is refused, never passed over: a part is not captured as all", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { payment } = await checkOut("tok_success", {
    capture_method: "manual",
  });
  const body = new TextEncoder().encode(JSON.stringify({ amount: 1000 }));
  for (const length of [String(body.length), undefined]) {
    const headers = new Headers({ "Authorization": `Bearer ${staff.token}` });
    if (length) headers.set("Content-Length", length);
    const answer = await app.fetch(
      new Request(`http://waybill.test/v1/payments/${payment.id}/captures`, {
        method: "POST",
        headers,
        body,
      }),
    );
    assertEquals([answer.status, (await answer.json()).code], [
      415,
      "unsupported_media_type",
    ]);
  }
  const { amount_authorised, amount_captured } = await readPayment(
    app,
    staff,
    payment.id,
  );
  assertEquals([amount_authorised, amount_captured], [TOTAL, 0]);
});

Deno.test("A capture that is asked for while its order is cancelled waits for that, and takes nothing", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const { order, payment } = await checkOut("tok_success", MANUAL);
  const { cancelling, capturing } = await app.deps.sql.begin(async (tx) => {
    await tx`select id from orders where id = ${order.id} for no key update`;
    const cancelling = patch(app, user, order.id, { status: "CANCELLED" });
    await untilWaiting(tx);
    const capturing = capture(app, staff, payment.id);
    await untilWaiting(tx, { count: 2 });
    return { cancelling, capturing };
  });
  assertEquals((await cancelling).status, 200);
  const refused = await capturing;
  assertEquals([refused.status, refused.body.errors?.[0].code], [409, "order_is_over"]);
  await letWorkerCatchUp(app);
  assertEquals(amountsOf(await readPayment(app, user, payment.id)), ["voided", TOTAL, 0]);
  await assertBankAgrees(app);
});

Deno.test("The database itself refuses a second capture under way, quote of a cart, or order of a quote", async () => {
  await using shop = await startPaidShop();
  const { app, checkOut } = shop;
  const { sql } = app.deps;
  const [{ payment }, { order }] = [await checkOut("tok_success", MANUAL), await checkOut()];
  const refused = (work: () => Promise<unknown>, constraint: string) =>
    assertRejects(work, Error, `unique constraint "${constraint}"`);
  const insertCapture = () =>
    sql`
      insert into captures (id, payment_id, amount, status, created_at, updated_at)
      values (gen_random_uuid(), ${payment.id}, 1, 'pending', now(), now())`;
  await insertCapture();
  await refused(insertCapture, "captures_pending_key");
  await refused(() => sql`update orders set quote_id = ${order.quote_id}`, "orders_quote_key");
  await refused(() =>
    sql`
      insert into quotes (id, cart_id, cart_version, user_id, created_at, expires_at)
      select gen_random_uuid(), cart_id, cart_version, user_id, created_at, expires_at
      from quotes, generate_series(1, 2) where id = ${order.quote_id}`, "quotes_open_key");
});

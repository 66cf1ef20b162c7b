import { assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { workOnWebhook } from "../../../src/payments/mod.ts";
import { ProviderError } from "../../../src/payments/providers/provider.ts";
import { newId } from "../../../src/platform/id.ts";
import type { TestApp, TestUser } from "../../support/app.ts";
import { assertBooksBalance, eventsOf, place, read, startAnother, typesOf } from "../../support/orders.ts";
import {
  assertBankAgrees,
  bankMessage,
  letWorkerCatchUp,
  MINUTE_MS,
  payThrough,
  postWebhook,
  readPayment,
  sandboxOf,
  standing,
  startPaidShop,
  tryToPay,
} from "../../support/payments.ts";

const letGo = (app: TestApp, user: TestUser, id: string) =>
  app.request("POST", `/v1/payments/${id}/void`, { token: user.token });

const MANUAL = { capture_method: "manual" };

Deno.test("Who has closed the page of the 3-D Secure check is told what is in the way, voids it, and pays with another card", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_3ds");
  const refused = await tryToPay(app, user, order.id);
  const [error] = refused.body.errors;
  assertEquals([refused.status, refused.body.code, error.code, error.payable], [
    422,
    "payment_refused",
    "nothing_due",
    0,
  ]);
  assertEquals(error.payments, [
    { payment_id: payment.id, status: "requires_action", promised: payment.amount },
  ]);

  const voided = await letGo(app, user, payment.id);
  assertEquals([voided.status, voided.body.status, voided.body.redirect_url], [200, "voided", null]);
  assertEquals((await letGo(app, user, payment.id)).body, voided.body, "repeating it changes nothing");
  const last = (await eventsOf(app, "payment", payment.id)).at(-1)!;
  assertEquals([last.type, last.actor], ["payment.voided", `user:${user.id}`]);
  const [doubts] = await app.deps.sql`select count(*) as n from payments where check_at is not null`;
  assertEquals(doubts!.n, 0);

  assertEquals((await tryToPay(app, user, order.id)).body.status, "captured");
  // Too late: the page that was left open takes no money any more.
  await sandboxOf(app).confirmAction(payment.provider_reference, "success");
  await postWebhook(app, bankMessage(app, payment.provider_reference));
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals((await readPayment(app, user, payment.id)).status, "voided");
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PAID", 0, 0]);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A payment that its provider never heard of is given up; one that it charged unheard is recorded, and stays", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut, pass } = shop;
  const lost = await checkOut("tok_error_500");
  const early = await letGo(app, user, lost.payment.id);
  assertEquals([early.status, early.body.code], [503, "provider_unavailable"], "it may be on its way");
  assertEquals((await readPayment(app, user, lost.payment.id)).status, "created");
  await pass(MINUTE_MS);
  const gone = await letGo(app, user, lost.payment.id);
  assertEquals([gone.status, gone.body.status, gone.body.failure_code], [200, "failed", "voided"]);
  assertEquals((await letGo(app, user, lost.payment.id)).body, gone.body);
  assertEquals((await tryToPay(app, user, lost.order.id)).body.status, "captured");

  const unheard = await checkOut("tok_timeout_after_charge");
  assertEquals(unheard.payment.status, "created");
  const late = await letGo(app, user, unheard.payment.id);
  assertEquals([late.status, late.body.errors[0].code, late.body.errors[0].status], [
    409,
    "not_open",
    "captured",
  ]);
  assertEquals(standing((await read(app, user, unheard.order.id)).body), ["PAID", "PAID", 0, 0]);

  const reserved = await checkOut("tok_timeout_after_charge", MANUAL);
  const { status, body } = await letGo(app, user, reserved.payment.id);
  assertEquals([status, body.errors[0].code, body.errors[0].status], [422, "staff_only", "authorised"]);
  assertEquals((await read(app, user, reserved.order.id)).body.payment_status, "AUTHORISED");
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Who voids what they have just paid at their bank is told so, and the order is paid, before any webhook came", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { order, payment } = await checkOut("tok_3ds");
  await sandboxOf(app).confirmAction(payment.provider_reference, "success");
  const { status, body } = await letGo(app, user, payment.id);
  assertEquals([status, body.errors[0].code, body.errors[0].status], [409, "not_open", "captured"]);
  assertEquals((await readPayment(app, user, payment.id)).status, "captured");
  assertEquals(standing((await read(app, user, order.id)).body), ["PAID", "PAID", 0, 0]);

  const refused = await checkOut("tok_3ds");
  await sandboxOf(app).confirmAction(refused.payment.provider_reference, "fail");
  assertEquals((await letGo(app, user, refused.payment.id)).body.errors[0].status, "failed");
  assertEquals((await tryToPay(app, user, refused.order.id)).body.status, "captured");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What the provider is processing it lets go of, or not: the provider decides", async () => {
  await using shop = await startPaidShop();
  const { app, user, checkOut } = shop;
  const { payment } = await checkOut("tok_late");
  const refused = await letGo(app, user, payment.id);
  assertEquals([refused.status, refused.body.errors[0].code], [422, "charge_unexpected_state"]);
  assertEquals(await readPayment(app, user, payment.id), payment, "what is refused does nothing");

  const sandbox = sandboxOf(app);
  payThrough(app, {
    ...sandbox,
    async void({ id }) {
      await app.deps.sql`update sandbox_charges set status = 'voided' where id = ${id}`;
      return (await sandbox.find({ id, reference: null }))!;
    },
  });
  assertEquals((await letGo(app, user, payment.id)).body.status, "voided");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What a bank refuses to let go of as it has let go of it already is voided", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const { payment } = await checkOut("tok_success", MANUAL);
  const sandbox = sandboxOf(app);
  payThrough(app, {
    ...sandbox,
    async void(request, signal) {
      await sandbox.void(request, signal);
      throw new ProviderError("refused", "unexpected_state", "It was let go of.");
    },
  });
  const { status, body } = await letGo(app, staff, payment.id);
  assertEquals([status, body.status], [200, "voided"]);
});

Deno.test("Owners let go of nothing that was reserved or captured, staff of what is reserved, others know of no payment", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, checkOut } = shop;
  const stranger = await app.user();
  const [open, reserved, captured] = [
    (await checkOut("tok_3ds")).payment,
    (await checkOut("tok_success", MANUAL)).payment,
    (await checkOut("tok_success")).payment,
  ];
  const missing = await letGo(app, stranger, newId());
  for (const { id } of [open, reserved, captured]) {
    const { status, body } = await letGo(app, stranger, id);
    assertEquals([status, body.code, body.detail], [404, "not_found", missing.body.detail]);
  }
  const answers = [await letGo(app, user, reserved.id), await letGo(app, user, captured.id)];
  assertEquals(answers.map(({ status, body }) => [status, body.errors[0].pointer, body.errors[0].code]), [
    [422, "path/id", "staff_only"],
    [409, "path/id", "not_open"],
  ]);
  for (const each of [open, reserved, captured]) assertEquals(await readPayment(app, user, each.id), each);
  assertEquals((await letGo(app, staff, reserved.id)).body.status, "voided");
  assertEquals((await letGo(app, staff, captured.id)).body.errors[0].code, "not_open");
  await assertBooksBalance(app.deps.sql);
});

const WAVES = 10;
const AT_ONCE = 6;

Deno.test(`In ${WAVES * AT_ONCE} races of a void with the customer's bank, the payment is voided or stands, and the order is paid once`, async () => {
  await using shop = await startPaidShop();
  const { app, user, sku } = shop;
  await using other = await startAnother(app);
  const sandbox = sandboxOf(app);
  const ends: Record<string, number> = {};
  for (let wave = 0; wave < WAVES; wave++) {
    await Promise.all(Array.from({ length: AT_ONCE }, async (_, i) => {
      const { id } = await place(app, user, { [sku]: 1 }, { shipping_option: "standard" });
      const more = i % 3 === 0 ? MANUAL : {};
      const { body: payment } = await tryToPay(app, user, id, "tok_3ds", more);
      const event = `evt_${wave}_${i}`;
      const finish = async () => {
        await sandbox.confirmAction(payment.provider_reference, "success");
        const { status } = await postWebhook(app, bankMessage(app, payment.provider_reference, event));
        assertEquals(status, 200);
        await workOnWebhook(systemCtx(other.deps, "test"), "sandbox", event);
      };
      const stop = () => letGo(i % 2 ? app : other, user, payment.id);
      // The first wave is the bank's and the last one the customer's, whatever the machine is like; between them both run.
      if (wave === 0) await finish();
      const stopping = stop();
      if (wave === WAVES - 1) await stopping;
      const [answer] = await Promise.all([stopping, finish()]);

      const after = await readPayment(app, user, payment.id);
      const end = `${answer.status} ${after.status}`;
      ends[end] = (ends[end] ?? 0) + 1;
      if (after.status === "authorised") {
        await app.request("POST", `/v1/payments/${payment.id}/captures`, { token: shop.staff.token });
      }
      const again = await tryToPay(other, user, id);
      assertEquals(again.status, after.status === "voided" ? 201 : 422, end);
      assertEquals((await read(app, user, id)).body.status, "PAID", end);
      const told = (await typesOf(app, "payment", payment.id)).filter((type) => type !== "payment.updated");
      assertEquals(told, [...new Set(told)], "what became of it is told once");
    }));
  }
  const expected = ["200 voided", "409 captured", "422 authorised"];
  assertEquals(Object.keys(ends).sort(), expected, JSON.stringify(ends));
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  const [charges] = await app.deps.sql`
    select count(*) as n from sandbox_charges where status = 'captured' and amount_refunded = 0`;
  assertEquals(charges!.n, WAVES * AT_ONCE);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

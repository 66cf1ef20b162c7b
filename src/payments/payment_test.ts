import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { exampleOrder } from "../../tests/support/example_order.ts";
import type { Ctx } from "../platform/ctx.ts";
import { AppError } from "../platform/errors.ts";
import { eventOfChange } from "./events.ts";
import {
  afterState,
  type AskPayment,
  isFinal,
  newPayment,
  nextCheck,
  openAmount,
  type Payment,
  PAYMENT_STATUSES,
  paymentView,
  promisedAmount,
  refuseVoid,
  type StoredPayment,
} from "./payment.ts";
import type { ChargeState } from "./providers/provider.ts";

const NOW = new Date("2026-11-20T12:00:00Z");
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const userId = "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20";
const ctx = { clock: { now: () => NOW }, actor: { kind: "user", userId, role: "customer" } } as Ctx;
const ask = (more: Partial<AskPayment> = {}): AskPayment => ({
  provider: "sandbox",
  payment_method: "tok_success",
  capture_method: "automatic",
  ...more,
});

const AMOUNT = 1500;
const begun = () => newPayment(ctx, exampleOrder(), ask());

function state(status: ChargeState["status"], captured = 0, more: Partial<ChargeState> = {}): ChargeState {
  const authorised = status === "authorised" ? AMOUNT : captured;
  return {
    reference: "ref",
    status,
    amountAuthorised: authorised,
    amountCaptured: captured,
    amountRefunded: 0,
    ...status === "requires_action" && { redirectUrl: "https://bank.example/3ds" },
    ...status === "failed" && { failure: { code: "card_declined", message: "The card was declined." } },
    ...more,
  };
}

/** All that a provider says of one charge, in the order in which it happens. */
const histories = fc.record({
  lost: fc.boolean(),
  begin: fc.subarray<"requires_action" | "processing">(["requires_action", "processing"]),
  parts: fc.array(fc.integer({ min: 1, max: 600 }), { maxLength: 4 }),
  end: fc.constantFrom("failed", "captured at once", "authorised", "voided"),
}).map(({ lost, begin, parts, end }): ChargeState[] => {
  const said = begin.map((status) => state(status));
  // What was never heard of is given up, and may turn up all the same.
  if (lost) said.push(state("failed", 0, { reference: "" }));
  if (end === "failed") return [...said, state("failed")];
  if (end === "captured at once") return [...said, state("captured", AMOUNT)];
  said.push(state("authorised"));
  let captured = 0;
  for (const part of parts) {
    captured = Math.min(AMOUNT, captured + part);
    said.push(state(captured === AMOUNT ? "captured" : "authorised", captured));
  }
  if (end === "voided" && captured < AMOUNT) {
    said.push(state(captured > 0 ? "captured" : "voided", captured));
  }
  return said;
});

/** Each of them at least once, in any order, and some of them often. */
const tellings = histories.chain((said) =>
  fc.tuple(
    fc.constant(said),
    fc.array(fc.nat(said.length - 1), { maxLength: 12 }).chain((again) => {
      const all = [...said, ...again.map((index) => said[index]!)];
      return fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length });
    }),
  )
);

const tellAll = (said: ChargeState[]) =>
  said.reduce((payment, each, i) => afterState(later(i), payment, each), begun());

const outcome = ({ status, amount_authorised, amount_captured, provider_reference }: StoredPayment) => ({
  status,
  amount_authorised,
  amount_captured,
  provider_reference,
});

Deno.test("However often and in whatever order a provider tells of a charge, the payment ends the same", () => {
  fc.assert(
    fc.property(tellings, ([said, told]) => assertEquals(outcome(tellAll(told)), outcome(tellAll(said)))),
    { numRuns: 5000 },
  );
});

Deno.test("Whatever is told, amounts never shrink, nothing final is undone, and each version is told of once", () => {
  fc.assert(
    fc.property(tellings, ([, told]) => {
      let payment = begun();
      for (const [i, each] of told.entries()) {
        const before = payment;
        payment = afterState(later(i), before, each);
        assert(payment.amount_captured >= before.amount_captured);
        assert(payment.amount_authorised >= before.amount_authorised);
        assert(payment.amount_captured <= payment.amount_authorised && payment.amount_authorised <= AMOUNT);
        if (before.status === "captured" || before.status === "voided") {
          assertEquals(payment.status === before.status || payment.amount_captured > 0, true);
        }
        assertEquals(payment.version, before.version + (payment === before ? 0 : 1));
        assertEquals(payment.redirect_url !== null, payment.status === "requires_action");
        assertEquals(payment.failure_code !== null, payment.status === "failed");
        assertStrictEquals(afterState(later(i), payment, each), payment);
        assert(openAmount(payment) >= 0 && promisedAmount(payment) >= 0);
      }
    }),
    { numRuns: 5000 },
  );
});

Deno.test("What became of a payment is told once, whatever else is learnt of it afterwards", () => {
  fc.assert(
    fc.property(tellings, ([, told]) => {
      let payment = begun();
      const ends: string[] = [];
      for (const [i, each] of told.entries()) {
        const before = payment;
        payment = afterState(later(i), before, each);
        if (payment === before) continue;
        const { type } = eventOfChange(before, payment);
        if (type !== "payment.updated" && type !== "payment.captured") ends.push(type);
      }
      assertEquals(ends, [...new Set(ends)]);
    }),
    { numRuns: 5000 },
  );
});

Deno.test("What was given up as lost and was charged all the same is captured or reserved, and waits for nothing", () => {
  const lost = afterState(NOW, begun(), state("failed", 0, { reference: "" }));
  assertEquals([lost.status, lost.failure_code, lost.check_at], ["failed", "card_declined", null]);
  const found = afterState(NOW, lost, state("captured", AMOUNT));
  assertEquals([found.status, found.failure_code, found.amount_captured], ["captured", null, AMOUNT]);
  const reserved = afterState(NOW, lost, state("authorised"));
  assertEquals([reserved.status, openAmount(reserved), reserved.check_at], ["authorised", AMOUNT, null]);
});

Deno.test("A payment in doubt is asked about; one that a capture is under way of stays so until that is answered", () => {
  const payment = begun();
  assertEquals(payment.check_at, later(60).toISOString());
  const action = afterState(NOW, payment, state("requires_action"));
  assertEquals(action.check_at, later(15 * 60).toISOString());
  assertEquals(afterState(NOW, action, state("processing")).check_at, later(60).toISOString());
  const elsewhere = state("requires_action", 0, { redirectUrl: "https://bank.example/again" });
  assertEquals(afterState(NOW, action, elsewhere).redirect_url, "https://bank.example/again");
  const authorised = afterState(NOW, payment, state("authorised"));
  assertEquals(authorised.check_at, null);
  const capturing = nextCheck(NOW, authorised);
  assertEquals(afterState(NOW, capturing, state("authorised", 500)).check_at, later(60).toISOString());
  assertEquals(afterState(NOW, capturing, state("captured", AMOUNT)).check_at, later(60).toISOString());
  assertEquals(afterState(NOW, authorised, state("captured", AMOUNT)).check_at, null);
});

Deno.test("A payment is asked about less and less often, and at least every six hours", () => {
  let payment = begun();
  const waits: number[] = [];
  for (let i = 0; i < 11; i++) {
    payment = nextCheck(NOW, payment);
    waits.push((new Date(payment.check_at!).getTime() - NOW.getTime()) / 60_000);
  }
  assertEquals(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]);
  assertEquals(afterState(NOW, payment, state("processing")).checks, 0, "once more is known it begins anew");
});

Deno.test("What is let go after a part was captured is a payment of that part, and nothing of it is open", () => {
  const part = afterState(NOW, tellAll([state("authorised")]), state("authorised", 400));
  assertEquals([openAmount(part), promisedAmount(part)], [1100, 1100]);
  const rest = afterState(NOW, part, state("voided", 400));
  assertEquals([rest.status, rest.amount_captured, openAmount(rest)], ["captured", 400, 0]);
  assertEquals([isFinal(rest.status), promisedAmount(rest)], [true, 0]);
});

/** Another payment of the order, which may bring in so much. */
const other = (amount: number, status: StoredPayment["status"] = "requires_action") => ({
  ...begun(),
  amount,
  status,
});

function refusal(order: Parameters<typeof exampleOrder>[0], more: Partial<AskPayment>, others: Payment[]) {
  return assertThrows(() => newPayment(ctx, exampleOrder(order), ask(more), others), AppError).errors[0]!;
}

Deno.test("A payment is of what is due beside others under way, and never of more, nor of an order that is over", () => {
  assertEquals(newPayment(ctx, exampleOrder(), ask()).amount, 1500);
  assertEquals(newPayment(ctx, exampleOrder(), ask(), [other(400)]).amount, 1100);
  assertEquals(newPayment(ctx, exampleOrder(), ask({ amount: 300 }), [other(400)]).amount, 300);
  for (const status of ["failed", "voided", "captured"] as const) {
    assertEquals(newPayment(ctx, exampleOrder(), ask(), [other(400, status)]).amount, 1500);
  }
  for (const status of ["PAID", "PROCESSING", "CANCELLED", "EXPIRED", "REFUNDED"] as const) {
    const { code, payable, payments } = refusal({ status }, {}, [other(400)]);
    assertEquals([code, payable, payments], ["nothing_due", 0, undefined], status);
  }
});

Deno.test("An order takes a hundred payments, however they ended, and not one more", () => {
  const past = (count: number) => Array.from({ length: count }, () => other(400, "failed"));
  assertEquals(newPayment(ctx, exampleOrder(), ask(), past(99)).amount, 1500);
  assertEquals(refusal({}, {}, past(100)).code, "too_many_payments");
  assertEquals(refusal({}, {}, [...past(99), other(1500)]).code, "nothing_due");
});

Deno.test("A refusal says what is payable, which payments are in the way, and how they get out of it", () => {
  const [one, two] = [other(1000), other(500, "processing")];
  const all = refusal({}, {}, [other(700, "failed"), one, two]);
  assertEquals([all.pointer, all.code, all.payable], ["", "nothing_due", 0]);
  assertEquals(all.payments, [
    { payment_id: one.id, status: "requires_action", promised: 1000 },
    { payment_id: two.id, status: "processing", promised: 500 },
  ]);
  for (const word of [one.id, two.id, "void", "/v1/payments/{id}/void"]) {
    assert(all.message.includes(word), word);
  }

  const part = refusal({}, { amount: 501 }, [one]);
  assertEquals([part.pointer, part.code, part.payable], ["/amount", "more_than_due", 500]);
  assertEquals(part.payments, [{ payment_id: one.id, status: "requires_action", promised: 1000 }]);
  assert(part.message.includes(one.id) && part.message.includes("void it"));

  const alone = refusal({}, { amount: 1501 }, []);
  assertEquals([alone.payable, alone.payments, alone.message], [
    1500,
    [],
    "must be at most 1500, which is what is due",
  ]);
});

Deno.test("An owner lets go of a payment while nothing was reserved or captured, staff of any that is open", () => {
  const owner = ctx.actor;
  const staff = { ...owner, role: "staff" } as Ctx["actor"];
  const may = (actor: Ctx["actor"], payment: Payment) => {
    try {
      refuseVoid(actor, payment);
      return true;
    } catch (error) {
      const code = isFinal(payment.status) ? "invalid_transition" : "payment_refused";
      assert(error instanceof AppError && error.code === code);
      return false;
    }
  };
  for (const status of PAYMENT_STATUSES) {
    const isOpen = !isFinal(status);
    assertEquals(may(staff, other(AMOUNT, status)), isOpen, status);
    assertEquals(may(owner, other(AMOUNT, status)), isOpen, status);
    assertEquals(may(staff, { ...other(AMOUNT, status), amount_authorised: 1 }), isOpen, status);
    assertEquals(may(owner, { ...other(AMOUNT, status), amount_authorised: 1 }), false, status);
  }
});

Deno.test("What is answered of a payment says nothing of what it was charged by, nor of when it is asked about", () => {
  const view = paymentView(newPayment(ctx, exampleOrder(), ask({ return_url: "https://shop.example/back" })));
  for (const secret of ["payment_method", "return_url", "check_at", "checks", "actor"]) {
    assertEquals(secret in view, false, secret);
  }
});

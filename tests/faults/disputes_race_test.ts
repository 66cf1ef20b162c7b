import { assertEquals } from "@std/assert";
import { verifyBooks } from "../../src/admin/mod.ts";
import type { DisputeState } from "../../src/payments/providers/provider.ts";
import { ask, change, receive, refund as refundReturn } from "../http/returns/support.ts";
import type { Answer } from "../support/app.ts";
import { assertBooksBalance, deliver, patch, place } from "../support/orders.ts";
import {
  assertBankAgrees,
  bankMessage,
  endDisputes,
  letItEnd,
  letWorkerCatchUp,
  type PaidShop,
  payThrough,
  postWebhook,
  sandboxOf,
  startPaidShop,
  sweep,
  tryToPay,
  tryToRefund,
} from "../support/payments.ts";
import { Dice } from "../support/random.ts";
import { TroubledBank } from "../support/troubled_bank.ts";
import { endOf, evidenceOf, wrongsOf } from "./money_ends.ts";

/** How many waves of orders there are, and with which seed the dice begin: more of them find what is rarer. */
const WAVES = Number(Deno.env.get("RACE_WAVES") ?? 6);
const SEED = Number(Deno.env.get("RACE_SEED") ?? 1);
const AT_ONCE = 20;

/** One unit at 14.99 EUR to Berlin, 5.00 of shipping, and 20 % VAT on both. */
const ORDER_TOTAL = 2399;

/** How a dispute may go at the bank; the last of each decides. */
const WAYS: readonly DisputeState["status"][][] = [
  ["needs_response", "under_review", "won"],
  ["needs_response", "under_review", "lost"],
  ["needs_response", "lost"],
  ["needs_response", "won"],
  ["inquiry", "needs_response", "lost"],
  ["inquiry", "closed"],
  ["lost"],
];

/** The bank answers late at times, or not at all. */
const TROUBLES = [
  { name: "not done", weight: 3 },
  { name: "not answered", weight: 5 },
  { name: "overtaken", weight: 40 },
  { name: "none", weight: 52 },
] as const;

/** An order with its payments, and what was done with it. */
interface Played {
  id: string;
  payments: { id: string; provider_reference: string }[];
  returnId?: string;
  story: string[];
}

/** What becomes of orders, whose customers' banks want the money back, by these dice. */
class Race {
  readonly failures: string[] = [];
  readonly orders: Played[] = [];
  readonly #shop: PaidShop;
  readonly #dice: Dice;
  readonly #bank: TroubledBank;

  constructor(shop: PaidShop, seed: number) {
    this.#shop = shop;
    this.#dice = new Dice(seed);
    this.#bank = new TroubledBank(sandboxOf(shop.app), this.#dice, false, TROUBLES);
    payThrough(shop.app, this.#bank.provider());
  }

  async playWave(): Promise<void> {
    this.#bank.isTroubled = false;
    const wave = await Promise.all(Array.from({ length: AT_ONCE }, () => this.#begin()));
    this.orders.push(...wave);
    this.#bank.isTroubled = true;
    await Promise.all(wave.flatMap((order) => [
      this.#dispute(order),
      ...Array.from({ length: this.#dice.upTo(3) }, () => this.#giveBack(order)),
      this.#end(order),
      this.#ask(order),
      this.#ask(order),
    ]));
  }

  /** The bank decides what is open, and tells all; everybody waits until nothing is under way. */
  async comeToRest(): Promise<void> {
    const { app, staff } = this.#shop;
    this.#bank.isTroubled = false;
    await endDisputes(this.#shop, this.#dice);
    for (const { provider_reference } of this.orders.flatMap(({ payments }) => payments)) {
      await postWebhook(app, bankMessage(app, provider_reference));
    }
    await letItEnd(this.#shop);
    for (const { returnId } of this.orders) if (returnId) await refundReturn(app, staff, returnId);
    await letItEnd(this.#shop);
    const { failures } = await letWorkerCatchUp(app);
    this.failures.push(...failures.map((error) => `A job still fails: ${error}`));
  }

  async #begin(): Promise<Played> {
    const { app, user, staff, sku } = this.#shop;
    const token = this.#dice.pick("tok_success", "tok_success", "tok_refund_fails");
    const { id } = await place(app, user, { [sku]: 1 }, { shipping_option: "standard" });
    const parts = this.#dice.chance(0.3) ? [{ amount: 1000 }, {}] : [{}];
    const payments = [];
    for (const part of parts) {
      const { status, body } = await tryToPay(app, user, id, token, part);
      assertEquals([status, body.status], [201, "captured"]);
      payments.push(body);
    }
    const order: Played = { id, payments, story: [`paid by ${token} in ${parts.length}`] };
    if (this.#dice.chance(0.25)) {
      await deliver(app, staff, id);
      const { body } = await ask(app, user, id, 1);
      assertEquals((await change(app, staff, body.id, { status: "approved" })).status, 200);
      order.returnId = body.id;
    }
    return order;
  }

  /** A customer's bank wants money back of each payment, goes on with that, and tells of it, or mostly. */
  async #dispute(order: Played): Promise<void> {
    await Promise.all(order.payments.map(async ({ provider_reference: reference }) => {
      if (this.#dice.chance(0.15)) return;
      const amount = this.#dice.chance(0.5) ? this.#dice.upTo(1000) : undefined;
      for (const status of this.#dice.pick(...WAYS)) {
        await this.#waitALittle();
        if (this.#dice.chance(0.2)) return;
        if (this.#dice.chance(0.8)) {
          this.#note(
            order,
            "dispute",
            { status, amount },
            await this.#disputeAtBank(reference, { status, amount }),
          );
        } else {
          const { app, clock } = this.#shop;
          await sandboxOf(app).dispute(reference, { status, amount }, clock.at).catch(() => {});
          order.story.push(`dispute, silently ${status}`);
        }
        if (this.#dice.chance(0.5)) await letWorkerCatchUp(this.#shop.app);
      }
    }));
  }

  #disputeAtBank(reference: string, body: Record<string, unknown>): Promise<Answer> {
    const { app, staff } = this.#shop;
    return app.request("POST", `/v1/sandbox/charges/${reference}/dispute`, { token: staff.token, body });
  }

  async #giveBack(order: Played): Promise<void> {
    const dice = this.#dice;
    await this.#waitALittle();
    const asked = {
      ...dice.pick({}, { amount: dice.upTo(ORDER_TOTAL) }, { amount: dice.upTo(600) }, {
        items: [{ line: 1, quantity: 1 }],
      }, { include_shipping: true }),
      ...dice.chance(0.15) && { manual: true },
    };
    const { app, staff } = this.#shop;
    this.#note(order, "refund", asked, await tryToRefund(app, staff, order.id, asked));
  }

  /** Its return is received and refunded, or it is cancelled, or neither. */
  async #end(order: Played): Promise<void> {
    const { app, staff } = this.#shop;
    await this.#waitALittle();
    if (order.returnId) {
      const refund = this.#dice.chance(0.5);
      const received = await receive(app, staff, order.returnId, [1, 0], { refund });
      this.#note(order, "receive", { refund }, received);
      if (received.status === 422) await receive(app, staff, order.returnId, [1, 0]);
    } else if (this.#dice.chance(0.6)) {
      const status = "CANCELLED";
      this.#note(order, "change", { status }, await patch(app, staff, order.id, { status }));
    }
  }

  /** The customer comes back from the bank, or the worker looks after what it knows. */
  async #ask(order: Played): Promise<void> {
    const { app, user } = this.#shop;
    await this.#waitALittle();
    if (this.#dice.chance(0.2)) return await sweep(app);
    const { id } = this.#dice.pick(...order.payments);
    const path = `/v1/payments/${id}/refresh`;
    this.#note(order, "refresh", {}, await app.request("POST", path, { token: user.token }));
  }

  /** So many round trips to the database, so that who comes first is another each time. */
  async #waitALittle(): Promise<void> {
    for (let turns = this.#dice.upTo(8); turns > 0; turns--) await this.#shop.app.deps.sql`select`;
  }

  #note({ story }: Played, name: string, asked: unknown, { status, body }: Answer): void {
    const deed = `${name} ${JSON.stringify(asked)} → ${status} ${
      body?.errors?.[0]?.code ?? body?.code ?? ""
    }`;
    story.push(deed);
    // 503 says that the bank is to blame.
    if (status >= 500 && status !== 503) this.failures.push(`${deed} ${JSON.stringify(body)}`);
  }
}

/** What is not as the bank has it of an order's disputes, or was given back beyond what came in. */
async function wrongsOfDisputes({ app }: PaidShop, orderId: string): Promise<string[]> {
  const rows = await app.deps.sql<{ what: string }[]>`
    select format('payment %s says that %s are disputed', id, amount_disputed) as what
    from payments where order_id = ${orderId} and amount_disputed <> 0
    union all
    select format('payment %s: %s refunded of %s', id, amount_refunded, amount_captured)
    from payments where order_id = ${orderId} and amount_refunded > amount_captured
    union all
    select format('dispute of %s: %s %s, at the bank %s %s', p.id, d.status, d.amount, b.status, b.amount)
    from payments p join sandbox_disputes b on b.charge_id = p.id left join disputes d on d.payment_id = p.id
    where p.order_id = ${orderId} and (d.status, d.amount) is distinct from (b.status, b.amount)
    union all
    select format('dispute of %s: %s lost, and %s booked', p.id, d.amount, coalesce(r.booked, 0))
    from payments p join disputes d on d.payment_id = p.id
      left join lateral (select sum(amount) as booked from refunds where dispute_id = d.id) r on true
    where p.order_id = ${orderId} and d.status = 'lost'
      and coalesce(r.booked, 0) <> least(d.amount, d.amount + p.amount_captured - p.amount_refunded_manually
        - (select amount_refunded from sandbox_charges c where c.id = p.id))
    union all
    select format('%s of %s were refunded by nobody: %s', amount, payment_id, reason)
    from refunds where order_id = ${orderId} and reason = 'Refunded at the payment provider'`;
  return rows.map(({ what }) => what);
}

Deno.test(`In ${WAVES * AT_ONCE} races of disputes with refunds, cancellations, returns and late answers, banks and books agree in the end (seed ${SEED})`, async () => {
  await using shop = await startPaidShop();
  const { app, clock } = shop;
  const race = new Race(shop, SEED);
  for (let wave = 0; wave < WAVES; wave++) await race.playWave();
  await race.comeToRest();
  assertEquals(race.failures, []);
  const wrongs = [];
  for (const { id, story } of race.orders) {
    const end = await endOf(shop, id);
    const findings = [...wrongsOf(end), ...await wrongsOfDisputes(shop, id)];
    if (findings.length > 0) wrongs.push({ findings, ...evidenceOf(end), story });
  }
  assertEquals(wrongs, []);
  const { invariants } = await verifyBooks(app.deps.sql, clock.at);
  assertEquals(invariants.filter(({ breaks }) => breaks > 0), []);
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
});

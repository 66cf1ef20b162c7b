import { assertEquals } from "@std/assert";
import { systemCtx } from "../../src/deps.ts";
import { expireDueOrders } from "../../src/orders/mod.ts";
import { checkDuePayments } from "../../src/payments/mod.ts";
import { type PaymentProvider, ProviderError } from "../../src/payments/providers/provider.ts";
import { type Answer, startTestApp, type TestApp, type TestUser } from "./app.ts";
import { addExport, checkedOut, openBorders } from "./checkout.ts";
import { assertBooksBalance } from "./orders.ts";
import type { Dice } from "./random.ts";
import { doOutsideJobs, readLog } from "./worker.ts";

export const MINUTE_MS = 60_000;
export const DAY_MS = 24 * 60 * MINUTE_MS;

/** A shop that can be paid through the sandbox, whose clock the test moves. */
export interface PaidShop extends AsyncDisposable {
  app: TestApp;
  clock: { at: Date };
  user: TestUser;
  staff: TestUser;
  sku: string;
  /** Lets time go by; its users log in again. */
  pass(ms: number): Promise<void>;
  /** Money that its total is: 3 × 14.99, shipping 5.00, duty 5.00, VAT 10.99 → 65.96. */
  checkOut(paymentMethod?: string, more?: Record<string, unknown>): ReturnType<typeof checkedOut>;
}

export const TOTAL = 6596;

export async function startPaidShop(env: Record<string, string> = {}): Promise<PaidShop> {
  const clock = { at: new Date("2026-11-20T12:00:00Z") };
  const app = await startTestApp(env, { clock: { now: () => clock.at } });
  await openBorders(app);
  const { sku } = await addExport(app, { prices: { EUR: 1499 }, stock: 100_000 });
  const [user, staff] = [await app.user(), await app.user("staff")];
  return {
    app,
    clock,
    user,
    staff,
    sku,
    async pass(ms) {
      clock.at = new Date(clock.at.getTime() + ms);
      user.token = await app.deps.accessTokens.sign({ userId: user.id, role: "customer" }, clock.at);
      staff.token = await app.deps.accessTokens.sign({ userId: staff.id, role: "staff" }, clock.at);
    },
    checkOut: (paymentMethod, more) => checkedOut(app, user, { [sku]: 3 }, paymentMethod, more),
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

/** Asks for a payment of an order, whatever comes of it. */
export function tryToPay(
  app: TestApp,
  user: TestUser,
  orderId: string,
  paymentMethod = "tok_success",
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  return app.request("POST", `/v1/orders/${orderId}/payments`, {
    token: user.token,
    body: { provider: "sandbox", payment_method: paymentMethod, ...more },
    headers,
  });
}

let keys = 0;

/** An order of which `first` paid one half, and `latest`, which is asked first to give back, the other. */
export async function paidByTwo({ app, user, checkOut }: PaidShop, first: string, latest: string) {
  const { order } = await checkOut();
  const { body: a } = await tryToPay(app, user, order.id, first, { amount: TOTAL / 2 });
  const { body: b } = await tryToPay(app, user, order.id, latest);
  assertEquals([a.status, b.status], ["captured", "captured"]);
  return { order, a, b };
}

/** Records money that came by bank under a key of its own, whatever comes of it. */
export function tryToRecord(
  app: TestApp,
  staff: TestUser,
  orderId: string,
  body: Record<string, unknown> = {},
  key = `transfer-${++keys}`,
): Promise<Answer> {
  return app.request("POST", `/v1/orders/${orderId}/manual-payments`, {
    token: staff.token,
    body,
    headers: { "Idempotency-Key": key },
  });
}

/** Asks for a refund under a key of its own, whatever comes of it. */
export function tryToRefund(
  app: TestApp,
  staff: TestUser,
  orderId: string,
  body: Record<string, unknown> = {},
  key = `refund-${++keys}`,
): Promise<Answer> {
  return app.request("POST", `/v1/orders/${orderId}/refunds`, {
    token: staff.token,
    body: { reason: "Arrived broken", ...body },
    headers: { "Idempotency-Key": key },
  });
}

export function capture(app: TestApp, staff: TestUser, paymentId: string, amount?: number): Promise<Answer> {
  return app.request("POST", `/v1/payments/${paymentId}/captures`, {
    token: staff.token,
    ...amount !== undefined && { body: { amount } },
  });
}

export async function readPayment(app: TestApp, user: TestUser, id: string) {
  const { status, body } = await app.request("GET", `/v1/payments/${id}`, { token: user.token });
  assertEquals(status, 200, JSON.stringify(body));
  return body;
}

/** The sandbox with the verbs of its bank. */
export function sandboxOf({ deps }: TestApp) {
  return deps.providers.sandbox!;
}

/** From now on what is paid by the sandbox goes through this provider; its bank stays the same. */
export function payThrough({ deps }: TestApp, provider: PaymentProvider): void {
  deps.providers = { ...deps.providers, byName: new Map([["sandbox", provider]]) };
}

/** Somebody refunds a charge at the bank itself, which tells of it: all that is left unless said. */
export function refundAtBank(
  app: TestApp,
  staff: TestUser,
  reference: string,
  amount?: number,
): Promise<Answer> {
  return app.request("POST", `/v1/sandbox/charges/${reference}/refund`, {
    token: staff.token,
    ...amount !== undefined && { body: { amount } },
  });
}

/** The bank decides about all disputes that are open, and tells of it. */
export async function endDisputes(
  { app, clock }: Pick<PaidShop, "app" | "clock">,
  dice: Dice,
): Promise<void> {
  const open = await app.deps.sql<{ reference: string }[]>`
    select c.reference from sandbox_disputes d join sandbox_charges c on c.id = d.charge_id
    where d.status not in ('won', 'lost', 'closed') order by c.id`;
  for (const { reference } of open) {
    const decide = (status: "won" | "lost") => sandboxOf(app).dispute(reference, { status }, clock.at);
    // What was given back meanwhile cannot be lost any more.
    await decide(dice.pick("won", "lost")).catch(() => decide("won"));
    await postWebhook(app, bankMessage(app, reference));
  }
}

/** A message of the sandbox's bank, as it would be posted. */
export function bankMessage(app: TestApp, reference: string, id?: string) {
  return sandboxOf(app).signWebhook({ id, type: "charge.updated", reference }, app.deps.clock.now());
}

export function postWebhook(
  app: TestApp,
  { body, headers }: { body: string; headers: Record<string, string> },
  provider = "sandbox",
): Promise<Answer> {
  return app.request("POST", `/v1/payment-webhooks/${provider}`, { body, headers });
}

/** Lets the worker do all that follows from what has happened: gives how its payment jobs ended. */
export async function letWorkerCatchUp({ deps }: TestApp): Promise<{ done: number; failures: Error[] }> {
  const all = { done: 0, failures: [] as Error[] };
  for (let before = -1; before !== all.done;) {
    before = all.done;
    await readLog(deps);
    for (const name of ["payments.webhook", "payments.settle_order"] as const) {
      const { done, failures } = await doOutsideJobs(deps, name);
      all.done += done;
      all.failures.push(...failures);
    }
  }
  return all;
}

/** Failed jobs become due, as they would with time. */
export async function letRetriesBeDue({ deps: { sql } }: TestApp): Promise<void> {
  await sql`update pgboss.job set start_after = now() where state in ('created', 'retry')`;
}

/** What the worker does every minute about payments in doubt. */
export async function sweep({ deps }: TestApp): Promise<void> {
  await checkDuePayments(systemCtx(deps, "payments.check"), new AbortController().signal);
}

export async function expire({ deps }: TestApp): Promise<number> {
  return (await expireDueOrders(systemCtx(deps, "orders.expire"))).expired;
}

/**
 * Payments about which bank and ledger differ, and charges of none: what either took and gave back. What the bank gave beside
 * what staff had given back themselves is booked as far as the payment had it.
 */
async function findBankDifferences({ deps: { sql } }: TestApp) {
  return await sql`
    with bank as (
      select id, amount_captured as took, amount_refunded as gave from sandbox_charges
    ), books as (
      select l.payment_id as id, coalesce(sum(cash_at_provider) filter (where l.kind = 'capture'), 0)::bigint as took,
             coalesce(-sum(cash_at_provider) filter (where l.kind = 'refund' and not r.manual), 0)::bigint as gave,
             coalesce(-sum(cash_at_provider) filter (where r.manual), 0)::bigint as manually
      from ledger l join payments p on p.id = l.payment_id and p.provider <> 'manual'
        left join refunds r on r.id = l.refund_id
      group by l.payment_id
    )
    select id, bank.took as bank_took, bank.gave as bank_gave, books.took as books_took, books.gave as books_gave,
           books.manually
    from bank full join books using (id)
    where not exists (select from payments p where p.id = bank.id) or coalesce(bank.took, 0) <> coalesce(books.took, 0)
      or least(coalesce(bank.gave, 0), coalesce(bank.took - books.manually, 0)) <> coalesce(books.gave, 0)`;
}

/** Fails the test unless bank and ledger agree about every payment. */
export async function assertBankAgrees(app: TestApp): Promise<void> {
  assertEquals([...await findBankDifferences(app)], []);
}

/** Bank and books agree, and every invariant holds. */
export async function assertAllIsWell(app: TestApp): Promise<void> {
  await assertBankAgrees(app);
  await assertBooksBalance(app.deps.sql);
}

/** An order's refunds as they are stored, oldest first. */
export async function refundsOf({ deps: { sql } }: TestApp, orderId: string) {
  return await sql`select * from refunds where order_id = ${orderId} order by id`;
}

/** How an order stands with its money. */
export function standing({ status, payment_status, amount_refunded, amount_due }: Record<string, unknown>) {
  return [status, payment_status, amount_refunded, amount_due];
}

/** Time goes by, and worker and sweeper do what is theirs, until nothing is under way any more. */
export async function letItEnd({ app, pass }: Pick<PaidShop, "app" | "pass">): Promise<void> {
  for (let round = 0; round < 12; round++) {
    await letWorkerCatchUp(app);
    await pass(2 ** round * MINUTE_MS);
    await sweep(app);
    await letRetriesBeDue(app);
  }
  await letWorkerCatchUp(app);
}

/** Begins a payment whose charge is on its way to the bank until it is let arrive, and whose answer is lost at times. */
export async function payLate({ app, user }: PaidShop, orderId: string, { isAnswerLost = false } = {}) {
  const sandbox = sandboxOf(app);
  const [begun, arrived] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  payThrough(app, {
    ...sandbox,
    async charge(request, signal) {
      begun.resolve();
      await arrived.promise;
      const state = await sandbox.charge(request, signal);
      if (isAnswerLost) throw new ProviderError("unknown", "timeout", "The bank did not answer in time.");
      return state;
    },
  });
  const paying = tryToPay(app, user, orderId);
  await begun.promise;
  return { paying, letItArrive: arrived.resolve };
}

/** Has the sandbox's bank dispute a charge, or go on with it. */
export function disputeAtBank(
  app: TestApp,
  staff: TestUser,
  reference: string,
  body: Record<string, unknown>,
) {
  return app.request("POST", `/v1/sandbox/charges/${reference}/dispute`, { token: staff.token, body });
}

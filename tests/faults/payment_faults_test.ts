import { assert, assertEquals } from "@std/assert";
import { startTestApp, TEST_SECRET, type TestApp, type TestUser } from "../support/app.ts";
import { addProduct, assertBooksBalance, place } from "../support/orders.ts";
import {
  assertBankAgrees,
  bankMessage,
  capture,
  expire,
  letRetriesBeDue,
  letWorkerCatchUp,
  MINUTE_MS,
  payThrough,
  postWebhook,
  sandboxOf,
  sweep,
  tryToPay,
  tryToRefund,
} from "../support/payments.ts";
import { seeded } from "../../tools/chaos/random.ts";
import { startProcess } from "../support/process.ts";
import { Dice } from "../support/random.ts";
import { TroubledBank } from "../support/troubled_bank.ts";

/** Five hundred in all: orders whose bank or whose process fails in the midst of it, and processes that are killed. */
const FAULTS = 495;
const KILLS = 5;
/** What the bank has done at the last kill, and nobody has recorded. */
const UNRECORDED = 6;
const AT_ONCE = 15;
const PRICE = 1499;
/** What becomes of calls to the bank, of how many in a hundred: far more of it than in a bad hour. */
const TROUBLES = [
  { name: "not done", weight: 15 },
  { name: "not answered", weight: 20 },
  { name: "killed", weight: 20 },
  { name: "overtaken", weight: 20 },
  { name: "none", weight: 25 },
] as const;

/** A shop whose clock the test moves, and whose users log in again when it does. */
async function startShop(at: Date) {
  const clock = { at };
  const app = await startTestApp({}, { clock: { now: () => clock.at } });
  const { sku } = await addProduct(app, { prices: { EUR: PRICE }, stock: 100_000 });
  const [user, staff] = [await app.user(), await app.user("staff")];
  return {
    app,
    sku,
    user,
    staff,
    async pass(ms: number) {
      clock.at = new Date(clock.at.getTime() + ms);
      const sign = (userId: string, role: "customer" | "staff") =>
        app.deps.accessTokens.sign({ userId, role }, clock.at);
      user.token = await sign(user.id, "customer");
      staff.token = await sign(staff.id, "staff");
    },
  };
}

/** The bank tells of all its charges, of some often, in any order. */
async function tellOfAll(app: TestApp, next: () => number): Promise<void> {
  const charges = await app.deps.sql<{ reference: string }[]>`select reference from sandbox_charges`;
  const told = charges.flatMap(({ reference }, i) =>
    Array.from({ length: 1 + Math.floor(next() * 3) }, (_, n) => ({ reference, id: `evt_${i}_${n % 2}` }))
  );
  for (const { reference, id } of told.toSorted(() => next() - 0.5)) {
    await postWebhook(app, bankMessage(app, reference, id));
  }
}

/** Hours go by, in which the worker does what it does every minute. */
async function letHoursGoBy(shop: Awaited<ReturnType<typeof startShop>>): Promise<void> {
  for (let i = 0; i < 12; i++) {
    await shop.pass(2 ** i * MINUTE_MS);
    await expire(shop.app);
    await sweep(shop.app);
    await letRetriesBeDue(shop.app);
    await letWorkerCatchUp(shop.app);
  }
  await letRetriesBeDue(shop.app);
  assertEquals((await letWorkerCatchUp(shop.app)).failures, []);
}

/** Nobody paid twice, nobody paid for nothing, nothing is in doubt any more, and bank, ledger and orders agree. */
async function assertNothingIsLost(app: TestApp): Promise<void> {
  const { sql } = app.deps;
  await assertBankAgrees(app);
  await assertBooksBalance(sql);
  const twice = await sql`
    select p.order_id from sandbox_charges c join payments p on p.id = c.id
    group by p.order_id having sum(c.amount_captured - c.amount_refunded) > ${PRICE}`;
  assertEquals([...twice], [], "paid twice");
  const unpaid = await sql`
    select o.number, o.status, o.payment_status from orders o
    left join (
      select p.order_id, sum(c.amount_captured - c.amount_refunded)::bigint as kept
      from sandbox_charges c join payments p on p.id = c.id group by p.order_id
    ) bank on bank.order_id = o.id
    where coalesce(bank.kept, 0) <> case when o.payment_status = 'PAID' then ${PRICE} else o.amount_paid - o.amount_refunded end
      or (o.status in ('CANCELLED', 'EXPIRED') and coalesce(bank.kept, 0) <> 0)`;
  assertEquals([...unpaid], [], "paid without a charge, or charged for nothing");
  const inDoubt = await sql`
    select id::text from payments where status in ('created', 'requires_action', 'processing') or check_at is not null
    union all select id::text from refunds where status = 'pending'
    union all select id::text from captures where status = 'pending'`;
  assertEquals([...inDoubt], [], "still in doubt");
  const doubled = await sql`
    select r.id from refunds r left join sandbox_operations o on o.id = r.id
    where (r.status = 'succeeded' and r.payment_id is not null) <> (o.id is not null)`;
  assertEquals([...doubled], [], "refunded here but not at the bank, or there but not here");
}

Deno.test(`${FAULTS} orders whose bank fails, or whose process ends, at any moment: no charge without its order, none twice`, async () => {
  const shop = await startShop(new Date("2026-11-20T12:00:00Z"));
  await using app = shop.app;
  const { user, staff, sku } = shop;
  const next = seeded(20_261_120);
  const bank = new TroubledBank(sandboxOf(app), new Dice(20_261_121), true, TROUBLES);
  payThrough(app, bank.provider());

  const again = async (call: () => Promise<{ status: number }>) => {
    if ((await call()).status >= 500 && next() < 0.5) await call();
  };
  const buy = async (turn: number) => {
    const order = await place(app, user, { [sku]: 1 });
    const more = turn % 3 === 0 ? { capture_method: "manual" } : {};
    const token = turn % 7 === 0
      ? "tok_timeout_after_charge"
      : turn % 11 === 0
      ? "tok_refund_fails"
      : "tok_success";
    await again(() => tryToPay(app, user, order.id, token, more, { "Idempotency-Key": `pay-${turn}` }));
    const [payment] = await app.deps.sql`select id from payments where order_id = ${order.id}`;
    if (turn % 3 === 0) {
      await again(() => capture(app, staff, payment!.id, turn % 2 ? 500 : undefined));
      await again(() => capture(app, staff, payment!.id));
    }
    if (turn % 4 === 0) {
      await again(() => tryToRefund(app, staff, order.id, { amount: 300 }, `refund-${turn}`));
    }
    if (turn % 5 === 0) {
      await again(() =>
        app.request("PATCH", `/v1/orders/${order.id}`, { token: staff.token, body: { status: "CANCELLED" } })
      );
    }
    if (turn % 9 === 0) {
      await again(() => app.request("POST", `/v1/payments/${payment!.id}/refresh`, { token: user.token }));
    }
  };
  const turns = Array.from({ length: FAULTS }, (_, turn) => turn).values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const turn of turns) await buy(turn);
  }));
  await tellOfAll(app, next);
  await letWorkerCatchUp(app);
  await sweep(app);
  bank.isTroubled = false;
  await letHoursGoBy(shop);

  await assertNothingIsLost(app);
  const kinds = await app.deps.sql`select distinct status from orders`;
  assert(kinds.length >= 3, "what happened was of all kinds");
});

Deno.test(`${KILLS} processes that are killed while they charge and refund: what the bank did is found and booked once`, async () => {
  const shop = await startShop(new Date());
  await using app = shop.app;
  const { sql, config } = app.deps;
  const { user, staff, sku } = shop;
  const env = {
    APP_ENV: "test",
    DATABASE_URL: config.databaseUrl,
    SECRET_KEY: TEST_SECRET,
    HOST: "127.0.0.1",
    PORT: "0",
    RATE_LIMIT_TIMES: "100000",
  };
  for (let kill = 0; kill < KILLS; kill++) {
    const process = await startProcess("src/main.ts", env);
    const post = async (by: TestUser, path: string, body: unknown, key: string) => {
      const request = {
        method: "POST",
        headers: {
          "Authorization": `Bearer ${by.token}`,
          "Content-Type": "application/json",
          "Idempotency-Key": key,
        },
        body: JSON.stringify(body),
      };
      // Whoever was cut off knows nothing.
      return await fetch(`${process.url}${path}`, request).then((answer) => answer.text(), () => undefined);
    };
    const orders = await Promise.all(
      Array.from({ length: 24 }, () => place(app, user, { [sku]: 1 })),
    );
    for (const { id } of orders.slice(12)) {
      assertEquals((await tryToPay(app, user, id)).body.status, "captured");
    }
    const done = async () => {
      const [row] = await sql`
        select (select count(*) from sandbox_charges) + (select count(*) from sandbox_operations) as n`;
      return Number(row!.n);
    };
    const before = await done();
    // In the last round nothing can be booked: whatever the bank does, the kill comes before it is recorded.
    const isHeld = kill === KILLS - 1;
    const books = await sql.reserve();
    await books`begin`;
    if (isHeld) await books`lock table ledger in exclusive mode`;
    const asked = orders.map(({ id }, i) =>
      i < 12
        ? post(
          user,
          `/v1/orders/${id}/payments`,
          { provider: "sandbox", payment_method: "tok_success" },
          `p${id}`,
        )
        : post(staff, `/v1/orders/${id}/refunds`, { amount: 400, reason: "Late" }, `r${id}`)
    );
    while (await done() <= before + (isHeld ? UNRECORDED : kill * 4));
    await process.kill();
    await Promise.all(asked);
    if (isHeld) {
      const [unrecorded] = await sql`
        select (select count(*) from sandbox_charges c join payments p using (id)
                where c.amount_captured > p.amount_captured)
             + (select count(*) from sandbox_operations o join refunds r using (id)
                where o.kind = 'refund' and r.status = 'pending') as n`;
      assert(Number(unrecorded!.n) > UNRECORDED, "killed between the charge and its record");
    }
    await books`rollback`;
    books.release();
  }
  await letHoursGoBy(shop);
  await assertNothingIsLost(app);
});

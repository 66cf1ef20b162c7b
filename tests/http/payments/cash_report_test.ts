import { assertEquals } from "@std/assert";
import type { TestApp, TestUser } from "../../support/app.ts";
import { patch } from "../../support/orders.ts";
import {
  assertAllIsWell,
  disputeAtBank,
  letWorkerCatchUp,
  startPaidShop,
  TOTAL,
  tryToRecord,
  tryToRefund,
} from "../../support/payments.ts";

interface Transaction {
  kind: string;
  provider: string | null;
  refund_id: string | null;
  entries: { account: string; debit: number; credit: number }[];
}

async function reportOf(app: TestApp, { token }: TestUser, query = ""): Promise<Transaction[]> {
  const { status, body } = await app.request("GET", `/v1/reports/ledger/transactions?limit=100${query}`, {
    token,
  });
  assertEquals(status, 200, JSON.stringify(body));
  return body.data;
}

/** What these transactions leave of cash. */
const cashOf = (transactions: Transaction[]) =>
  transactions.flatMap(({ entries }) => entries)
    .filter(({ account }) => account === "cash_at_provider")
    .reduce((sum, { debit, credit }) => sum + debit - credit, 0);

Deno.test("The report says how much of the cash each provider has to hold, apart from what staff received and gave back themselves", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const byCard = await checkOut("tok_success");
  assertEquals((await tryToRefund(app, staff, byCard.order.id, { amount: 1000 })).status, 201);
  assertEquals((await tryToRefund(app, staff, byCard.order.id, { amount: 500, manual: true })).status, 201);
  const disputed = await checkOut("tok_success");
  for (const status of ["under_review", "lost"]) {
    const reference = disputed.payment.provider_reference;
    assertEquals((await disputeAtBank(app, staff, reference, { status, amount: 2000 })).status, 200);
    assertEquals((await letWorkerCatchUp(app)).failures, []);
  }
  const byBank = await checkOut();
  assertEquals((await tryToRecord(app, staff, byBank.order.id, { amount: 4000 })).status, 201);
  const byStatus = await checkOut();
  await patch(app, staff, byStatus.order.id, { status: "PAID" });

  const [{ currency, accounts, cash_by_provider }] =
    (await app.request("GET", "/v1/reports/ledger", { token: staff.token })).body.currencies;
  const held = (balances: { provider: string; balance: number }[]) =>
    balances.map(({ provider, balance }) => [provider, balance]);
  assertEquals(held(cash_by_provider), [
    ["manual", 4000 + TOTAL - 500],
    ["sandbox", 2 * TOTAL - 1000 - 2000],
  ]);
  const { account: _, ...cash } = accounts.find(({ account }: { account: string }) =>
    account === "cash_at_provider"
  );
  for (const side of ["debit", "credit", "balance"] as const) {
    const sum = cash_by_provider.reduce((sum: number, each: Record<string, number>) => sum + each[side]!, 0);
    assertEquals(sum, cash[side], side);
  }
  const [{ bank }] = await app.deps.sql<[{ bank: number }]>`
    select sum(amount_captured - amount_refunded)::int as bank from sandbox_charges`;
  assertEquals(cash_by_provider[1].balance, bank, "as the provider's own books have it");

  const all = await reportOf(app, staff);
  for (const { provider, debit, credit } of cash_by_provider) {
    const own = await reportOf(app, staff, `&provider=${provider}&currency=${currency}`);
    assertEquals(own, all.filter((transaction) => transaction.provider === provider));
    assertEquals(cashOf(own), debit - credit, provider);
  }
  const moves = (transactions: Transaction[]) => new Set(transactions.map(({ kind }) => kind));
  assertEquals(moves(all.filter(({ provider }) => provider === null)), new Set(["sale"]));
  assertEquals(
    moves(await reportOf(app, staff, "&provider=sandbox")),
    new Set(["capture", "refund", "dispute"]),
  );
  const { body } = await app.request("GET", `/v1/orders/${byCard.order.id}/ledger`, { token: staff.token });
  assertEquals(body.transactions.map(({ kind, provider }: Transaction) => [kind, provider]), [
    ["sale", null],
    ["capture", "sandbox"],
    ["refund", "sandbox"],
    ["refund", "manual"],
  ]);
  await assertAllIsWell(app);
});

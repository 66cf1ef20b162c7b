import { assertEquals } from "@std/assert";
import { type Account, ACCOUNTS } from "./entries.ts";
import { balancesOf, entriesOf, totalOf } from "./double_entry.ts";

const row = (postings: Partial<Record<Account, number>>) =>
  Object.fromEntries(ACCOUNTS.map((account) => [account, postings[account] ?? 0])) as Record<Account, number>;

Deno.test("What a row adds to an account is a debit, what it takes off is a credit, and the rest is not named", () => {
  assertEquals(entriesOf(row({ receivable: 300, revenue: -250, tax: -50 })), [
    { account: "receivable", debit: 300, credit: 0 },
    { account: "revenue", debit: 0, credit: 250 },
    { account: "tax", debit: 0, credit: 50 },
  ]);
  assertEquals(entriesOf(row({})), []);
});

Deno.test("A balance keeps both sides of its account, also where nothing remains", () => {
  const entries = [
    ...entriesOf(row({ receivable: 300, revenue: -300 })),
    ...entriesOf(row({ cash_at_provider: 300, receivable: -300 })),
  ];
  assertEquals(balancesOf(entries), [
    { account: "receivable", debit: 300, credit: 300, balance: 0 },
    { account: "cash_at_provider", debit: 300, credit: 0, balance: 300 },
    { account: "revenue", debit: 0, credit: 300, balance: -300 },
  ]);
  assertEquals(totalOf(entries), { debit: 600, credit: 600 });
  assertEquals(balancesOf([]), []);
});

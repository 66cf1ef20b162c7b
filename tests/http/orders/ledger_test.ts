import { assert, assertEquals, assertRejects } from "@std/assert";
import { ACCOUNTS } from "../../../src/orders/ledger/entries.ts";
import { listBookedRows, sumAccounts } from "../../../src/orders/ledger/queries.ts";
import { type Sql, transaction } from "../../../src/platform/db.ts";
import { newId } from "../../../src/platform/id.ts";
import { type Answer, startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import {
  addProduct,
  assertBooksBalance,
  deliver,
  patch,
  place,
  read,
  tryToPlace,
} from "../../support/orders.ts";
import { idsOf, type Query } from "../../support/pages.ts";
import { startPaidShop, tryToRefund } from "../../support/payments.ts";
import { countingRows } from "../../support/rows_read.ts";

interface Entry {
  account: string;
  debit: number;
  credit: number;
}

interface Transaction {
  id: number;
  order_id: string;
  currency: string;
  kind: string;
  occurred_at: string;
  entries: Entry[];
}

const ledgerOf = (app: TestApp, user: TestUser, id: string): Promise<Answer> =>
  app.request("GET", `/v1/orders/${id}/ledger`, { token: user.token });

const report = (app: TestApp, user: TestUser, query = ""): Promise<Answer> =>
  app.request("GET", `/v1/reports/ledger${query}`, { token: user.token });

const sums = (entries: Entry[]) => [
  entries.reduce((sum, { debit }) => sum + debit, 0),
  entries.reduce((sum, { credit }) => sum + credit, 0),
];

/** `account +debit` and `account -credit`. */
const terse = (entries: Entry[]) =>
  entries.map(({ account, debit, credit }) => debit > 0 ? `${account} +${debit}` : `${account} -${credit}`);

const debit = (account: string, debit: number) => ({ account, debit, credit: 0 });
const credit = (account: string, credit: number) => ({ account, debit: 0, credit });

Deno.test("The books of an order's life: sale, payment and refund, each in balance", async () => {
  let now = Date.parse("2026-03-01T08:00:00.000Z");
  await using app = await startTestApp({}, { clock: { now: () => new Date(now) } });
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { prices: { EUR: 1499 } });
  const { id } = await place(app, owner, { [sku]: 2 });
  const due = await ledgerOf(app, owner, id);
  assertEquals([due.status, due.body.amount_due, due.body.currency], [200, 2998, "EUR"]);
  now += 60_000;
  await patch(app, staff, id, { status: "PAID" });
  assertEquals((await ledgerOf(app, owner, id)).body.amount_due, 0);
  now += 60_000;
  await patch(app, staff, id, { status: "REFUNDED" });

  const { body } = await ledgerOf(app, staff, id);
  const common = {
    reason: "Recorded by staff",
    actor: `user:${staff.id}`,
    payment_id: null,
    refund_id: null,
    dispute_id: null,
    provider: "manual",
  };
  assertEquals(body.transactions.map((each: { id: number }) => ({ ...each, id: 0 })), [
    {
      ...common,
      id: 0,
      kind: "sale",
      occurred_at: "2026-03-01T08:00:00.000Z",
      provider: null,
      reason: null,
      actor: `user:${owner.id}`,
      entries: [debit("receivable", 2998), credit("revenue", 2998)],
    },
    {
      ...common,
      id: 0,
      kind: "capture",
      occurred_at: "2026-03-01T08:01:00.000Z",
      entries: [credit("receivable", 2998), debit("cash_at_provider", 2998)],
    },
    {
      ...common,
      id: 0,
      kind: "refund",
      occurred_at: "2026-03-01T08:02:00.000Z",
      entries: [credit("cash_at_provider", 2998), debit("refunds", 2998)],
    },
  ]);
  assertEquals([body.order_id, body.amount_due], [id, 0]);
  assertEquals(body.balances, [
    { account: "receivable", debit: 2998, credit: 2998, balance: 0 },
    { account: "cash_at_provider", debit: 2998, credit: 2998, balance: 0 },
    { account: "revenue", debit: 0, credit: 2998, balance: -2998 },
    { account: "refunds", debit: 2998, credit: 0, balance: 2998 },
  ]);
  const order = (await read(app, owner, id)).body;
  assertEquals([order.amount_paid, order.amount_refunded, order.amount_due], [2998, 2998, 0]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A paid order that is cancelled leaves what was paid owed to the customer, and is listed so until that is given back", async () => {
  await using app = await startTestApp();
  const [owner, other, staff] = [await app.user(), await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { prices: { EUR: 500 } });
  const { id } = await place(app, owner, { [sku]: 1 });
  await patch(app, staff, id, { status: "PAID" });
  const owed = async (user: TestUser) =>
    (await idsOf(app, user, "/v1/orders", { owed_to_customer: "true" })).flat();
  assertEquals(await owed(staff), []);
  const cancelled = (await patch(app, staff, id, { status: "CANCELLED", cancel_reason: "Lost" })).body;
  assertEquals([cancelled.amount_due, cancelled.payment_status], [-500, "PAID"]);
  const { body } = await ledgerOf(app, staff, id);
  assertEquals(body.amount_due, -500);
  assertEquals(body.transactions.at(-1).reason, "Lost");
  assertEquals(body.transactions.map(({ entries }: { entries: Entry[] }) => terse(entries)), [
    ["receivable +500", "revenue -500"],
    ["receivable -500", "cash_at_provider +500"],
    ["receivable -500", "revenue +500"],
  ]);
  assertEquals([await owed(staff), await owed(owner), await owed(other)], [[id], [id], []]);
  assertEquals((await tryToRefund(app, staff, id, { manual: true })).status, 201);
  assertEquals(await owed(staff), []);
});

Deno.test("An order of nothing to pay is PAID at once, never expires, and has nothing that could be refunded", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { prices: { EUR: 0 } });
  const order = await place(app, owner, { [sku]: 1 });
  assertEquals([order.status, order.payment_status, order.expires_at], ["PAID", "PAID", null]);
  assertEquals((await read(app, owner, order.id)).body, order);
  const { body } = await ledgerOf(app, owner, order.id);
  assertEquals([body.amount_due, body.balances, body.transactions.length], [0, [], 1]);
  const refused = await patch(app, staff, order.id, { status: "REFUNDED" });
  assertEquals([refused.status, refused.body.code], [409, "invalid_transition"]);
  assertEquals((await patch(app, staff, order.id, { status: "CANCELLED" })).body.status, "CANCELLED");
  await assertBooksBalance(app.deps.sql);
});

Deno.test("The owner sees the books with roles for names; another's books are as if they were not", async () => {
  await using app = await startTestApp();
  const [owner, other, staff] = [await app.user(), await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  await patch(app, staff, id, { status: "PAID" });
  const mine = await ledgerOf(app, owner, id);
  assertEquals(mine.body.transactions.map(({ actor }: { actor: string }) => actor), ["customer", "staff"]);
  assert(!JSON.stringify(mine.body).includes(staff.id));
  const [foreign, missing] = [await ledgerOf(app, other, id), await ledgerOf(app, other, newId())];
  assertEquals([foreign.status, foreign.body.detail], [404, missing.body.detail]);
  assertEquals((await app.request("GET", `/v1/orders/${id}/ledger`)).status, 401);
  assertEquals((await report(app, owner)).status, 403);
  assertEquals((await app.request("GET", "/v1/reports/ledger")).status, 401);
});

Deno.test("A refusal, and a change of anything but money, book nothing", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 1 });
  const { id } = await place(app, owner, { [sku]: 1 });
  assertEquals((await tryToPlace(app, owner, { [sku]: 1 })).status, 409);
  await patch(app, owner, id, { note: "x" });
  await patch(app, staff, id, { status: "SHIPPED" });
  await patch(app, staff, id, { status: "PAID" });
  await patch(app, staff, id, { status: "PAID" });
  await deliver(app, staff, id);
  const rows = await app.deps.sql`select order_id, kind from ledger order by id`;
  assertEquals(rows.map(({ order_id, kind }) => [order_id, kind]), [[id, "sale"], [id, "capture"]]);
});

Deno.test("The report sums what was booked from one time until before another, by currency, and balances", async () => {
  let now = Date.parse("2026-02-28T23:59:59.999Z");
  await using app = await startTestApp({}, { clock: { now: () => new Date(now) } });
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { prices: { EUR: 1000, JPY: 70 } });
  const february = await place(app, owner, { [sku]: 1 });
  now = Date.parse("2026-03-01T00:00:00.000Z");
  await patch(app, staff, february.id, { status: "PAID" });
  await place(app, owner, { [sku]: 3 }, { currency: "JPY" });
  const gone = await place(app, owner, { [sku]: 2 });
  await patch(app, owner, gone.id, { status: "CANCELLED" });

  const march = await report(app, staff);
  assertEquals([march.status, march.body.from, march.body.to], [
    200,
    "2026-03-01T00:00:00.000Z",
    "2026-04-01T00:00:00.000Z",
  ]);
  assertEquals(march.body.currencies, [
    {
      currency: "EUR",
      accounts: [
        { account: "receivable", debit: 2000, credit: 3000, balance: -1000 },
        { account: "cash_at_provider", debit: 1000, credit: 0, balance: 1000 },
        { account: "revenue", debit: 2000, credit: 2000, balance: 0 },
      ],
      cash_by_provider: [{ provider: "manual", debit: 1000, credit: 0, balance: 1000 }],
      debit: 5000,
      credit: 5000,
      balanced: true,
    },
    {
      currency: "JPY",
      accounts: [
        { account: "receivable", debit: 210, credit: 0, balance: 210 },
        { account: "revenue", debit: 0, credit: 210, balance: -210 },
      ],
      cash_by_provider: [],
      debit: 210,
      credit: 210,
      balanced: true,
    },
  ]);
  const [{ accounts }] =
    (await report(app, staff, "?from=2026-02-01T00:00:00Z&to=2026-03-01T01:00:00%2B01:00")).body
      .currencies;
  assertEquals(accounts, [
    { account: "receivable", debit: 1000, credit: 0, balance: 1000 },
    { account: "revenue", debit: 0, credit: 1000, balance: -1000 },
  ], "half-open, in any offset");
  const all = await report(app, staff, "?from=0000-01-01T00:00:00Z");
  const year = all.body.currencies.find(({ currency }: { currency: string }) => currency === "EUR");
  assertEquals([year.balanced, ...sums(year.accounts)], [true, 6000, 6000]);
  assertEquals((await report(app, staff, "?to=2026-04-01T00:00:00Z")).body, march.body);
  assertEquals((await report(app, staff, "?from=2026-03-15T00:00:00Z")).body.currencies, []);
});

Deno.test("The report of a destination, and the list of its transactions, have what was collected for it less what was given back; all of them together are the whole", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  const { order } = await shop.checkOut("tok_success"); // to GB: duty 5.00, VAT 10.99
  const landed = { shipping_option: "standard" };
  const { id } = await place(app, user, { [sku]: 1 }, landed); // within DE: VAT 20 % of 14.99 + 5.00
  await patch(app, staff, id, { status: "PAID" });
  await patch(app, user, (await place(app, user, { [sku]: 5 }, landed)).id, { status: "CANCELLED" });
  assertEquals((await tryToRefund(app, staff, order.id, { items: [{ line: 1, quantity: 3 }] })).status, 201);

  const collected = async (destination: string) => {
    const { body } = await report(app, staff, `?destination=${destination}`);
    const balances = body.currencies.flatMap(({ accounts }: { accounts: (Entry & { balance: number })[] }) =>
      accounts.map(({ account, balance }) => [account, balance])
    );
    return Object.fromEntries(balances);
  };
  const [britain, germany] = [await collected("GB"), await collected("DE")];
  assertEquals([britain.tax, britain.duty, germany.tax, germany.duty], [-100, 0, -400, undefined]);
  assertEquals(await collected("FR"), {});
  const span = { from: "2026-11-01T00:00:00Z", to: "2026-12-01T00:00:00Z" };
  const all = await journal(app, staff, span);
  const british = all.filter(({ order_id }) => order_id === order.id);
  assertEquals(british.map(({ kind }) => kind), ["sale", "capture", "refund"]);
  const to = (destination: string) => journal(app, staff, { ...span, destination, limit: "1" });
  assertEquals(await to("GB"), british);
  assertEquals(await to("DE"), all.filter(({ order_id }) => order_id !== order.id));
  assertEquals(await to("FR"), []);
  const [whole] = (await report(app, staff)).body.currencies;
  for (const { account, balance } of whole.accounts) {
    assertEquals((britain[account] ?? 0) + (germany[account] ?? 0), balance, account);
  }
  const { status, body } = await report(app, staff, "?destination=gb");
  assertEquals([status, body.errors[0].pointer], [422, "query/destination"]);
});

Deno.test("A report of no time at all is refused by name", async () => {
  await using app = await startTestApp({}, { clock: { now: () => new Date("2026-12-31T23:00:00Z") } });
  const staff = await app.user("staff");
  const { body: december } = await report(app, staff);
  assertEquals([december.from, december.to], ["2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"]);
  for (
    const [query, pointer] of [
      ["?from=2026-03-01T00:00:00Z&to=2026-03-01T00:00:00Z", "query/to"],
      ["?from=2026-03-01T00:00:00Z&to=2026-02-01T00:00:00Z", "query/to"],
      ["?to=2026-12-01T00:00:00Z", "query/to"],
      ["?from=2026-03-01", "query/from"],
      // In UTC these are the years 10000 and −1, for which the answer has no form.
      ["?to=9999-12-31T23:59:59-14:00", "query/to"],
      ["?from=0000-01-01T00:00:00%2B14:00", "query/from"],
      ["?month=2026-03", "query/month"],
    ] as const
  ) {
    const { status, body } = await report(app, staff, query);
    assertEquals([status, body.errors[0].pointer], [422, pointer], query);
  }
});

Deno.test("A report up to the last microsecond of a day has all of that day, as lists have", async () => {
  await using app = await startTestApp({}, { clock: { now: () => new Date("2026-03-31T23:59:59.999Z") } });
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { prices: { EUR: 100 } });
  await place(app, owner, { [sku]: 1 });
  const booked = async (query: string) => (await report(app, staff, query)).body.currencies.length;
  assertEquals(await booked("?to=2026-03-31T23:59:59.999999Z"), 1);
  assertEquals(await booked("?from=2026-03-31T23:59:59.999001Z&to=2026-05-01T00:00:00Z"), 0);
  const { body } = await report(app, staff, "?to=9999-12-31T23:59:59.999999Z");
  assertEquals([body.to, body.currencies.length], ["9999-12-31T23:59:59.999Z", 1]);
});

Deno.test("A report of more than a number holds exactly is refused by name, by what is in it together, too", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sql } = app.deps;
  const most = Number.MAX_SAFE_INTEGER;
  const book = (currency: string, amount: number, at: string) =>
    sql`
      insert into ledger (order_id, kind, currency, receivable, revenue, actor, occurred_at)
      values (${newId()}, 'sale', ${currency}, ${amount}, ${-amount}, 'system:test', ${at})`;
  const of = (year: number) =>
    report(app, staff, `?from=${year}-01-01T00:00:00Z&to=${year + 1}-01-01T00:00:00Z`);
  await book("IRR", most, "2024-05-01T00:00:00Z");
  await book("IRR", 1, "2025-05-01T00:00:00Z");
  const { body } = await of(2024);
  assertEquals([body.currencies[0].debit, body.currencies[0].credit], [most, most]);
  const both = await report(app, staff, "?from=2024-01-01T00:00:00Z&to=2026-01-01T00:00:00Z");
  assertEquals([both.status, both.body.errors?.[0].pointer], [422, "query/from"]);
  // Each of the accounts is exact, but not all of them together.
  await sql`
    insert into ledger (order_id, kind, currency, receivable, cash_at_provider, actor, occurred_at)
    values (${newId()}, 'capture', 'IRR', -1, 1, 'system:test', '2024-05-01')`;
  assertEquals((await of(2024)).status, 422);
});

Deno.test("A fault of the books shows in the report: balanced is computed", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  await place(app, owner, { [sku]: 1 });
  const { sql } = app.deps;
  await sql`alter table ledger drop constraint ledger_balances`;
  await sql`insert into ledger (order_id, kind, currency, receivable, actor, occurred_at)
            values (${newId()}, 'sale', 'EUR', 1, 'system:test', ${app.deps.clock.now()})`;
  const [{ balanced, debit, credit }] = (await report(app, staff)).body.currencies;
  assertEquals([balanced, debit - credit], [false, 1]);
});

Deno.test("On an order whose row says other amounts than its ledger nothing is booked", async () => {
  await using app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  await app.deps.sql`update orders set amount_due = amount_due - 1 where id = ${id}`;
  const before = (await ledgerOf(app, owner, id)).body;
  assertEquals((await patch(app, staff, id, { status: "CANCELLED" })).status, 500);
  assertEquals((await ledgerOf(app, owner, id)).body, before);
});

Deno.test("What is in the ledger can never be changed or deleted, by anybody", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const { sku } = await addProduct(app);
  const { id } = await place(app, owner, { [sku]: 1 });
  const { sql } = app.deps;
  const before = (await ledgerOf(app, owner, id)).body;
  await assertRejects(() => sql`update ledger set reason = 'x'`.execute(), Error, "never changed");
  await assertRejects(() => sql`delete from ledger where order_id = ${id}`.execute(), Error, "never changed");
  await assertRejects(() => sql`delete from orders where id = ${id}`.execute(), Error, "never deleted");
  assertEquals((await ledgerOf(app, owner, id)).body, before);
});

Deno.test("The database refuses a row that is out of balance, of no known kind, or that is no such transaction", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const book = (row: Record<string, string | number>) =>
    sql`insert into ledger ${
      sql({
        order_id: newId(),
        currency: "EUR",
        actor: "system:test",
        occurred_at: "2026-03-01T00:00:00Z",
        ...row,
      })
    }`.execute();
  await book({ kind: "sale", receivable: 100, revenue: -80, tax: -20 });
  const wrong: [row: Record<string, string | number>, constraint: string][] = [
    [{ kind: "sale", receivable: 100, revenue: -99 }, "ledger_balances"],
    [{ kind: "capture", cash_at_provider: 1 }, "ledger_balances"],
    [{ kind: "gift", receivable: 100, revenue: -100 }, "ledger_kind_check"],
    [{ kind: "sale", receivable: -100, revenue: 100 }, "ledger_kind_check"],
    [{ kind: "cancellation", receivable: 100, revenue: -100 }, "ledger_kind_check"],
    [{ kind: "capture", cash_at_provider: -1, receivable: 1 }, "ledger_kind_check"],
    [{ kind: "capture", cash_at_provider: 2, receivable: -1, revenue: -1 }, "ledger_kind_check"],
    [{ kind: "refund", cash_at_provider: 1, refunds: -1 }, "ledger_kind_check"],
    [{ kind: "refund", cash_at_provider: -1, revenue: 1 }, "ledger_kind_check"],
  ];
  for (const [row, constraint] of wrong) {
    await assertRejects(() => book(row), Error, constraint, JSON.stringify(row));
  }
  assertEquals((await sql`select id from ledger`).length, 1);
});

Deno.test("The taking back of an order's sale and each refund of it are booked once only", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const [order_id, refund_id] = [newId(), newId()];
  const common = { order_id, currency: "EUR", actor: "system:test", occurred_at: "2026-03-01T00:00:00Z" };
  const rows = [
    { ...common, kind: "cancellation", receivable: -5, revenue: 5 },
    { ...common, kind: "refund", cash_at_provider: -5, refunds: 5, refund_id },
  ];
  for (const row of rows) {
    const book = () => sql`insert into ledger ${sql(row)}`.execute();
    await book();
    await assertRejects(book, Error, `ledger_${row.kind}_key`);
  }
});

const TRANSACTIONS = "/v1/reports/ledger/transactions";

/** All transactions of a span, page by page. */
async function journal(app: TestApp, user: TestUser, query: Query): Promise<Transaction[]> {
  const all: Transaction[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const search = new URLSearchParams({ limit: "3", ...query, ...cursor !== "" && { cursor } });
    const { status, body } = await app.request("GET", `${TRANSACTIONS}?${search}`, { token: user.token });
    assertEquals(status, 200, JSON.stringify(body));
    all.push(...body.data);
    cursor = body.next_cursor;
  }
  return all;
}

const accountsOf = (transactions: Transaction[]) =>
  ACCOUNTS.flatMap((account) => {
    const [debit, credit] = sums(
      transactions.flatMap(({ entries }) => entries.filter((entry) => entry.account === account)),
    );
    return debit === 0 && credit === 0 ? [] : [{ account, debit, credit, balance: debit! - credit! }];
  });

Deno.test("The transactions of a span, page by page, are those of its orders and come to exactly what its report says", async () => {
  const start = Date.parse("2026-03-31T23:56:00.000Z");
  let now = start;
  await using app = await startTestApp({}, { clock: { now: () => new Date(now) } });
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { prices: { EUR: 1000, JPY: 70 }, stock: 1000 });
  const ids: string[] = [];
  for (let i = 0; i < 24; i++) {
    // All that becomes of four of them is at one time, and not in the order of time; eight are of April.
    now = start + [3, 1, 5, 0, 4, 2][Math.floor(i / 4)]! * 60_000;
    const { id } = await place(app, owner, { [sku]: 1 + i }, { currency: i % 3 === 0 ? "JPY" : "EUR" });
    ids.push(id);
    if (i % 4 === 1) await patch(app, owner, id, { status: "CANCELLED" });
    if (i % 4 === 2) await patch(app, staff, id, { status: "PAID" });
    if (i % 8 === 6) await patch(app, staff, id, { status: "REFUNDED" });
  }

  const ofOrders: Transaction[] = [];
  for (const id of ids) {
    const { body } = await ledgerOf(app, staff, id);
    for (const transaction of body.transactions) {
      ofOrders.push({ ...transaction, order_id: id, currency: body.currency });
    }
  }
  ofOrders.sort((a, b) =>
    a.occurred_at < b.occurred_at ? -1 : a.occurred_at > b.occurred_at ? 1 : a.id - b.id
  );
  const march = { from: "2026-03-01T00:00:00Z", to: "2026-04-01T00:00:00Z" };
  const second = { from: "2026-03-31T23:57:00Z", to: "2026-03-31T23:57:00.001Z" };
  const year = { from: "0000-01-01T00:00:00Z", to: "9999-12-31T23:59:59Z" };
  for (const span of [march, second, year]) {
    const found = await journal(app, staff, span);
    const expected = ofOrders.filter(({ occurred_at: at }) =>
      Date.parse(at) >= Date.parse(span.from) && Date.parse(at) < Date.parse(span.to)
    );
    assert(expected.length > 6);
    assertEquals(found, expected);
    const { body } = await report(app, staff, `?${new URLSearchParams(span)}`);
    assertEquals(body.currencies.length, 2);
    for (const { currency, accounts } of body.currencies) {
      assertEquals(accounts, accountsOf(found.filter((each) => each.currency === currency)));
      assertEquals(
        await journal(app, staff, { ...span, currency }),
        found.filter((each) => each.currency === currency),
      );
    }
    for (const kind of ["sale", "cancellation", "capture", "refund"]) {
      const of = found.filter((each) => each.kind === kind);
      assert(of.length > 0);
      assertEquals(await journal(app, staff, { ...span, kind, limit: "1" }), of);
    }
  }
  assertEquals((await app.request("GET", TRANSACTIONS, { token: owner.token })).status, 403);
  const { status, body } = await app.request(
    "GET",
    `${TRANSACTIONS}?${new URLSearchParams({
      from: march.to,
      to: march.from,
    })}`,
    staff,
  );
  assertEquals([status, body.errors[0].pointer], [422, "query/to"]);
});

Deno.test("A list of this month's transactions goes on in that month, also when the month is over before its last page", async () => {
  let now = Date.parse("2026-03-31T23:59:59.000Z");
  await using app = await startTestApp({}, { clock: { now: () => new Date(now) } });
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const placed = [(await place(app, owner, { [sku]: 1 })).id, (await place(app, owner, { [sku]: 1 })).id];
  const page = (query: Query) =>
    app.request("GET", `${TRANSACTIONS}?${new URLSearchParams({ limit: "1", ...query })}`, staff);
  const { body: first } = await page({});
  now = Date.parse("2026-04-01T00:00:00.000Z");
  await place(app, owner, { [sku]: 1 });
  const { body: last } = await page({ cursor: first.next_cursor });
  assertEquals([...first.data, ...last.data].map(({ order_id }: Transaction) => order_id), placed);
  assertEquals(last.next_cursor, null);
});

async function book20000(sql: Sql): Promise<void> {
  await sql`
    insert into ledger (order_id, kind, currency, receivable, revenue, actor, occurred_at)
    select gen_random_uuid(), 'sale', 'EUR', 1, -1, 'system:test', timestamptz '2026-01-01' + n * interval '1 minute'
    from generate_series(1, 20000) as n`;
  await sql`vacuum analyze ledger`;
}

Deno.test("A page of transactions reads no more of the ledger than it gives, wherever in it the page is", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  await book20000(sql);
  const span = { from: new Date("2026-01-02"), to: new Date("2026-01-12"), limit: 20 };
  for (const after of [undefined, { at: "2026-01-07T00:00:00Z", id: 1 }]) {
    const { result, rows } = await countingRows(
      sql,
      "ledger",
      (tx) => listBookedRows(tx as unknown as Sql, { ...span, after }),
    );
    assertEquals(result.length, 21);
    assert(rows <= 21, `${rows} rows were read after ${after?.at}`);
  }
});

Deno.test("The report holds its sums in memory and not the transactions that it sums up, however many they are", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  await book20000(sql);
  const sums = await transaction(sql, async (tx) => {
    await tx`set local work_mem = '256kB'`;
    await tx`set local temp_file_limit = 0`;
    return await sumAccounts(tx, { from: new Date("2026-01-01"), to: new Date("2027-01-01") });
  });
  assertEquals(sums.map(({ account, debit, credit }) => [account, debit, credit]), [
    ["receivable", 20000, 0],
    ["revenue", 0, 20000],
  ]);
});

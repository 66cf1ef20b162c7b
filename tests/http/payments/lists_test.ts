import { assert, assertEquals } from "@std/assert";
import { listPaymentRows, listRefundRows } from "../../../src/payments/list_queries.ts";
import { type PAYMENT_STATUSES } from "../../../src/payments/payment.ts";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { addProduct, place } from "../../support/orders.ts";
import { idAt, idsOf, newestFirst, type Query } from "../../support/pages.ts";
import { countingRows } from "../../support/rows_read.ts";

const START = Date.parse("2026-03-01T00:00:00.000Z");
const MINUTE_MS = 60_000;
const COUNT = 60;
const timeOf = (i: number) => START + i * MINUTE_MS;
const at = (i: number) => new Date(timeOf(i)).toISOString();

/** Those that wait have a time when they are asked about, as always. */
const STATUSES: Record<typeof PAYMENT_STATUSES[number], { waits: boolean }> = {
  captured: { waits: false },
  failed: { waits: false },
  created: { waits: true },
  authorised: { waits: false },
  requires_action: { waits: true },
  voided: { waits: false },
  processing: { waits: true },
};

type Row = Record<string, unknown> & { id: string; created_at: string };
type Case = [query: Query, holds: (row: Row) => boolean];

interface Seeded extends AsyncDisposable {
  app: TestApp;
  owner: TestUser;
  staff: TestUser;
  orders: string[];
  payments: Row[];
  refunds: Row[];
}

/** Payments and refunds of three orders, one a minute. */
async function open(): Promise<Seeded> {
  const app = await startTestApp();
  const { sql } = app.deps;
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const orders: string[] = [];
  for (let i = 0; i < 3; i++) orders.push((await place(app, owner, { [sku]: 1 })).id);
  const common = (i: number) => ({
    // Made some seconds before or after the time that the row says.
    id: idAt(timeOf(i + (i % 2 ? 0.3 : -0.3))),
    order_id: orders[i % 3]!,
    currency: "EUR",
    amount: 100,
    actor: "system:test",
    created_at: at(i),
    updated_at: at(i),
  });
  const payments = Array.from({ length: COUNT }, (_, i): Row => {
    const [status, { waits }] = Object.entries(STATUSES)[i % 7]!;
    return {
      ...common(i),
      provider: ["stripe", "sandbox", "manual", "sandbox", "sandbox"][i % 5],
      status,
      payment_method: "tok_success",
      provider_reference: i % 2 ? `ref_${i}` : null,
      check_at: waits ? at(i) : null,
    };
  });
  const refunds = Array.from({ length: COUNT }, (_, i): Row => ({
    ...common(i),
    payment_id: i % 4 ? payments[i % 4]!.id : null,
    reason: "Arrived broken",
    status: ["succeeded", "pending", "failed", "succeeded", "succeeded"][i % 5],
    provider_reference: i % 5 === 1 ? null : `ref_${i}`,
  }));
  for (const row of payments) await sql`insert into payments ${sql(row as never)}`;
  for (const row of refunds) await sql`insert into refunds ${sql(row as never)}`;
  return {
    app,
    owner,
    staff,
    orders,
    payments,
    refunds,
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

/** A microsecond later. */
const justAfter = (minute: number) => at(minute).replace("Z", "001Z");

const ofBoth = (orders: string[]): Case[] => [
  [{}, () => true],
  [{ order_id: orders[1]! }, (row) => row.order_id === orders[1]],
  [{ order_id: newId() }, () => false],
  [{ created_from: at(20) }, (row) => row.created_at >= at(20)],
  [{ created_to: at(20) }, (row) => row.created_at < at(20)],
  [{ created_to: at(19.1) }, (row) => row.created_at <= at(19)],
  [{ created_from: justAfter(20) }, (row) => row.created_at > at(20)],
  [{ created_to: justAfter(20) }, (row) => row.created_at <= at(20)],
  [
    { created_from: at(20).replace("Z", "+00:00"), created_to: at(40) },
    (row) => row.created_at >= at(20) && row.created_at < at(40),
  ],
];

async function assertFilters(
  { app, staff }: Seeded,
  path: string,
  rows: Row[],
  cases: Case[],
): Promise<void> {
  for (const [query, holds] of cases) {
    const [page] = await idsOf(app, staff, path, { limit: "100", ...query });
    assertEquals(page, newestFirst(rows.filter(holds)), JSON.stringify(query));
  }
}

Deno.test("Each filter of payments gives exactly what it says, alone and together", async () => {
  await using shop = await open();
  const { orders, payments } = shop;
  await assertFilters(shop, "/v1/payments", payments, [
    ...ofBoth(orders),
    ...Object.keys(STATUSES).map((status): Case => [{ status }, (row) => row.status === status]),
    ...Object.keys(STATUSES).map((status): Case => [
      { status, order_id: orders[0]!, provider: "sandbox", created_from: at(5), created_to: at(50) },
      (row) =>
        row.status === status && row.order_id === orders[0] && row.provider === "sandbox" &&
        row.created_at >= at(5) && row.created_at < at(50),
    ]),
    [{ provider: "stripe" }, (row) => row.provider === "stripe"],
    [{ provider: "manual" }, (row) => row.provider === "manual"],
    [
      { provider: "manual", status: "captured" },
      (row) => row.provider === "manual" && row.status === "captured",
    ],
    [{ provider_reference: "ref_7" }, (row) => row.provider_reference === "ref_7"],
    [{ provider: "stripe", provider_reference: "ref_15" }, (row) => row.provider_reference === "ref_15"],
    [{ provider: "stripe", provider_reference: "ref_7" }, () => false],
    [{ provider_reference: "ref_0" }, () => false],
  ]);
});

Deno.test("Each filter of refunds gives exactly what it says, alone and together", async () => {
  await using shop = await open();
  const { orders, payments, refunds } = shop;
  await assertFilters(shop, "/v1/refunds", refunds, [
    ...ofBoth(orders),
    ...["pending", "succeeded", "failed"].map((status): Case => [{ status }, (row) => row.status === status]),
    [{ payment_id: payments[1]!.id }, (row) => row.payment_id === payments[1]!.id],
    [{ payment_id: payments[9]!.id }, () => false],
    [{ provider_reference: "ref_7" }, (row) => row.provider_reference === "ref_7"],
    [
      { provider_reference: "ref_7", status: "failed", payment_id: payments[3]!.id },
      (row) => row.provider_reference === "ref_7",
    ],
    [{ provider_reference: "ref_7", status: "succeeded" }, () => false],
    [{ provider_reference: "ref_1" }, () => false],
    [{ provider_reference: "REF_7" }, () => false],
    [
      { status: "failed", payment_id: payments[3]!.id, order_id: orders[1]!, created_from: at(3) },
      (row) =>
        row.status === "failed" && row.payment_id === payments[3]!.id && row.order_id === orders[1] &&
        row.created_at >= at(3),
    ],
  ]);
});

Deno.test("Pages of payments and refunds neither skip nor repeat, also where new ones come in between", async () => {
  await using shop = await open();
  const { app, staff, payments, refunds } = shop;
  const { sql } = app.deps;
  for (
    const [path, table, rows, status] of [
      ["/v1/payments", "payments", payments, "failed"],
      ["/v1/payments", "payments", payments, "captured"],
      ["/v1/refunds", "refunds", refunds, "pending"],
      ["/v1/refunds", "refunds", refunds, "succeeded"],
    ] as const
  ) {
    for (const query of [{}, { status }] as Query[]) {
      const expected = newestFirst(rows.filter((row) => query.status === undefined || row.status === status));
      const pages = await idsOf(app, staff, path, { ...query, limit: "7" }, async () => {
        const at = new Date();
        const row = {
          ...rows.find((row) => row.status === status)!,
          id: newId(),
          created_at: at,
          updated_at: at,
        };
        await sql`insert into ${sql(table)} ${
          sql({ ...row, ...table === "payments" && { provider_reference: null } })
        }`;
      });
      assertEquals(pages.flat(), expected, `${path} ${JSON.stringify(query)}`);
      assertEquals(pages.slice(0, -1).map(({ length }) => length), pages.slice(0, -1).map(() => 7));
      await sql`delete from ${sql(table)} where created_at > now() - interval '1 day'`;
    }
  }
});

Deno.test("A page of what staff recorded reads no more than that, however much was paid by card", async () => {
  await using shop = await open();
  const ofStaff = shop.payments.filter(({ provider }) => provider === "manual").length;
  for (const status of [undefined, "captured"] as const) {
    const { result, rows } = await countingRows(
      shop.app.deps.sql,
      "payments",
      (tx) => listPaymentRows(tx as never, { provider: "manual", status, limit: 50 }),
    );
    assert(result.length > 0 && rows <= ofStaff, `${rows} rows were read for ${status}`);
  }
});

Deno.test("What a line of a provider's statement names is found without reading any other, however old it is", async () => {
  await using shop = await open();
  const { sql } = shop.app.deps;
  const [payment] = await sql`
    insert into payments (id, order_id, provider, currency, amount, payment_method, provider_reference, actor, created_at, updated_at)
    select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, ${shop.orders[0]!},
           (array['stripe', 'sandbox', 'manual'])[1 + n % 3], 'EUR', 1, 'tok', 'many_' || n, 'system:test', now(), now()
    from generate_series(1, 10000) n returning id`;
  await sql`
    insert into refunds (id, order_id, payment_id, currency, amount, reason, status, provider_reference, actor, created_at, updated_at)
    select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, ${shop.orders[0]!}, ${
    payment!.id
  }, 'EUR', 1, 'Broken',
           'succeeded', 'many_' || n, 'system:test', now(), now()
    from generate_series(1, 10000) n`;
  await sql`analyze payments, refunds`;
  const filter = { provider_reference: "many_7", limit: 50 };
  const lists: [table: string, list: (tx: never) => Promise<{ provider_reference: string | null }[]>][] = [
    ["payments", (tx) => listPaymentRows(tx, filter)],
    ["refunds", (tx) => listRefundRows(tx, filter)],
  ];
  for (const [table, list] of lists) {
    const { result, rows } = await countingRows(sql, table, (tx) => list(tx as never));
    assertEquals([result.map((row) => row.provider_reference), rows], [["many_7"], 1], table);
  }
});

Deno.test("A payment and a refund are listed as they are read, and never say what was charged", async () => {
  await using shop = await open();
  const { app, staff, payments, refunds } = shop;
  for (const [path, [row]] of [["/v1/payments", payments], ["/v1/refunds", refunds]] as const) {
    const get = (path: string) => app.request("GET", path, { token: staff.token });
    const { body } = await get(`${path}?created_to=${at(1)}`);
    assertEquals(body, { data: [(await get(`${path}/${row!.id}`)).body], next_cursor: null });
    assertEquals(JSON.stringify(body).includes("tok_success"), false);
  }
});

Deno.test("The lists of payments and refunds are staff's, and a filter that says nothing is refused where it is wrong", async () => {
  await using shop = await open();
  const { app, owner, staff } = shop;
  for (const path of ["/v1/payments", "/v1/refunds"]) {
    const { status, body } = await app.request("GET", path, { token: owner.token });
    assertEquals([status, body.code], [403, "forbidden"]);
    assertEquals((await app.request("GET", path)).status, 401);
    for (
      const [query, pointer] of [
        ["status=lost", "query/status"],
        ["provider_reference=", "query/provider_reference"],
        ["order_id=1", "query/order_id"],
        ["created_from=yesterday", "query/created_from"],
        ["limit=101", "query/limit"],
        ["cursor=abc", "query/cursor"],
        ["sort=id", "query/sort"],
      ]
    ) {
      const answer = await app.request("GET", `${path}?${query}`, { token: staff.token });
      assertEquals([answer.status, answer.body.errors[0].pointer], [422, pointer], query);
    }
  }
});

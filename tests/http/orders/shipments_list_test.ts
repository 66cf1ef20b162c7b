import { assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { addProduct, patch, place } from "../../support/orders.ts";
import { idAt, idsOf, newestFirst, type Query } from "../../support/pages.ts";

const START = Date.parse("2026-03-01T00:00:00.000Z");
const MINUTE_MS = 60_000;
const COUNT = 50;
const timeOf = (i: number) => START + i * MINUTE_MS;
const at = (i: number) => new Date(timeOf(i)).toISOString();

interface Row {
  id: string;
  order_id: string;
  status: string;
  tracking_number: string | null;
  shipped_at: string;
}

/** Shipments of three orders, one a minute; every fifth number was given twice. */
async function open() {
  const app = await startTestApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const orders: string[] = [];
  for (let i = 0; i < 3; i++) orders.push((await place(app, owner, { [sku]: 1 })).id);
  const rows = Array.from({ length: COUNT }, (_, i): Row => ({
    id: idAt(timeOf(i)),
    order_id: orders[i % 3]!,
    status: i % 4 ? i % 7 ? "delivered" : "cancelled" : "shipped",
    tracking_number: i % 2 ? null : `00340-${Math.floor(i / 20)}`,
    shipped_at: at(i),
  }));
  for (const row of rows) await insert(app, row);
  return { app, owner, staff, sku, orders, rows, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

async function insert({ deps: { sql } }: TestApp, row: Row): Promise<void> {
  const delivered_at = row.status === "delivered" ? row.shipped_at : null;
  const cancelled_at = row.status === "cancelled" ? row.shipped_at : null;
  const known = { ...row, delivered_at, cancelled_at, actor: "system:test", updated_at: row.shipped_at };
  await sql`insert into shipments ${sql(known)}`;
  await sql`insert into shipment_items (shipment_id, line, quantity) values (${row.id}, 1, 1)`;
}

Deno.test("Each filter of shipments gives exactly what it says, alone and together", async () => {
  await using shop = await open();
  const { app, staff, orders, rows } = shop;
  const cases: [Query, (row: Row) => boolean][] = [
    [{}, () => true],
    [{ status: "shipped" }, (row) => row.status === "shipped"],
    [{ status: "delivered" }, (row) => row.status === "delivered"],
    [{ status: "cancelled" }, (row) => row.status === "cancelled"],
    [{ order_id: orders[2]! }, (row) => row.order_id === orders[2]],
    [{ order_id: newId() }, () => false],
    [{ tracking_number: "00340-1" }, (row) => row.tracking_number === "00340-1"],
    [{ tracking_number: "00340" }, () => false],
    [{ created_from: at(10) }, (row) => row.shipped_at >= at(10)],
    [{ created_to: at(10) }, (row) => row.shipped_at < at(10)],
    [
      {
        status: "shipped",
        order_id: orders[0]!,
        tracking_number: "00340-0",
        created_from: at(1),
        created_to: at(19),
      },
      (row) =>
        row.status === "shipped" && row.order_id === orders[0] && row.tracking_number === "00340-0" &&
        row.shipped_at >= at(1) && row.shipped_at < at(19),
    ],
  ];
  for (const [query, holds] of cases) {
    const [page] = await idsOf(app, staff, "/v1/shipments", { limit: "100", ...query });
    assertEquals(page, newestFirst(rows.filter(holds)), JSON.stringify(query));
  }
});

Deno.test("Pages of shipments neither skip nor repeat, also where goods leave in between", async () => {
  await using shop = await open();
  const { app, staff, orders, rows } = shop;
  for (const query of [{}, { status: "shipped" }, { status: "delivered" }] as Query[]) {
    const expected = newestFirst(
      rows.filter((row) => query.status === undefined || row.status === query.status),
    );
    const pages = await idsOf(app, staff, "/v1/shipments", { ...query, limit: "6" }, async () => {
      const row = {
        id: newId(),
        order_id: orders[0]!,
        tracking_number: null,
        shipped_at: new Date().toISOString(),
      };
      await insert(app, { ...row, status: query.status ?? "shipped" });
      rows.push({ ...row, status: query.status ?? "shipped" });
    });
    assertEquals(pages.flat(), expected, JSON.stringify(query));
    assertEquals(pages.slice(0, -1).every(({ length }) => length === 6), true);
  }
});

Deno.test("What has just been shipped is the first of the list, as it is read, and is nobody's who has not logged in", async () => {
  await using shop = await open();
  const { app, staff, orders } = shop;
  await patch(app, staff, orders[0]!, { status: "PAID" });
  const from = new Date(Date.now() - 1).toISOString();
  const { status, body: shipment } = await app.request("POST", `/v1/orders/${orders[0]}/shipments`, {
    token: staff.token,
    body: { tracking_number: "1Z-NEW" },
  });
  assertEquals(status, 201, JSON.stringify(shipment));
  for (
    const query of ["tracking_number=1Z-NEW", `created_from=${from}`, "limit=1", "status=shipped&limit=1"]
  ) {
    const { body } = await app.request("GET", `/v1/shipments?${query}`, { token: staff.token });
    assertEquals(body.data, [shipment], query);
  }
  assertEquals((await app.request("GET", "/v1/shipments")).status, 401);
  const wrong = await app.request("GET", "/v1/shipments?status=lost", { token: staff.token });
  assertEquals([wrong.status, wrong.body.errors[0].pointer], [422, "query/status"]);
});

Deno.test("Customers list the shipments of their own orders, page by page, and nobody else's; staff whose they say", async () => {
  await using shop = await open();
  const { app, owner, staff, sku, orders, rows } = shop;
  const [other, stranger] = [await app.user(), await app.user()];
  const { id: order_id } = await place(app, other, { [sku]: 1 });
  const theirs: Row = { ...rows[0]!, id: newId(), order_id, shipped_at: new Date().toISOString() };
  await insert(app, theirs);
  const list = async (user: typeof owner, query: Query = {}) =>
    (await idsOf(app, user, "/v1/shipments", { limit: "7", ...query })).flat();

  const underWay = newestFirst(rows.filter(({ status }) => status === "shipped"));
  assertEquals(await list(owner), newestFirst(rows));
  assertEquals(
    await list(owner, { user_id: owner.id, status: "shipped" }),
    underWay,
  );
  assertEquals(await list(other), [theirs.id]);
  assertEquals(await list(other, { order_id: orders[0]! }), [], "of another's order");
  assertEquals(await list(other, { tracking_number: theirs.tracking_number! }), [theirs.id]);
  assertEquals(await list(stranger), []);
  assertEquals(await list(staff), newestFirst([...rows, theirs]));
  assertEquals(await list(staff, { user_id: other.id }), [theirs.id]);
  for (const id of [other.id, newId()]) {
    const { status, body } = await app.request("GET", `/v1/shipments?user_id=${id}`, { token: owner.token });
    assertEquals([status, body.code], [403, "forbidden"]);
  }
});

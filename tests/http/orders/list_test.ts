import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { listOrderRows } from "../../../src/orders/list_queries.ts";
import { ORDER_STATUSES } from "../../../src/orders/order.ts";
import { newId } from "../../../src/platform/id.ts";
import type { Sql } from "../../../src/platform/db.ts";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { addProduct, place } from "../../support/orders.ts";
import { idsOf, newestFirst } from "../../support/pages.ts";
import { countingRows } from "../../support/rows_read.ts";

const START = Date.parse("2026-01-01T00:00:00.000Z");
const MINUTE_MS = 60_000;
const COUNT = 60;

interface Seeded {
  id: string;
  number: string;
  user_id: string;
  status: string;
  payment_status: string;
  fulfilment_status: string;
  amount_due: number;
  sku: string;
  external_reference: string | null;
  placed_at: string;
  created_at: string;
}

/** Orders of two users, one a minute, placed (by their own account) at times that go another way and often tie. */
async function seed({ deps: { sql } }: TestApp, users: TestUser[], skus: { id: string; sku: string }[]) {
  const orders = Array.from({ length: COUNT }, (_, i): Seeded => {
    const time = START + i * MINUTE_MS;
    const hex = time.toString(16).padStart(12, "0");
    return {
      id: `${hex.slice(0, 8)}-${hex.slice(8)}-7${newId().slice(15)}`,
      number: `WB-${500_000 + i}`,
      user_id: users[i % 3 === 0 ? 1 : 0]!.id,
      status: ORDER_STATUSES[i % ORDER_STATUSES.length]!,
      payment_status: ["UNPAID", "PAID", "REFUNDED"][i % 3]!,
      fulfilment_status: ["UNFULFILLED", "SHIPPED", "DELIVERED"][i % 4 % 3]!,
      amount_due: [100, 0, -1, -100][i % 4]!,
      sku: skus[i % skus.length]!.sku,
      external_reference: i % 5 ? null : `ERP-${i}`,
      placed_at: new Date(START - (i * 7 % 20) * MINUTE_MS).toISOString(),
      created_at: new Date(time).toISOString(),
    };
  });
  for (const { sku, ...order } of orders) {
    const cancelled_at = order.status === "CANCELLED" ? order.created_at : null;
    await sql`
      insert into orders ${
      sql({
        ...order,
        cancelled_at,
        currency: "EUR",
        subtotal: 100,
        total_price: 100,
        ship_to: sql.json({ name: "A", lines: ["B"], city: "C", country: "DE" }) as never,
        placed_by: `user:${order.user_id}`,
        updated_at: order.created_at,
      })
    }`;
    const product_id = skus.find((each) => each.sku === sku)!.id;
    await sql`
      insert into order_items (order_id, line, product_id, sku, name, quantity, unit_price, line_total)
      values (${order.id}, 1, ${product_id}, ${sku}, 'Thing', 1, 60, 60), (${order.id}, 2, ${product_id}, ${sku}, 'Thing', 1, 40, 40)`;
  }
  return orders;
}

async function open() {
  const app = await startTestApp();
  const [staff, one, two] = [await app.user("staff"), await app.user(), await app.user()];
  const skus = [await addProduct(app), await addProduct(app), await addProduct(app)];
  const orders = await seed(app, [one, two], skus);
  const list = (user: TestUser, query: Record<string, string | number> = {}, path = "/v1/orders") => {
    const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
    return app.request("GET", `${path}?${search}`, { token: user.token });
  };
  const ids = async (user: TestUser, query: Record<string, string | number> = {}) => {
    const { status, body } = await list(user, { limit: 100, ...query });
    assertEquals(status, 200, JSON.stringify(body));
    return body.data.map(({ id }: Seeded) => id) as string[];
  };
  return {
    app,
    staff,
    one,
    two,
    skus,
    orders,
    list,
    ids,
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

Deno.test("A customer sees his own orders, newest first, and staff see everyone's", async () => {
  await using shop = await open();
  const { orders, one, two, staff, ids } = shop;
  for (const user of [one, two]) {
    assertEquals(await ids(user), newestFirst(orders.filter(({ user_id }) => user_id === user.id)));
  }
  assertEquals(await ids(staff), newestFirst(orders));
});

Deno.test("Each filter gives exactly what it says, alone and together", async () => {
  await using shop = await open();
  const { orders, one, staff, skus, ids } = shop;
  const at = (i: number) => orders[i]!.created_at;
  const placed = new Date(START - 7 * MINUTE_MS).toISOString();
  const cases: [Record<string, string>, (order: Seeded) => boolean][] = [
    ...ORDER_STATUSES.map((status): [Record<string, string>, (order: Seeded) => boolean] => [
      { status },
      (order) => order.status === status,
    ]),
    [{ payment_status: "REFUNDED" }, (order) => order.payment_status === "REFUNDED"],
    [{ fulfilment_status: "DELIVERED" }, (order) => order.fulfilment_status === "DELIVERED"],
    [{ owed_to_customer: "true" }, (order) => order.amount_due < 0],
    [
      { owed_to_customer: "true", status: "EXPIRED", sku: skus[2]!.sku },
      (order) => order.amount_due < 0 && order.status === "EXPIRED" && order.sku === skus[2]!.sku,
    ],
    [{ owed_to_customer: "false" }, () => true],
    [{ user_id: one.id }, (order) => order.user_id === one.id],
    [{ user_id: newId() }, () => false],
    [{ sku: skus[1]!.sku }, (order) => order.sku === skus[1]!.sku],
    [{ sku: "UNHEARD" }, () => false],
    [{ number: "WB-500007" }, (order) => order.number === "WB-500007"],
    [{ external_reference: "ERP-10" }, (order) => order.external_reference === "ERP-10"],
    [{ created_from: at(10) }, (order) => order.created_at >= at(10)],
    [{ created_to: at(10) }, (order) => order.created_at < at(10)],
    [
      { created_from: at(10), created_to: at(20) },
      (order) => order.created_at >= at(10) && order.created_at < at(20),
    ],
    [{ placed_from: placed }, (order) => order.placed_at >= placed],
    [{ placed_to: placed }, (order) => order.placed_at < placed],
    [{ placed_from: placed.replace("Z", "+00:00") }, (order) => order.placed_at >= placed],
    [
      { status: "PAID", payment_status: "PAID", sku: skus[1]!.sku, created_from: at(5) },
      (order) =>
        order.status === "PAID" && order.payment_status === "PAID" && order.sku === skus[1]!.sku &&
        order.created_at >= at(5),
    ],
  ];
  for (const [query, holds] of cases) {
    // By when they were placed is another order than by when they were made.
    const inOrder = (list: string[]) => query.placed_from || query.placed_to ? list.toSorted() : list;
    assertEquals(
      inOrder(await ids(staff, query)),
      inOrder(newestFirst(orders.filter(holds))),
      JSON.stringify(query),
    );
    if (query.user_id) continue;
    const own = orders.filter((order) => holds(order) && order.user_id === one.id);
    assertEquals(inOrder(await ids(one, query)), inOrder(newestFirst(own)), `own, ${JSON.stringify(query)}`);
  }
});

Deno.test("A filter by when orders were placed sorts by it, and refuses another sort", async () => {
  await using shop = await open();
  const { app, staff, orders, ids } = shop;
  const lately = orders.toSorted((a, b) =>
    a.placed_at < b.placed_at ? 1 : a.placed_at > b.placed_at ? -1 : a.id < b.id ? 1 : -1
  );
  assertEquals(await ids(staff, { placed_from: "2000-01-01T00:00:00Z" }), lately.map(({ id }) => id));
  const refused = await app.request(
    "GET",
    "/v1/orders?sort=created_at&placed_to=2026-01-01T00:00:00Z",
    staff,
  );
  assertEquals([refused.status, refused.body.errors[0].pointer], [422, "query/sort"]);
});

Deno.test("Each sort walks through every order once, page by page", async () => {
  await using shop = await open();
  const { orders, staff, list } = shop;
  const byId = (a: Seeded, b: Seeded) => a.id < b.id ? -1 : 1;
  const byPlacing = (a: Seeded, b: Seeded) =>
    a.placed_at === b.placed_at ? byId(a, b) : a.placed_at < b.placed_at ? -1 : 1;
  const expected = {
    "created_at": [...orders].sort(byId),
    "-created_at": [...orders].sort(byId).reverse(),
    "placed_at": [...orders].sort(byPlacing),
    "-placed_at": [...orders].sort(byPlacing).reverse(),
  };
  for (const [sort, inOrder] of Object.entries(expected)) {
    for (const limit of [1, 7, 20, 60, 100]) {
      const walked: string[] = [];
      let cursor: string | null = "";
      while (cursor !== null) {
        const { status, body } = await list(staff, { sort, limit, ...cursor && { cursor } });
        assertEquals(status, 200);
        assert(body.data.length <= limit && (body.data.length === limit || body.next_cursor === null));
        walked.push(...body.data.map(({ id }: Seeded) => id));
        cursor = body.next_cursor;
      }
      assertEquals(walked, inOrder.map(({ id }) => id), `${sort}, ${limit} a page`);
    }
  }
});

Deno.test("A walk meets every old order once even while new ones are placed", async () => {
  await using shop = await open();
  const { app, orders, one, skus, list } = shop;
  const walked: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const { body } = await list(one, { limit: 9, ...cursor && { cursor } });
    walked.push(...body.data.map(({ id }: Seeded) => id));
    cursor = body.next_cursor;
    await place(app, one, { [skus[0]!.sku]: 1 });
  }
  assertEquals(walked, newestFirst(orders.filter(({ user_id }) => user_id === one.id)));
});

Deno.test("A cursor works with the sort it came from and with no other", async () => {
  await using shop = await open();
  const { staff, list } = shop;
  const sorts = ["created_at", "-created_at", "placed_at", "-placed_at"];
  for (const from of sorts) {
    const { next_cursor } = (await list(staff, { sort: from, limit: 5 })).body;
    for (const to of sorts) {
      const { status, body } = await list(staff, { sort: to, limit: 5, cursor: next_cursor });
      if (to === from) assertEquals(status, 200);
      else {assertEquals([status, body.code, body.errors[0].pointer], [
          422,
          "invalid_request",
          "query/cursor",
        ]);}
    }
  }
});

Deno.test("Queries that make no sense are refused by name", async () => {
  await using shop = await open();
  const { staff, list } = shop;
  const wrong: Record<string, string | number> = {
    limit: 101,
    cursor: "bm9uc2Vuc2U",
    sort: "total_price; drop table orders",
    status: "paid",
    user_id: "me",
    sku: "' or 1=1 --",
    created_from: "yesterday",
    placed_to: "2026-13-01T00:00:00Z",
    page: 2,
  };
  for (const [name, value] of Object.entries(wrong)) {
    const { status, body } = await list(staff, { [name]: value });
    assertEquals([status, body.errors[0].pointer], [422, `query/${name}`]);
  }
  for (const limit of [0, -1, 1.5, 1e9, "all", ""]) assertEquals((await list(staff, { limit })).status, 422);
});

Deno.test("The few orders that are still to be sent, or owe money, are a page away, whatever was paid and delivered since", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const { id: user } = await app.user();
  // The three oldest are under way, and the hundred oldest owe money; whoever went through what was paid from the newest on
  // would meet them last.
  await sql`
    insert into orders (id, number, user_id, status, payment_status, fulfilment_status, currency, subtotal, total_price,
                        amount_due, ship_to, placed_by, placed_at, created_at, updated_at)
    select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'OLD-' || n, ${user}, status, 'PAID',
           fulfilment, 'EUR', 0, 0, case when n <= 100 then -5 else 0 end, '{}', 'system:test', now(), now(), now()
    from generate_series(1, 5000) as n, lateral (select
      case n when 1 then 'PAID' when 2 then 'PROCESSING' when 3 then 'SHIPPED' else 'DELIVERED' end as status,
      case n when 1 then 'UNFULFILLED' when 2 then 'PARTIALLY_SHIPPED' when 3 then 'SHIPPED' else 'DELIVERED' end as fulfilment
    ) as x`;
  await sql`analyze orders`;
  for (
    const filter of [
      { payment_status: "PAID", fulfilment_status: "UNFULFILLED" },
      { payment_status: "PAID", fulfilment_status: "PARTIALLY_SHIPPED" },
      { payment_status: "PAID", fulfilment_status: "SHIPPED" },
      { payment_status: "PAID", status: "PAID" },
      { payment_status: "PAID", status: "PROCESSING" },
      { fulfilment_status: "DELIVERED", status: "SHIPPED" },
      { owed_to_customer: true },
      { owed_to_customer: true, payment_status: "PAID", fulfilment_status: "DELIVERED" },
    ] as const
  ) {
    for (const sort of ["-created_at", "created_at"] as const) {
      const { rows } = await countingRows(
        sql,
        "orders",
        (tx) => listOrderRows(tx as unknown as Sql, { ...filter, sort, limit: 20 }),
      );
      assert(
        rows <= ("owed_to_customer" in filter ? 24 : 2),
        `${rows} rows were read for ${sort} ${JSON.stringify(filter)}`,
      );
    }
  }
});

Deno.test("One user's orders are for him and for staff; anyone else gets 403", async () => {
  await using shop = await open();
  const { orders, one, two, staff, list } = shop;
  const own = newestFirst(orders.filter(({ user_id }) => user_id === one.id)).slice(0, 20);
  for (const user of [one, staff]) {
    const { status, body } = await list(user, {}, `/v1/orders/user/${one.id}`);
    assertEquals([status, body.data.map(({ id }: Seeded) => id)], [200, own]);
    assertNotEquals(body.next_cursor, null);
  }
  const foreign = await list(two, {}, `/v1/orders/user/${one.id}`);
  assertEquals([foreign.status, foreign.body.code], [403, "forbidden"]);
  assertEquals((await list(two, {}, `/v1/orders/user/${newId()}`)).status, 403);
  assertEquals((await list(two, { user_id: one.id })).status, 403);
  assertEquals((await list(staff, {}, `/v1/orders/user/${newId()}`)).body, { data: [], next_cursor: null });
  const filtered = await list(one, { status: "PAID", limit: 1 }, `/orders/user/${one.id}/`);
  assertEquals([filtered.status, filtered.body.data[0].status], [200, "PAID"]);
});

Deno.test("A listed order is the same as the order that is read", async () => {
  await using shop = await open();
  const { app, one, skus, list } = shop;
  const order = await place(app, one, { [skus[0]!.sku]: 1, [skus[1]!.sku]: 2 }, {
    metadata: { b: "2", a: "1" },
  });
  const { body } = await list(one, { number: order.number });
  assertEquals(JSON.stringify(body.data), JSON.stringify([order]));
});

Deno.test("Orders and carts with many lines are few on a page, in the same order, and none is left out", async () => {
  await using shop = await open();
  const { app, orders, one, staff, skus } = shop;
  await app.deps.sql`
    insert into order_items (order_id, line, product_id, sku, name, quantity, unit_price, line_total)
    select order_id, n, product_id, sku, name, 1, 1, 1
    from (select * from order_items where line = 1 order by order_id limit 12) i, generate_series(3, 1000) as n`;
  await app.deps.sql`
    insert into carts (id, user_id, currency, items, created_at, updated_at, expires_at)
    select gen_random_uuid(), ${one.id}, 'EUR', (
      select jsonb_agg(jsonb_build_object('sku', n::text, 'quantity', 1, 'added_price', null)) from generate_series(1, case when c % 2 = 0 then 1000 else 1 end) as n
    ), now(), now(), now() + interval '1 day'
    from generate_series(1, 12) as c`;
  const carts = await app.deps.sql<{ id: string }[]>`select id from carts`;
  const lists: [string, Record<string, string>, string[]][] = [
    ["/v1/orders", {}, newestFirst(orders)],
    ["/v1/orders", { sort: "created_at" }, newestFirst(orders).reverse()],
    ["/v1/orders", { sku: skus[0]!.sku }, newestFirst(orders.filter(({ sku }) => sku === skus[0]!.sku))],
    ["/v1/orders", { limit: "1" }, newestFirst(orders)],
    ["/v1/carts", {}, newestFirst(carts)],
  ];
  for (const [path, query, expected] of lists) {
    const pages = await idsOf(app, staff, path, { limit: "100", ...query });
    const what = `${path} ${JSON.stringify(query)}: ${pages.map(({ length }) => length)}`;
    assertEquals(pages.flat(), expected, what);
    assert(pages.length > 1 && pages.every(({ length }) => length > 0), what);
  }
});

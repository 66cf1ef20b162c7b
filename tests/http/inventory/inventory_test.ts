import { levelKey } from "../../../src/inventory/get_level.ts";
import { testWithRedis } from "../../support/database.ts";
import { assert, assertEquals } from "@std/assert";
import { Redis } from "ioredis";
import { type Answer, startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import {
  addProduct,
  assertBooksBalance,
  atTheSameTime,
  eventsOf,
  levelOf,
  patch,
  place,
  tally,
} from "../../support/orders.ts";

const adjust = (app: TestApp, user: TestUser, sku: string, body: Record<string, unknown>, key?: string) =>
  app.request("POST", `/v1/inventory/${encodeURIComponent(sku)}/adjustments`, {
    token: user.token,
    body: { reason: "Stock count", ...body },
    headers: key === undefined ? {} : { "Idempotency-Key": key },
  });
const cacheStatus = ({ headers }: Answer) => headers.get("X-Cache-Status");

Deno.test("A delta changes what is on hand, and the ledger and the log say why and by whom", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sku } = await addProduct(app, { stock: 0 });
  const { status, body } = await adjust(app, staff, sku, {
    delta: 100,
    kind: "receipt",
    reason: "Goods receipt",
    reference: "GR-1",
  });
  assertEquals(status, 201);
  assertEquals(body, {
    sku,
    location: "default",
    on_hand: 100,
    reserved: 0,
    available: 100,
    low_stock_threshold: null,
    version: 1,
    updated_at: body.updated_at,
  });
  assertEquals((await adjust(app, staff, sku, { delta: -30 })).body.on_hand, 70);
  const { body: page } = await app.request("GET", `/inventory/${sku}/movements`, { token: staff.token });
  assertEquals(page.next_cursor, null);
  assertEquals(page.data.map(({ created_at: _, ...movement }: Record<string, unknown>) => movement), [
    {
      sku,
      location: "default",
      kind: "adjustment",
      on_hand_delta: -30,
      reserved_delta: 0,
      version: 2,
      order_id: null,
      quote_id: null,
      reason: "Stock count",
      reference: null,
      actor: `user:${staff.id}`,
    },
    {
      sku,
      location: "default",
      kind: "receipt",
      on_hand_delta: 100,
      reserved_delta: 0,
      version: 1,
      order_id: null,
      quote_id: null,
      reason: "Goods receipt",
      reference: "GR-1",
      actor: `user:${staff.id}`,
    },
  ]);
  const events = await eventsOf(app, "inventory", `${sku}@default`);
  assertEquals(
    events.map((
      { sequence, user_id, data },
    ) => [sequence, user_id, data.kind, data.on_hand_delta, data.on_hand, data.reason, data.reference]),
    [
      [1, null, "receipt", 100, 100, "Goods receipt", "GR-1"],
      [2, null, "adjustment", -30, 70, "Stock count", null],
    ],
  );
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A count is taken only if it was made against what is there", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sku } = await addProduct(app, { stock: 50 });
  const good = await adjust(app, staff, sku, { on_hand: 48, expected_on_hand: 50 });
  assertEquals([good.status, good.body.on_hand, good.body.version], [201, 48, 2]);
  const stale = await adjust(app, staff, sku, { on_hand: 47, expected_on_hand: 50 });
  assertEquals([stale.status, stale.body.code], [409, "stock_changed"]);
  assertEquals([stale.body.errors[0].pointer, stale.body.errors[0].on_hand], ["/expected_on_hand", 48]);
  const same = await adjust(app, staff, sku, { on_hand: 48, expected_on_hand: 48 });
  assertEquals([same.status, same.body.version], [201, 2], "no difference, no movement");
  const answers = await atTheSameTime(
    app,
    sku,
    Array.from(
      { length: 5 },
      (_, i) => () => adjust(app, staff, sku, { on_hand: 60 + i, expected_on_hand: 48 }),
    ),
  );
  assertEquals(tally(answers), { 201: 1, "409 stock_changed": 4 });
  assertEquals((await levelOf(app, sku)).version, 3);
});

Deno.test("A level is adjusted at the version that was meant, and a repeat is answered whatever came since", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const { sku } = await addProduct(app, { stock: 10 });
  const send = (delta: number, key: string, etag: string) =>
    app.request("POST", `/v1/inventory/${sku}/adjustments`, {
      token,
      body: { delta, reason: "Stock count" },
      headers: { "Idempotency-Key": key, "If-Match": etag },
    });
  const seen = (await app.request("GET", `/v1/inventory/${sku}`, { token })).headers.get("ETag")!;
  const answers = await Promise.all([1, 2].map((delta) => send(delta, `${delta}`, seen)));
  assertEquals(answers.map(({ status }) => status).sort(), [201, 412]);
  const done = answers.findIndex(({ status }) => status === 201);
  assertEquals((await levelOf(app, sku)).on_hand, 11 + done);
  const again = await send(done + 1, `${done + 1}`, seen);
  assertEquals([again.headers.get("Idempotency-Replayed"), again.body], ["true", answers[done]!.body]);
  assertEquals((await send(3, "3", again.headers.get("ETag")!)).body.on_hand, 14 + done);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("A document is booked once per SKU, however often and at once it comes", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const [a, b] = [await addProduct(app, { stock: 0 }), await addProduct(app, { stock: 0 })];
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => adjust(app, staff, a.sku, { delta: 5, reference: "GR-7" })),
  );
  assertEquals(tally(answers), { 201: 1, "409 reference_taken": 19 });
  assertEquals((await adjust(app, staff, b.sku, { delta: 5, reference: "GR-7" })).status, 201);
  const written = ["Zoë-1", "Zoe\u0308-1"].map((reference) =>
    adjust(app, staff, b.sku, { delta: 1, reference })
  );
  assertEquals(
    tally(await Promise.all(written)),
    { 201: 1, "409 reference_taken": 1 },
    "in two forms of Unicode",
  );
  assertEquals([(await levelOf(app, a.sku)).on_hand, (await levelOf(app, b.sku)).on_hand], [5, 6]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("What is reserved for orders cannot be taken away; the refusal says how much can", async () => {
  await using app = await startTestApp();
  const [staff, user] = [await app.user("staff"), await app.user()];
  const { sku } = await addProduct(app, { stock: 10 });
  const order = await place(app, user, { [sku]: 6 });
  for (const body of [{ delta: -5 }, { delta: -11 }, { on_hand: 5, expected_on_hand: 10 }]) {
    const { status, body: { code, errors } } = await adjust(app, staff, sku, body);
    const pointer = "delta" in body ? "/delta" : "/on_hand";
    assertEquals([status, code, errors[0].pointer, errors[0].available], [
      409,
      "insufficient_stock",
      pointer,
      4,
    ]);
  }
  assertEquals((await adjust(app, staff, sku, { delta: -4 })).body.available, 0);
  await patch(app, user, order.id, { status: "CANCELLED" });
  assertEquals((await adjust(app, staff, sku, { delta: -6 })).body.on_hand, 0);
  assertEquals((await adjust(app, staff, sku, { delta: -1 })).status, 409);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Receipts and returns only add, and bodies of neither form are refused by name", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sku } = await addProduct(app, { stock: 10 });
  const wrong: [Record<string, unknown>, string][] = [
    [{ delta: -1, kind: "receipt" }, "/kind"],
    [{ delta: -1, kind: "return" }, "/kind"],
    [{ on_hand: 9, expected_on_hand: 10, kind: "receipt" }, "/kind"],
    [{ delta: 1, kind: "reservation" }, "/kind"],
    [{ delta: 0 }, "/delta"],
    [{ delta: 1.5 }, "/delta"],
    [{ delta: 1, reason: "" }, "/reason"],
    [{ delta: 1, location: "moon" }, "/location"],
    [{ delta: 1, reserved: 5 }, "/reserved"],
    [{ on_hand: 5 }, "/expected_on_hand"],
    [{ on_hand: -1, expected_on_hand: 10 }, "/on_hand"],
  ];
  for (const [body, pointer] of wrong) {
    const answer = await adjust(app, staff, sku, body);
    assertEquals([answer.status, answer.body.errors[0].pointer], [422, pointer], JSON.stringify(body));
  }
  const both = await adjust(app, staff, sku, { delta: 1, on_hand: 11, expected_on_hand: 10 });
  assertEquals(both.status, 422);
  assertEquals((await levelOf(app, sku)).version, 1);
  assertEquals((await adjust(app, staff, sku, { delta: 3, kind: "return" })).body.on_hand, 13);
});

Deno.test("More units than can be counted are refused by name, however often they are added", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sku } = await addProduct(app, { stock: 0 });
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await adjust(app, staff, sku, { delta: 1_000_000_000 }));
  assertEquals(answers.map(({ status }) => status), [201, 422, 422]);
  assertEquals(answers[1]!.body.errors[0].pointer, "/delta");
  assertEquals((await levelOf(app, sku)).on_hand, 1_000_000_000);
  await app.deps.sql`update stock_levels set on_hand = on_hand + 5 where sku = ${sku}`; // what came back
  assertEquals((await adjust(app, staff, sku, { delta: -1 })).body.on_hand, 1_000_000_004);
});

Deno.test("A key makes an adjustment safe to repeat, also twenty times at once", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sku } = await addProduct(app, { stock: 0 });
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => adjust(app, staff, sku, { delta: 5 }, "k")),
  );
  assertEquals(tally(answers), { 201: 20 });
  assertEquals(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1);
  assertEquals(answers.filter(({ headers }) => headers.get("Idempotency-Replayed") === "true").length, 19);
  assertEquals((await levelOf(app, sku)).on_hand, 5);
  assertEquals((await adjust(app, staff, sku, { delta: 6 }, "k")).body.code, "idempotency_key_reused");
  const other = await addProduct(app, { stock: 0 });
  const elsewhere = await adjust(app, staff, other.sku, { delta: 5 }, "k");
  assertEquals(elsewhere.body.code, "idempotency_key_reused", "another SKU is another request");
  const refused = await adjust(app, staff, other.sku, { delta: -1 }, "k2");
  assertEquals(refused.status, 409);
  assertEquals(
    (await adjust(app, staff, other.sku, { delta: 1 }, "k2")).status,
    201,
    "a refusal is not remembered",
  );
});

testWithRedis("Levels are cached, and an adjustment is seen at once", async () => {
  await using app = await startTestApp();
  const [staff, user] = [await app.user("staff"), await app.user()];
  const { sku } = await addProduct(app, { stock: 10 });
  const read = () => app.request("GET", `/inventory/${sku}`);
  const first = await read();
  assertEquals([first.status, cacheStatus(first), first.body.available], [200, "MISS", 10]);
  const second = await read();
  assertEquals([cacheStatus(second), JSON.stringify(second.body)], ["HIT", JSON.stringify(first.body)]);
  await adjust(app, staff, sku, { delta: 5 }, "five");
  const third = await read();
  assertEquals([cacheStatus(third), third.body.on_hand], ["HIT", 15]);
  await place(app, user, { [sku]: 1 });
  assertEquals((await adjust(app, staff, sku, { delta: 1 })).body.reserved, 1);
  assertEquals((await read()).body.available, 15);
  const unchanged = await app.request("GET", `/inventory/${sku}`, {
    headers: { "If-None-Match": third.headers.get("ETag")! },
  });
  assertEquals(unchanged.status, 200, "its version has moved on");
  const known = await app.request("GET", `/inventory/${sku}`, {
    headers: { "If-None-Match": unchanged.headers.get("ETag")! },
  });
  assertEquals(known.status, 304);
  const redis = new Redis((app.deps.config.redis as { url: string }).url);
  const life = await redis.pttl(levelKey(sku, "default"));
  assert(life > 0 && life <= 30_000, `${life}`);
  await redis.del(levelKey(sku, "default")); // as it is once its time to live is over
  redis.disconnect();
  await adjust(app, staff, sku, { delta: 5 }, "five");
  assertEquals((await read()).body.on_hand, 16, "a repeated call's answer is of another time");
});

testWithRedis(
  "The low-stock list holds what is at or below its threshold, in the order of SKUs",
  async () => {
    await using app = await startTestApp();
    const [staff, user] = [await app.user("staff"), await app.user()];
    const threshold = (sku: string, low_stock_threshold: number | null) =>
      app.request("PATCH", `/inventory/${sku}`, { token: staff.token, body: { low_stock_threshold } });
    const list = (query: string) => app.request("GET", `/inventory?${query}`, { token: staff.token });
    for (const [sku, stock] of Object.entries({ "A-1": 5, "A-2": 6, "A-3": 50, "B-1": 0 })) {
      await addProduct(app, { sku, stock });
    }
    for (const sku of ["A-1", "A-2"]) await threshold(sku, 5);
    await threshold("A-3", 0);
    const skus = ({ body }: Answer) => body.data.map(({ sku }: { sku: string }) => sku);
    assertEquals(skus(await list("low_stock=true&limit=99")), ["A-1"]);
    await place(app, user, { "A-2": 1 });
    const { data } = (await eventsOf(app, "inventory", "A-2@default")).at(-1)!;
    assertEquals([data.kind, data.available, data.low_stock_threshold], ["reservation", 5, 5]);
    assertEquals(skus(await list("low_stock=true&limit=98")), ["A-1", "A-2"]);
    assertEquals(skus(await list("low_stock=false&limit=98")), ["A-1", "A-2", "A-3", "B-1"]);
    assertEquals(skus(await list("sku_prefix=A-")), ["A-1", "A-2", "A-3"]);
    assertEquals(skus(await list("sku_prefix=B-")), ["B-1"]);
    assertEquals(skus(await list("sku_prefix=A_")), []);
    assertEquals(skus(await list("skus=B-1,A-2,NONE")), ["A-2", "B-1"]);
    assertEquals(skus(await list("skus=B-1,A-1&low_stock=true")), ["A-1"]);
    const hundred = Array.from({ length: 100 }, (_, i) => `A-${i}`);
    assertEquals(skus(await list(`skus=${hundred}`)), ["A-1", "A-2", "A-3"]);
    for (const wrong of ["A-1,", [...hundred, "B-1"]]) {
      assertEquals((await list(`skus=${wrong}`)).status, 422);
    }
    const first = await list("limit=3");
    assertEquals([cacheStatus(first), skus(first)], ["MISS", ["A-1", "A-2", "A-3"]]);
    assertEquals(cacheStatus(await list("limit=3")), "HIT");
    const second = await list(`limit=3&cursor=${first.body.next_cursor}`);
    assertEquals([skus(second), second.body.next_cursor], [["B-1"], null]);
  },
);

testWithRedis(
  "Anybody reads the levels of the SKUs they name, not of drafts; only staff read all of them",
  async () => {
    await using app = await startTestApp();
    const [staff, user] = [await app.user("staff"), await app.user()];
    for (
      const [sku, status] of [["A", "active"], ["B", "draft"], ["C", "archived"], ["D", "active"]] as const
    ) {
      await addProduct(app, { sku, status, stock: 7 });
    }
    const list = (query: string, token?: string) => app.request("GET", `/v1/inventory${query}`, { token });
    const levels = ({ body }: Answer) =>
      body.data.map(({ sku, available }: { sku: string; available: number }) => [sku, available]);
    for (const token of [undefined, user.token]) {
      assertEquals(levels(await list("?skus=A,B,C,NONE", token)), [["A", 7], ["C", 7]]);
    }
    assertEquals(levels(await list("?skus=A,B,C,NONE", staff.token)), [["A", 7], ["B", 7], ["C", 7]]);
    for (const query of ["", "?low_stock=true", "?sku_prefix=A"]) {
      assertEquals((await list(query)).status, 401, query);
      assertEquals((await list(query, user.token)).status, 403, query);
      assertEquals((await list(query, staff.token)).status, 200, query);
    }
  },
);

testWithRedis("A hundred SKUs that somebody made up take no more room in Redis than one", async () => {
  await using app = await startTestApp();
  const skus = Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(64, "A"));
  assertEquals((await app.request("GET", `/v1/inventory?skus=${skus}`)).body.data, []);
  const redis = new Redis((app.deps.config.redis as { url: string }).url);
  const kept = (await redis.keys("*")).filter((key) => key.startsWith("inventory:"));
  redis.disconnect();
  assertEquals([kept.length, kept.filter((key) => key.length > 100)], [1, []]);
});

Deno.test("A threshold is set under If-Match, counts as a version and can be taken away", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sku } = await addProduct(app, { stock: 10 });
  const set = (low_stock_threshold: unknown, headers = {}) =>
    app.request("PATCH", `/inventory/${sku}`, { token: staff.token, body: { low_stock_threshold }, headers });
  const first = await set(3);
  assertEquals([first.status, first.body.low_stock_threshold, first.headers.get("ETag")], [200, 3, '"2"']);
  assertEquals((await set(3)).body.version, 2, "the same threshold is no change");
  assertEquals((await set(4, { "If-Match": '"1"' })).status, 412);
  assertEquals((await set(null, { "If-Match": '"2"' })).body.low_stock_threshold, null);
  assertEquals((await set(-1)).status, 422);
  assertEquals(
    (await app.request("PATCH", `/inventory/${sku}`, { token: staff.token, body: { on_hand: 5 } })).status,
    422,
  );
  const events = await eventsOf(app, "inventory", `${sku}@default`);
  assertEquals(events.map(({ data }) => [data.kind, data.low_stock_threshold]), [["threshold", 3], [
    "threshold",
    null,
  ]]);
  assertEquals((await adjust(app, staff, sku, { delta: 1 })).body.version, 4);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Movements are paged from the newest, each once", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sku } = await addProduct(app, { stock: 100 });
  for (let i = 1; i <= 12; i++) await adjust(app, staff, sku, { delta: i });
  const versions: number[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const { body } = await app.request(
      "GET",
      `/inventory/${sku}/movements?limit=5${cursor && `&cursor=${cursor}`}`,
      { token: staff.token },
    );
    versions.push(...body.data.map(({ version }: { version: number }) => version));
    cursor = body.next_cursor;
  }
  assertEquals(versions, Array.from({ length: 13 }, (_, i) => 13 - i));
});

Deno.test("A SKU with a slash or a dot is addressed like any other", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { sku } = await addProduct(app, { sku: "TEA/GREEN.50_g-1", stock: 1 });
  assertEquals((await adjust(app, staff, sku, { delta: 1 })).body.on_hand, 2);
  assertEquals((await app.request("GET", `/inventory/${encodeURIComponent(sku)}`)).body.on_hand, 2);
});

Deno.test("Customers and strangers read single levels and nothing more", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  assertEquals((await app.request("GET", `/inventory/${sku}`)).status, 200);
  const staffRoutes: [string, string, unknown?][] = [
    ["GET", "/inventory"],
    ["GET", `/inventory/${sku}/movements`],
    ["POST", `/inventory/${sku}/adjustments`, { delta: 1, reason: "x" }],
    ["PATCH", `/inventory/${sku}`, { low_stock_threshold: 1 }],
  ];
  for (const [method, path, body] of staffRoutes) {
    assertEquals((await app.request(method, path, { body, token: user.token })).status, 403);
    assertEquals((await app.request(method, path, { body })).status, 401);
  }
  assertEquals((await levelOf(app, sku)).version, 1);
});

Deno.test("A SKU that does not exist is not found, and what is no SKU is refused", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const requests = (sku: string): [string, string, unknown?][] => [
    ["GET", `/inventory/${sku}`],
    ["GET", `/inventory/${sku}/movements`],
    ["POST", `/inventory/${sku}/adjustments`, { delta: 1, reason: "x" }],
    ["PATCH", `/inventory/${sku}`, { low_stock_threshold: 1 }],
  ];
  for (const [method, path, body] of requests("UNHEARD")) {
    assertEquals((await app.request(method, path, { body, token })).status, 404);
  }
  for (const [method, path, body] of requests("-not-a-sku")) {
    assertEquals((await app.request(method, path, { body, token })).status, 422);
  }
});

Deno.test("What there is of a draft is for staff only: to all others its SKU is none", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const { sku } = await addProduct(app, { status: "draft" });
  const telling = ({ status, headers, body: { detail } }: Answer) => [
    status,
    headers.get("ETag"),
    cacheStatus({ headers } as Answer),
    detail,
  ];
  for (let round = 0; round < 2; round++) {
    const seen = await app.request("GET", `/inventory/${sku}`, { token: staff.token });
    assertEquals([seen.status, seen.body.on_hand], [200, 100]);
    for (const token of [customer.token, undefined]) {
      const hidden = await app.request("GET", `/inventory/${sku}`, { token });
      const none = await app.request("GET", "/inventory/UNHEARD", { token });
      assertEquals(hidden.status, 404);
      assertEquals(telling(hidden), telling(none));
    }
  }
});

Deno.test("A cursor that no page gave is refused by name, whatever it holds", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const { sku } = await addProduct(app);
  const lists: [path: string, positions: unknown[]][] = [
    ["/v1/inventory", ["\0", "a\0", "", 1]],
    [`/v1/inventory/${sku}/movements`, [Number.MAX_SAFE_INTEGER, 1.5, "1"]],
  ];
  for (const [path, positions] of lists) {
    for (const position of positions) {
      const cursor = btoa(JSON.stringify([position])).replaceAll("=", "").replaceAll("+", "-").replaceAll(
        "/",
        "_",
      );
      const { status, body } = await app.request("GET", `${path}?cursor=${cursor}`, { token });
      assertEquals([status, body.errors?.[0].pointer], [422, "query/cursor"], `${path} ${position}`);
    }
  }
});

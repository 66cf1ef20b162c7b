import { assert, assertEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { assertEventsValid } from "../../support/events.ts";
import { eventsOf } from "../../support/orders.ts";
import { at, create, send, TEN_OFF, wrong } from "./promotions.ts";

Deno.test("A promotion is added with all that it says, and told of without its uses", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const said = {
    code: "SPRING-25",
    user_id: null,
    name: "Spring",
    active: false,
    starts_at: "2026-03-20T00:00:00.000Z",
    ends_at: "2026-06-21T00:00:00.000Z",
    max_redemptions: 500,
    max_per_customer: 1,
    percent_off: null,
    amount_off: [{ currency: "GBP", amount: 400 }, { currency: "EUR", amount: 500 }],
    minimum_subtotal: [{ currency: "GBP", amount: 4000 }, { currency: "EUR", amount: 0 }],
    skus: ["MUG/blue-1", "CUP"],
    categories: ['Kitchen, "fine"'],
  };
  const answer = await send(app, staff, said);
  assertEquals([answer.status, answer.headers.get("ETag")], [201, '"1"']);
  const { id, created_at, ...promotion } = answer.body;
  assertEquals(answer.headers.get("Location"), `/v1/promotions/${id}`);
  assertEquals(promotion, { ...said, redeemed: 0, version: 1, updated_at: created_at });
  const read = await app.request("GET", at({ id }), { token: staff.token });
  assertEquals([read.status, read.headers.get("ETag"), read.body], [200, '"1"', answer.body]);
  const { redeemed: _, ...told } = answer.body;
  assertEquals(await eventsOf(app, "promotion", id), [
    { type: "promotion.created", sequence: 1, actor: `user:${staff.id}`, user_id: null, data: told },
  ]);
  await assertEventsValid(app.deps.sql);
});

Deno.test("Code, name and what it takes off are enough: it runs from now on, for everybody, all goods, for ever", async () => {
  const now = "2026-05-01T08:00:00.000Z";
  await using app = await startTestApp({}, { clock: { now: () => new Date(now) } });
  const { id: _, ...promotion } = await create(app, await app.user("staff"));
  assertEquals(promotion, {
    code: "WELCOME10",
    user_id: null,
    name: "Welcome",
    active: true,
    starts_at: now,
    ends_at: null,
    max_redemptions: null,
    max_per_customer: null,
    percent_off: "10",
    amount_off: null,
    minimum_subtotal: null,
    skus: [],
    categories: [],
    redeemed: 0,
    version: 1,
    created_at: now,
    updated_at: now,
  });
});

Deno.test("A code is one promotion, whatever its case", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  assertEquals((await create(app, staff, { code: " Welcome_10-a " })).code, "WELCOME_10-A");
  for (const code of ["WELCOME_10-A", "welcome_10-a", "Welcome_10-a"]) {
    const answer = await send(app, staff, { ...TEN_OFF, code });
    assertEquals([answer.body.code, ...wrong(answer)], ["code_taken", 409, "/code"]);
  }
  assertEquals(await assertEventsValid(app.deps.sql), { "promotion.created": 1 });
});

Deno.test("Of 10 who add a code at once one succeeds", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const answers = await Promise.all(Array.from({ length: 10 }, () => send(app, staff, TEN_OFF)));
  assertEquals(answers.map(({ status }) => status).sort(), [201, ...Array(9).fill(409)]);
  assertEquals(await assertEventsValid(app.deps.sql), { "promotion.created": 1 });
});

Deno.test("The same Idempotency-Key adds once and answers the same again; a refusal leaves it free", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const key = { "Idempotency-Key": "k-1" };
  await create(app, staff);
  assertEquals((await send(app, staff, TEN_OFF, key)).status, 409);
  const first = await send(app, staff, { ...TEN_OFF, code: "ANOTHER" }, key);
  const again = await send(app, staff, { ...TEN_OFF, code: "ANOTHER" }, key);
  assertEquals([first.status, first.headers.get("Idempotency-Replayed")], [201, null]);
  assertEquals([again.status, again.headers.get("Idempotency-Replayed")], [201, "true"]);
  assertEquals(again.body, first.body);
  for (const name of ["Location", "ETag"]) assertEquals(again.headers.get(name), first.headers.get(name));
  assertEquals(
    (await send(app, staff, { ...TEN_OFF, code: "THIRD" }, key)).body.code,
    "idempotency_key_reused",
  );
  assertEquals(await assertEventsValid(app.deps.sql), { "promotion.created": 2 });
});

Deno.test("A percentage is more than 0, at most 100, has two decimals at most, and is kept without idle zeros", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  for (
    const percent_off of ["0", "0.00", "100.01", "101", "999", "1000", "10.001", "-1", "1e1", "10%", "", 10]
  ) {
    assertEquals(
      wrong(await send(app, staff, { ...TEN_OFF, percent_off })),
      [422, "/percent_off"],
      `${percent_off}`,
    );
  }
  const kept = [["0.01", "0.01"], ["12.50", "12.5"], ["7.00", "7"], ["010", "10"], ["100", "100"]];
  for (const [i, [percent_off, expected]] of kept.entries()) {
    assertEquals((await create(app, staff, { code: `CODE-${i}`, percent_off })).percent_off, expected);
  }
});

Deno.test("Every faulty field is named, and nothing is added", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const euros = (amount: unknown) => [{ currency: "EUR", amount }];
  const amounts = { percent_off: null };
  const cases: [Record<string, unknown>, string][] = [
    [{ code: "AB" }, "/code"],
    [{ code: "A".repeat(41) }, "/code"],
    [{ code: "-ABC" }, "/code"],
    [{ code: "A BC" }, "/code"],
    [{ code: "ÄBC" }, "/code"],
    [{ code: null }, "/code"],
    [{ name: " " }, "/name"],
    [{ name: "a".repeat(201) }, "/name"],
    [{ active: null }, "/active"],
    [{ starts_at: null }, "/starts_at"],
    [{ starts_at: "today" }, "/starts_at"],
    [{ starts_at: "0000-06-01T00:00:00Z" }, "/starts_at"],
    [{ ends_at: "0000-06-01T00:00:00Z" }, "/ends_at"],
    [{ max_redemptions: 0 }, "/max_redemptions"],
    [{ max_redemptions: 2 ** 31 }, "/max_redemptions"],
    [{ max_per_customer: 0 }, "/max_per_customer"],
    [{ percent_off: null }, "/percent_off"],
    [{ amount_off: euros(500) }, "/percent_off"],
    [{ ...amounts, amount_off: [] }, "/amount_off"],
    [{ ...amounts, amount_off: euros(0) }, "/amount_off"],
    [{ ...amounts, amount_off: euros(1.5) }, "/amount_off/0/amount"],
    [{ ...amounts, amount_off: [...euros(500), ...euros(400)] }, "/amount_off/1/currency"],
    [{ minimum_subtotal: [] }, "/minimum_subtotal"],
    [{ minimum_subtotal: [...euros(500), ...euros(400)] }, "/minimum_subtotal/1/currency"],
    [{ skus: ["A B"] }, "/skus/0"],
    [{ categories: [""] }, "/categories/0"],
    [{ redeemed: 1 }, "/redeemed"],
    [{ version: 9 }, "/version"],
  ];
  for (const [fault, pointer] of cases) {
    const answer = await send(app, staff, { ...TEN_OFF, ...fault });
    assertEquals(answer.status, 422, JSON.stringify(fault));
    assert(
      wrong(answer).includes(pointer),
      `${JSON.stringify(fault)}: ${JSON.stringify(answer.body.errors)}`,
    );
  }
  assertEquals(await assertEventsValid(app.deps.sql), {});
});

Deno.test("A promotion ends after it starts, whenever that is", async () => {
  const now = "2026-05-01T08:00:00.000Z";
  await using app = await startTestApp({}, { clock: { now: () => new Date(now) } });
  const staff = await app.user("staff");
  const cases = [
    { ends_at: now },
    { ends_at: "2026-05-01T09:59:59+02:00" },
    { starts_at: "2030-01-01T00:00:00Z", ends_at: "2030-01-01T01:00:00+01:00" },
  ];
  for (const period of cases) {
    assertEquals(wrong(await send(app, staff, { ...TEN_OFF, ...period })), [422, "/ends_at"], period.ends_at);
  }
  const { starts_at, ends_at } = await create(app, staff, {
    starts_at: "2020-01-01T00:00:00+01:00",
    ends_at: "2020-01-01T00:00:00.001+01:00",
  });
  assertEquals([starts_at, ends_at], ["2019-12-31T23:00:00.000Z", "2019-12-31T23:00:00.001Z"]);
  const first = await create(app, staff, { code: "FIRST", starts_at: "0001-01-01T00:00:00Z" });
  assertEquals(first.starts_at, "0001-01-01T00:00:00.000Z");
});

Deno.test("Promotions are for staff alone", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const promotion = await create(app, staff);
  const calls = (token?: string) => [
    app.request("POST", "/v1/promotions", { token, body: { ...TEN_OFF, code: "MINE" } }),
    app.request("GET", "/v1/promotions", { token }),
    app.request("GET", at(promotion), { token }),
    app.request("PATCH", at(promotion), { token, body: { active: false } }),
    app.request("GET", `${at(promotion)}/redemptions`, { token }),
  ];
  for (const call of calls()) assertEquals((await call).status, 401);
  for (const call of calls(customer.token)) assertEquals((await call).status, 403);
  assertEquals(await assertEventsValid(app.deps.sql), { "promotion.created": 1 });
  for (const call of calls((await app.user("admin")).token)) assert((await call).status < 300);
});

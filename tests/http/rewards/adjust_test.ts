import { assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { assertEventsValid } from "../../support/events.ts";
import { eventsOf } from "../../support/orders.ts";
import { startPaidShop, tryToRefund } from "../../support/payments.ts";
import { wrong } from "../promotions/promotions.ts";
import { addCampaign, addReward, givePoints, movementsOf, redeem, settle } from "./rewards.ts";

const NOW = "2026-05-01T08:00:00.000Z";

const at = ({ id }: { id: string }) => `/v1/users/${id}/points`;

const adjust = (
  app: TestApp,
  { token }: TestUser,
  user: { id: string },
  body: object,
  headers: Record<string, string> = {},
) => app.request("POST", `${at(user)}/adjustments`, { token, body, headers });

Deno.test("Staff give a customer points, and take some that are there, with a reason that the customer can read", async () => {
  await using app = await startTestApp({}, { clock: { now: () => new Date(NOW) } });
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const read = (headers = {}) => app.request("GET", at(customer), { token: customer.token, headers });
  const none = await read();
  assertEquals(none.body, { user_id: customer.id, balance: 0, version: 0, updated_at: null });
  assertEquals((await read({ "If-None-Match": none.headers.get("ETag") })).status, 304);

  const given = await adjust(app, staff, customer, { points: 100, reason: " Came late " });
  const movement = {
    user_id: customer.id,
    sequence: 1,
    kind: "adjusted",
    points: 100,
    balance: 100,
    order_id: null,
    campaign_id: null,
    redemption_id: null,
    reason: "Came late",
    created_at: NOW,
  };
  assertEquals([given.status, given.body], [201, movement]);
  const { body: taken } = await adjust(app, staff, customer, { points: -100, reason: "Was a mistake" });
  const after = { ...movement, sequence: 2, points: -100, balance: 0, reason: "Was a mistake" };
  assertEquals(taken, after);

  const { status, body } = await read({ "If-None-Match": none.headers.get("ETag") });
  assertEquals([status, body], [200, { user_id: customer.id, balance: 0, version: 2, updated_at: NOW }]);
  const list = await app.request("GET", `${at(customer)}/movements`, { token: customer.token });
  assertEquals(list.body, { data: [after, movement], next_cursor: null });
  const by = { type: "points.moved", actor: `user:${staff.id}`, user_id: customer.id };
  assertEquals(await eventsOf(app, "points", customer.id), [
    { ...by, sequence: 1, data: movement },
    { ...by, sequence: 2, data: after },
  ]);
  await assertEventsValid(app.deps.sql);
});

Deno.test("What cannot be given or taken is refused by its field, says how many there are, and moves nothing", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const why = { reason: "Test" };
  const cases: [Record<string, unknown>, string][] = [
    [{ points: 0, ...why }, "/points"],
    [{ points: 1.5, ...why }, "/points"],
    [{ points: 1_000_000_001, ...why }, "/points"],
    [{ points: -1_000_000_001, ...why }, "/points"],
    [{ points: 1 }, "/reason"],
    [{ points: 1, reason: " " }, "/reason"],
    [{ points: 1, reason: "a".repeat(501) }, "/reason"],
    [{ points: 1, ...why, kind: "earned" }, "/kind"],
  ];
  for (const [body, pointer] of cases) {
    assertEquals(wrong(await adjust(app, staff, customer, body)), [422, pointer], JSON.stringify(body));
  }
  const tooFew = async (points: number) => {
    const { status, body } = await adjust(app, staff, customer, { points, ...why });
    const [{ pointer, code, balance, message }] = body.errors;
    assertEquals([status, pointer, code], [422, "/points", "insufficient_points"]);
    return [balance, message];
  };
  assertEquals(await tooFew(-1), [0, "must be more than 0: there are none"]);
  await givePoints(app, staff, customer, 5);
  assertEquals(await tooFew(-6), [5, "must be at least -5: there are no more"]);
  assertEquals(await movementsOf(app, customer), ["adjusted 5 → 5"]);
  assertEquals(await assertEventsValid(app.deps.sql), { "points.moved": 1 });
});

Deno.test("Who has less than nothing, as what earned their points was refunded, can be given some of what is missing, and nothing be taken", async () => {
  await using shop = await startPaidShop();
  const { app, staff, user, checkOut } = shop;
  await addCampaign(app, staff);
  const { order } = await checkOut("tok_success");
  await settle(app);
  await givePoints(app, staff, user, -89);
  assertEquals((await tryToRefund(app, staff, order.id)).status, 201);
  await settle(app);
  await givePoints(app, staff, user, 50);
  assertEquals((await movementsOf(app, user)).slice(2), ["reversed -89 → -89", "adjusted 50 → -39"]);
  const { status, body: { errors } } = await adjust(app, staff, user, { points: -1, reason: "Test" });
  assertEquals([status, errors[0].code, errors[0].balance], [422, "insufficient_points", -39]);
  const { body } = await redeem(app, user, await addReward(app, staff, { points: 1 }));
  assertEquals([body.code, body.errors[0].balance], ["reward_refused", -39]);
  await assertEventsValid(app.deps.sql);
});

Deno.test("The same Idempotency-Key gives points once, and answers the same again", async () => {
  await using app = await startTestApp();
  const [staff, customer, another] = [await app.user("staff"), await app.user(), await app.user()];
  const key = { "Idempotency-Key": "k-1" };
  const send = (to: TestUser) => adjust(app, staff, to, { points: 5, reason: "Test" }, key);
  const [first, again] = [await send(customer), await send(customer)];
  assertEquals([again.status, again.headers.get("Idempotency-Replayed")], [201, "true"]);
  assertEquals(again.body, first.body);
  assertEquals((await send(another)).body.code, "idempotency_key_reused");
  assertEquals(await movementsOf(app, customer), ["adjusted 5 → 5"]);
});

Deno.test("Movements are listed newest first, page by page, and by their kind", async () => {
  await using app = await startTestApp();
  const [staff, customer, another] = [await app.user("staff"), await app.user(), await app.user()];
  await givePoints(app, staff, another, 7);
  // From 9 to 10 on the way: as numbers, not as text.
  for (let points = 1; points <= 9; points++) await givePoints(app, staff, customer, points);
  assertEquals((await redeem(app, customer, await addReward(app, staff, { points: 40 }))).status, 201);
  const list = async (query: string) => {
    const { status, body } = await app.request("GET", `${at(customer)}/movements?${query}`, {
      token: customer.token,
    });
    assertEquals(status, 200, JSON.stringify(body));
    return {
      sequences: body.data.map(({ sequence }: { sequence: number }) => sequence),
      next: body.next_cursor,
    };
  };
  const first = await list("limit=4");
  const second = await list(`limit=4&cursor=${first.next}`);
  const third = await list(`limit=4&cursor=${second.next}`);
  assertEquals([first, second, third].map(({ sequences }) => sequences), [[10, 9, 8, 7], [6, 5, 4, 3], [
    2,
    1,
  ]]);
  assertEquals(third.next, null);
  assertEquals((await list("kind=redeemed")).sequences, [10]);
  assertEquals((await list("kind=adjusted&limit=2")).sequences, [9, 8]);
  assertEquals((await list("kind=earned")).sequences, []);
  for (const query of ["kind=given", "cursor=x", "limit=0", "name=a"]) {
    const { status } = await app.request("GET", `${at(customer)}/movements?${query}`, {
      token: customer.token,
    });
    assertEquals(status, 422, query);
  }
});

Deno.test("A customer sees points of their own and cannot give any; staff see and adjust everybody's", async () => {
  await using app = await startTestApp();
  const [staff, customer, another] = [await app.user("staff"), await app.user(), await app.user()];
  await givePoints(app, staff, customer, 5);
  const paths = [at(customer), `${at(customer)}/movements`];
  for (
    const [token, expected] of [[customer.token, 200], [staff.token, 200], [another.token, 404], ["", 401]]
  ) {
    for (const path of paths) {
      const { status } = await app.request("GET", path, { token: token as string });
      assertEquals(status, expected, path);
    }
  }
  const more = { points: 1, reason: "Mine" };
  assertEquals((await adjust(app, customer, customer, more)).status, 403);
  assertEquals((await adjust(app, {} as TestUser, customer, more)).status, 401);
  const missing = { id: newId() };
  assertEquals((await adjust(app, staff, missing, more)).status, 404);
  assertEquals((await app.request("GET", at(missing), { token: staff.token })).status, 404);
  assertEquals(await assertEventsValid(app.deps.sql), { "points.moved": 1 });
});

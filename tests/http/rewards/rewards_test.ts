import { assertEquals, assertMatch } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { assertEventsValid } from "../../support/events.ts";
import { eventsOf } from "../../support/orders.ts";
import { idsOf } from "../../support/pages.ts";
import { wrong } from "../promotions/promotions.ts";
import { addReward, givePoints, redeem, TEN_OFF } from "./rewards.ts";

const NOW = "2026-05-01T08:00:00.000Z";
const startAtNow = (clock = { at: new Date(NOW) }) => startTestApp({}, { clock: { now: () => clock.at } });

const at = ({ id }: { id: string }) => `/v1/rewards/${id}`;

const send = (
  app: TestApp,
  { token }: TestUser,
  body: object,
  headers: Record<string, string> = {},
) => app.request("POST", "/v1/rewards", { token, body, headers });

const change = (
  app: TestApp,
  { token }: TestUser,
  reward: { id: string },
  body: object,
  headers: Record<string, string> = {},
) => app.request("PATCH", at(reward), { token, body, headers });

Deno.test("A reward is added with all that it says, and told of without its redemptions", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const said = {
    name: "Five off in the kitchen",
    points: 2 ** 31 - 1,
    valid_days: 3650,
    percent_off: null,
    amount_off: [{ currency: "GBP", amount: 400 }, {
      currency: "EUR",
      amount: 500,
    }],
    minimum_subtotal: [{ currency: "GBP", amount: 4000 }, {
      currency: "EUR",
      amount: 0,
    }],
    skus: ["MUG/blue-1", "CUP"],
    categories: ['Kitchen, "fine"'],
    active: false,
    starts_at: "2026-03-20T00:00:00.000Z",
    ends_at: "2026-06-21T00:00:00.000Z",
    max_redemptions: 500,
    max_per_customer: 2,
  };
  const answer = await send(app, staff, said);
  assertEquals([answer.status, answer.headers.get("ETag")], [201, '"1"']);
  const { id, created_at, ...reward } = answer.body;
  assertEquals(answer.headers.get("Location"), at({ id }));
  assertEquals(reward, {
    ...said,
    redeemed: 0,
    version: 1,
    updated_at: created_at,
  });
  const read = await app.request("GET", at({ id }), { token: staff.token });
  assertEquals([read.status, read.headers.get("ETag"), read.body], [
    200,
    '"1"',
    answer.body,
  ]);
  const { redeemed: _, ...told } = answer.body;
  assertEquals(await eventsOf(app, "reward", id), [
    {
      type: "reward.created",
      sequence: 1,
      actor: `user:${staff.id}`,
      user_id: null,
      data: told,
    },
  ]);
  await assertEventsValid(app.deps.sql);
});

Deno.test("Name, points and what it takes off are enough: it can be had from now on, by everybody, and its coupon used for 90 days", async () => {
  await using app = await startAtNow();
  const { id: _, ...reward } = await addReward(app, await app.user("staff"), {
    percent_off: "07.50",
  });
  assertEquals(reward, {
    ...TEN_OFF,
    percent_off: "7.5",
    valid_days: 90,
    amount_off: null,
    minimum_subtotal: null,
    skus: [],
    categories: [],
    active: true,
    starts_at: NOW,
    ends_at: null,
    max_redemptions: null,
    max_per_customer: null,
    redeemed: 0,
    version: 1,
    created_at: NOW,
    updated_at: NOW,
  });
});

Deno.test("The same Idempotency-Key adds a reward once and answers the same again; a refusal leaves it free", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const key = { "Idempotency-Key": "k-1" };
  const refused = await send(app, staff, {
    ...TEN_OFF,
    ends_at: "2000-01-01T00:00:00Z",
  }, key);
  assertEquals(wrong(refused), [422, "/ends_at"]);
  const [first, again] = [
    await send(app, staff, TEN_OFF, key),
    await send(app, staff, TEN_OFF, key),
  ];
  assertEquals([first.status, first.headers.get("Idempotency-Replayed")], [
    201,
    null,
  ]);
  assertEquals([again.status, again.headers.get("Idempotency-Replayed")], [
    201,
    "true",
  ]);
  assertEquals(again.body, first.body);
  for (const name of ["Location", "ETag"]) {
    assertEquals(again.headers.get(name), first.headers.get(name));
  }
  assertEquals(await assertEventsValid(app.deps.sql), { "reward.created": 1 });
});

Deno.test("Every faulty field of a reward is named, and nothing is added", async () => {
  await using app = await startAtNow();
  const staff = await app.user("staff");
  const cases: [Record<string, unknown>, string][] = [
    [{ name: "" }, "/name"],
    [{ points: 0 }, "/points"],
    [{ points: 2 ** 31 }, "/points"],
    [{ points: undefined }, "/points"],
    [{ valid_days: 0 }, "/valid_days"],
    [{ valid_days: 3651 }, "/valid_days"],
    [{ valid_days: 0.5 }, "/valid_days"],
    [{ percent_off: "101" }, "/percent_off"],
    [{ percent_off: null }, "/percent_off"],
    [{ amount_off: [{ currency: "EUR", amount: 500 }] }, "/percent_off"],
    [{ percent_off: null, amount_off: [] }, "/amount_off"],
    [{ minimum_subtotal: [] }, "/minimum_subtotal"],
    [{ skus: ["A B"] }, "/skus/0"],
    [{ categories: [""] }, "/categories/0"],
    [{ max_redemptions: 0 }, "/max_redemptions"],
    [{ max_per_customer: 0 }, "/max_per_customer"],
    [{ starts_at: "today" }, "/starts_at"],
    [{ ends_at: NOW }, "/ends_at"],
    [
      { starts_at: "2030-01-01T00:00:00Z", ends_at: "2029-12-31T23:59:59Z" },
      "/ends_at",
    ],
    [{ code: "MINE" }, "/code"],
    [{ redeemed: 0 }, "/redeemed"],
  ];
  for (const [fault, pointer] of cases) {
    const answer = await send(app, staff, { ...TEN_OFF, ...fault });
    assertEquals(wrong(answer), [422, pointer], JSON.stringify(fault));
  }
  assertEquals(await assertEventsValid(app.deps.sql), {});
});

Deno.test("Customers and guests see what can be had now, in the list and alone; staff see all of it, page by page", async () => {
  await using app = await startAtNow();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const A_MOMENT_AGO = "2026-05-01T07:59:59.999Z";
  const IN_A_MOMENT = "2026-05-01T08:00:00.001Z";
  const SINCE_2020 = { starts_at: "2020-01-01T00:00:00Z" };
  const kinds = {
    now: {},
    off: { active: false },
    early: { starts_at: IN_A_MOMENT },
    justOver: { ...SINCE_2020, ends_at: NOW },
    over: { ...SINCE_2020, ends_at: A_MOMENT_AGO },
    lasting: { ...SINCE_2020, ends_at: IN_A_MOMENT },
  };
  const ids: Record<string, string> = {};
  for (const [kind, more] of Object.entries(kinds)) {
    ids[kind] = (await addReward(app, staff, more)).id;
  }
  const { now, off, early, justOver, over, lasting } = ids;
  const listed = (user: { token?: string }, query = {}) =>
    idsOf(app, user as TestUser, "/v1/rewards", { limit: "4", ...query });
  for (const user of [customer, {}]) {
    assertEquals(await listed(user), [[lasting, now]]);
    assertEquals(await listed(user, { limit: "1", active: "true" }), [
      [lasting],
      [now],
    ]);
    assertEquals(await listed(user, { active: "false" }), [[]]);
    for (const [kind, id] of Object.entries(ids)) {
      const { status } = await app.request("GET", at({ id: id! }), user);
      assertEquals(
        status,
        kind === "now" || kind === "lasting" ? 200 : 404,
        kind,
      );
    }
  }
  assertEquals(await listed(staff), [[lasting, over, justOver, early], [
    off,
    now,
  ]]);
  assertEquals(await listed(staff, { active: "true" }), [[
    lasting,
    over,
    justOver,
    early,
  ], [now]]);
  assertEquals(await listed(staff, { active: "false" }), [[off]]);
  for (const id of Object.values(ids)) {
    assertEquals((await app.request("GET", at({ id }), staff)).status, 200);
  }
  for (const query of ["active=yes", "cursor=x", "limit=101", "name=a"]) {
    assertEquals(
      (await app.request("GET", `/v1/rewards?${query}`, staff)).status,
      422,
      query,
    );
  }
});

Deno.test("A change of a reward alters what it names, is told of with what changed, and needs the version that was seen", async () => {
  const clock = { at: new Date(NOW) };
  await using app = await startAtNow(clock);
  const staff = await app.user("staff");
  const before = await addReward(app, staff, {
    ends_at: "2099-01-01T00:00:00Z",
    max_redemptions: 10,
  });
  const changes = {
    name: "Over",
    active: false,
    starts_at: "2026-01-01T00:00:00.000Z",
    ends_at: null,
    max_redemptions: null,
    max_per_customer: 2,
  };
  const early = await change(app, staff, before, changes, {
    "If-Match": '"2"',
  });
  assertEquals([early.status, early.body.code], [412, "version_mismatch"]);
  const updated_at = "2026-05-01T08:01:00.000Z";
  clock.at = new Date(updated_at);
  const answer = await change(app, staff, before, changes, {
    "If-Match": '"1"',
  });
  assertEquals([answer.status, answer.headers.get("ETag")], [200, '"2"']);
  assertEquals(answer.body, { ...before, ...changes, version: 2, updated_at });
  const read = await app.request("GET", at(before), { token: staff.token });
  assertEquals([read.headers.get("ETag"), read.body], ['"2"', answer.body]);
  const { redeemed: _, ...told } = answer.body;
  const [, event] = await eventsOf(app, "reward", before.id);
  assertEquals(event, {
    type: "reward.updated",
    sequence: 2,
    actor: `user:${staff.id}`,
    user_id: null,
    data: {
      ...told,
      changes: Object.fromEntries(
        Object.entries(changes).map((
          [field, to],
        ) => [field, { from: before[field], to }]),
      ),
    },
  });
  await assertEventsValid(app.deps.sql);
});

Deno.test("What differs in nothing makes no version and no event, and what a reward costs and gives cannot change", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const before = await addReward(app, staff, {
    ends_at: "2099-01-01T00:00:00Z",
    max_redemptions: 10,
  });
  for (
    const body of [
      {},
      {
        name: ` ${before.name} `,
        active: true,
        max_redemptions: 10,
        max_per_customer: null,
      },
      { ends_at: "2098-12-31T22:00:00.000-02:00" },
    ]
  ) {
    const answer = await change(app, staff, before, body);
    assertEquals(
      [answer.status, answer.body],
      [200, before],
      JSON.stringify(body),
    );
  }
  const {
    points,
    valid_days,
    percent_off,
    amount_off,
    minimum_subtotal,
    skus,
    categories,
    redeemed,
    version,
  } = before;
  const lasting = {
    points,
    valid_days,
    percent_off,
    amount_off,
    minimum_subtotal,
    skus,
    categories,
  };
  for (
    const [field, value] of Object.entries({
      ...lasting,
      redeemed,
      version,
      name: null,
      active: null,
    })
  ) {
    assertEquals(wrong(await change(app, staff, before, { [field]: value })), [
      422,
      `/${field}`,
    ]);
  }
  assertEquals(await assertEventsValid(app.deps.sql), { "reward.created": 1 });
});

Deno.test("A change that would have a reward end before it starts is refused by the field that was sent", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const reward = await addReward(app, staff, {
    starts_at: "2026-03-01T00:00:00Z",
    ends_at: "2026-04-01T00:00:00Z",
  });
  const refused = async (body: object) => wrong(await change(app, staff, reward, body));
  assertEquals(await refused({ ends_at: "2026-03-01T00:00:00Z" }), [
    422,
    "/ends_at",
  ]);
  assertEquals(await refused({ starts_at: "2026-04-01T00:00:00Z" }), [
    422,
    "/starts_at",
  ]);
});

Deno.test("A reward cannot be limited to fewer than have redeemed it; that many can be seen without a new version", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const reward = await addReward(app, staff, { points: 1 });
  await givePoints(app, staff, customer, 3);
  for (let i = 0; i < 3; i++) {
    assertEquals((await redeem(app, customer, reward)).status, 201);
  }
  const read = await app.request("GET", at(reward), {
    headers: { "If-None-Match": '"1"' },
  });
  assertEquals([read.status, read.body], [200, { ...reward, redeemed: 3 }]);
  const refused = await change(app, staff, reward, { max_redemptions: 2 });
  assertEquals(wrong(refused), [422, "/max_redemptions"]);
  const [{ code, redeemed, message }] = refused.body.errors;
  assertEquals([code, redeemed], ["too_few", 3]);
  assertMatch(message, /at least 3/);
  const limited = await change(app, staff, reward, { max_redemptions: 3 });
  assertEquals([
    limited.status,
    limited.body.max_redemptions,
    limited.body.redeemed,
  ], [200, 3, 3]);
});

Deno.test("Only staff add and change rewards, and of one that is not there nothing is known", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const reward = await addReward(app, staff);
  for (
    const [token, expected] of [[undefined, 401], [
      customer.token,
      403,
    ]] as const
  ) {
    assertEquals(
      (await app.request("POST", "/v1/rewards", { token, body: TEN_OFF }))
        .status,
      expected,
    );
    const { status } = await app.request("PATCH", at(reward), {
      token,
      body: { active: false },
    });
    assertEquals(status, expected);
  }
  const missing = { id: newId() };
  assertEquals((await app.request("GET", at(missing), staff)).status, 404);
  assertEquals(
    (await change(app, staff, missing, { active: false })).status,
    404,
  );
  assertEquals(await assertEventsValid(app.deps.sql), { "reward.created": 1 });
});

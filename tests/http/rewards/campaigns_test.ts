import { assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { assertEventsValid } from "../../support/events.ts";
import { eventsOf, tally } from "../../support/orders.ts";
import { idsOf } from "../../support/pages.ts";
import { startPaidShop, tryToRefund } from "../../support/payments.ts";
import { wrong } from "../promotions/promotions.ts";
import { addCampaign, settle, TWO_A_EURO } from "./rewards.ts";

const NOW = "2026-05-01T08:00:00.000Z";
const startAtNow = (clock = { at: new Date(NOW) }) => startTestApp({}, { clock: { now: () => clock.at } });

const at = ({ id }: { id: string }) => `/v1/campaigns/${id}`;

const send = (app: TestApp, { token }: TestUser, body: object, headers: Record<string, string> = {}) =>
  app.request("POST", "/v1/campaigns", { token, body, headers });

const change = (
  app: TestApp,
  { token }: TestUser,
  campaign: { id: string },
  body: object,
  headers: Record<string, string> = {},
) => app.request("PATCH", at(campaign), { token, body, headers });

Deno.test("A campaign is added with all that it says, and told of as it is answered", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const said = {
    name: "Kitchen week",
    points: 1000,
    per_amount: [{ currency: "JPY", amount: 150 }, { currency: "EUR", amount: 100 }],
    skus: ["MUG/blue-1", "CUP"],
    categories: ['Kitchen, "fine"'],
    active: false,
    starts_at: "2026-03-20T00:00:00.000Z",
    ends_at: "2026-03-27T00:00:00.000Z",
  };
  const answer = await send(app, staff, said);
  assertEquals([answer.status, answer.headers.get("ETag")], [201, '"1"']);
  const { id, created_at, ...campaign } = answer.body;
  assertEquals(answer.headers.get("Location"), at({ id }));
  assertEquals(campaign, { ...said, version: 1, updated_at: created_at });
  const read = await app.request("GET", at({ id }), { token: staff.token });
  assertEquals([read.status, read.headers.get("ETag"), read.body], [200, '"1"', answer.body]);
  assertEquals(await eventsOf(app, "campaign", id), [
    { type: "campaign.created", sequence: 1, actor: `user:${staff.id}`, user_id: null, data: answer.body },
  ]);
  await assertEventsValid(app.deps.sql);
});

Deno.test("Name, points and what they are for are enough: it runs from now on, for all goods, for ever", async () => {
  await using app = await startAtNow();
  const { id: _, ...campaign } = await addCampaign(app, await app.user("staff"));
  assertEquals(campaign, {
    ...TWO_A_EURO,
    skus: [],
    categories: [],
    active: true,
    starts_at: NOW,
    ends_at: null,
    version: 1,
    created_at: NOW,
    updated_at: NOW,
  });
});

Deno.test("The same Idempotency-Key adds a campaign once and answers the same again; a refusal leaves it free", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const key = { "Idempotency-Key": "k-1" };
  const refused = await send(app, staff, { ...TWO_A_EURO, ends_at: "2000-01-01T00:00:00Z" }, key);
  assertEquals(wrong(refused), [422, "/ends_at"]);
  const [first, again] = [await send(app, staff, TWO_A_EURO, key), await send(app, staff, TWO_A_EURO, key)];
  assertEquals([first.status, first.headers.get("Idempotency-Replayed")], [201, null]);
  assertEquals([again.status, again.headers.get("Idempotency-Replayed")], [201, "true"]);
  assertEquals(again.body, first.body);
  for (const name of ["Location", "ETag"]) assertEquals(again.headers.get(name), first.headers.get(name));
  assertEquals(await assertEventsValid(app.deps.sql), { "campaign.created": 1 });
});

Deno.test("Every faulty field of a campaign is named, and nothing is added", async () => {
  await using app = await startAtNow();
  const staff = await app.user("staff");
  const euros = (amount: unknown) => [{ currency: "EUR", amount }];
  const cases: [Record<string, unknown>, string][] = [
    [{ name: " " }, "/name"],
    [{ active: null }, "/active"],
    [{ points: 0 }, "/points"],
    [{ points: 1001 }, "/points"],
    [{ points: 1.5 }, "/points"],
    [{ per_amount: undefined }, "/per_amount"],
    [{ per_amount: [] }, "/per_amount"],
    [{ per_amount: euros(0) }, "/per_amount"],
    [{ per_amount: euros(0.5) }, "/per_amount/0/amount"],
    [{ per_amount: [...euros(100), ...euros(200)] }, "/per_amount/1/currency"],
    [{ skus: ["A B"] }, "/skus/0"],
    [{ categories: [""] }, "/categories/0"],
    [{ starts_at: null }, "/starts_at"],
    [{ starts_at: "0000-06-01T00:00:00Z" }, "/starts_at"],
    [{ ends_at: "today" }, "/ends_at"],
    [{ ends_at: NOW }, "/ends_at"],
    [{ starts_at: "2030-01-01T00:00:00Z", ends_at: "2030-01-01T01:00:00+01:00" }, "/ends_at"],
    [{ max_redemptions: 1 }, "/max_redemptions"],
    [{ version: 9 }, "/version"],
  ];
  for (const [fault, pointer] of cases) {
    const answer = await send(app, staff, { ...TWO_A_EURO, ...fault });
    assertEquals(wrong(answer), [422, pointer], JSON.stringify(fault));
  }
  assertEquals(await assertEventsValid(app.deps.sql), {});
});

Deno.test("Campaigns are listed newest first, page by page, and by whether they are active", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const added = [];
  for (const active of [true, false, true]) added.push(await addCampaign(app, staff, { active }));
  const [first, second, third] = added.map(({ id }) => id);
  const listed = (query: Record<string, string>) => idsOf(app, staff, "/v1/campaigns", query);
  assertEquals(await listed({ limit: "2" }), [[third, second], [first]]);
  assertEquals(await listed({ active: "true" }), [[third, first]]);
  assertEquals(await listed({ active: "false" }), [[second]]);
  const { body } = await app.request("GET", "/v1/campaigns", { token: staff.token });
  assertEquals(body.data, added.toReversed());
  for (const query of ["active=yes", "cursor=x", "limit=101", "name=a"]) {
    const { status } = await app.request("GET", `/v1/campaigns?${query}`, { token: staff.token });
    assertEquals(status, 422, query);
  }
});

Deno.test("A campaign is answered with 304 to who knows its version, and whole again once it changed", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const campaign = await addCampaign(app, staff);
  const read = () =>
    app.request("GET", at(campaign), { token: staff.token, headers: { "If-None-Match": '"1"' } });
  assertEquals((await read()).status, 304);
  assertEquals((await change(app, staff, campaign, { active: false })).status, 200);
  const { status, body } = await read();
  assertEquals([status, body.version, body.active], [200, 2, false]);
});

Deno.test("A change of a campaign alters what it names, is told of with what changed, and needs the version that was seen", async () => {
  const clock = { at: new Date(NOW) };
  await using app = await startAtNow(clock);
  const staff = await app.user("staff");
  const before = await addCampaign(app, staff, { ends_at: "2099-01-01T00:00:00Z" });
  const changes = {
    name: "Over",
    active: false,
    starts_at: "2026-01-01T00:00:00.000Z",
    ends_at: null,
  };
  const early = await change(app, staff, before, changes, { "If-Match": '"2"' });
  assertEquals([early.status, early.body.code], [412, "version_mismatch"]);
  const updated_at = "2026-05-01T08:01:00.000Z";
  clock.at = new Date(updated_at);
  const answer = await change(app, staff, before, changes, { "If-Match": '"1"' });
  assertEquals([answer.status, answer.headers.get("ETag")], [200, '"2"']);
  assertEquals(answer.body, { ...before, ...changes, version: 2, updated_at });
  const read = await app.request("GET", at(before), { token: staff.token });
  assertEquals(read.body, answer.body);
  const told = Object.fromEntries(
    Object.entries(changes).map(([field, to]) => [field, { from: before[field], to }]),
  );
  const [, event] = await eventsOf(app, "campaign", before.id);
  assertEquals(event, {
    type: "campaign.updated",
    sequence: 2,
    actor: `user:${staff.id}`,
    user_id: null,
    data: { ...answer.body, changes: told },
  });
  await assertEventsValid(app.deps.sql);
});

Deno.test("What differs in nothing makes no version and no event, and what a campaign gives cannot change", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const before = await addCampaign(app, staff, {
    starts_at: "2026-01-01T00:00:00Z",
    ends_at: "2099-01-01T00:00:00Z",
  });
  const same = [
    {},
    { name: ` ${before.name} `, active: true },
    { starts_at: "2026-01-01T02:00:00+02:00", ends_at: "2098-12-31T22:00:00.000-02:00" },
  ];
  for (const body of same) {
    const answer = await change(app, staff, before, body);
    assertEquals([answer.status, answer.body], [200, before], JSON.stringify(body));
  }
  const { points, per_amount, skus, categories, version } = before;
  const lasting = { points, per_amount, skus, categories, version };
  for (const [field, value] of Object.entries({ ...lasting, name: null, active: null, starts_at: null })) {
    assertEquals(wrong(await change(app, staff, before, { [field]: value })), [422, `/${field}`]);
  }
  assertEquals(await assertEventsValid(app.deps.sql), { "campaign.created": 1 });
});

Deno.test("A change that would have a campaign end before it starts is refused by the field that was sent", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const campaign = await addCampaign(app, staff, {
    starts_at: "2026-03-01T00:00:00Z",
    ends_at: "2026-04-01T00:00:00Z",
  });
  const cases: [Record<string, unknown>, string][] = [
    [{ ends_at: "2026-03-01T00:00:00Z" }, "/ends_at"],
    [{ starts_at: "2026-04-01T00:00:00Z" }, "/starts_at"],
    [{ starts_at: "2026-06-01T00:00:00Z", ends_at: "2026-05-01T00:00:00Z" }, "/ends_at"],
  ];
  for (const [body, pointer] of cases) {
    const refused = await change(app, staff, campaign, body);
    assertEquals([...wrong(refused), refused.body.errors[0].code], [422, pointer, "ends_before_start"]);
  }
  const later = { starts_at: "2026-05-01T00:00:00.000Z", ends_at: "2026-05-01T00:00:00.001Z" };
  assertEquals((await change(app, staff, campaign, later)).status, 200);
});

Deno.test("Of 5 who change the version of a campaign that they saw at once, one does", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const campaign = await addCampaign(app, staff);
  const answers = await Promise.all(
    Array.from(
      { length: 5 },
      (_, i) => change(app, staff, campaign, { name: `${i}` }, { "If-Match": '"1"' }),
    ),
  );
  assertEquals(tally(answers), { 200: 1, "412 version_mismatch": 4 });
  assertEquals(await assertEventsValid(app.deps.sql), { "campaign.created": 1, "campaign.updated": 1 });
});

Deno.test("The orders that earned points by a campaign are listed newest first and page by page, with what they have of them", async () => {
  await using shop = await startPaidShop();
  const { app, staff, checkOut } = shop;
  const campaign = await addCampaign(app, staff);
  await addCampaign(app, staff, { points: 7 });
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) ids.push((await checkOut("tok_success")).order.id);
  await settle(app);
  assertEquals((await tryToRefund(app, staff, ids[1]!)).status, 201);
  await settle(app);
  const page = async (query: string) => {
    const { body } = await app.request("GET", `${at(campaign)}/orders?limit=2${query}`, {
      token: staff.token,
    });
    return body;
  };
  const first = await page("");
  const earned = ids.map((order_id, i) => ({ order_id, full_points: 89, points: i === 1 ? 0 : 89 }));
  assertEquals(first.data, [earned[2], earned[1]]);
  assertEquals(await page(`&cursor=${first.next_cursor}`), { data: [earned[0]], next_cursor: null });
});

Deno.test("Campaigns are for staff alone, and of one that is not there nothing is known", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const calls = (campaign: { id: string }, token?: string) => [
    app.request("GET", at(campaign), { token }),
    app.request("PATCH", at(campaign), { token, body: { active: false } }),
    app.request("GET", `${at(campaign)}/orders`, { token }),
  ];
  const campaign = await addCampaign(app, staff);
  for (const [token, expected] of [[undefined, 401], [customer.token, 403]] as const) {
    for (const call of calls(campaign, token)) assertEquals((await call).status, expected);
    assertEquals((await app.request("GET", "/v1/campaigns", { token })).status, expected);
    assertEquals(
      (await app.request("POST", "/v1/campaigns", { token, body: TWO_A_EURO })).status,
      expected,
    );
  }
  for (const call of calls({ id: newId() }, staff.token)) assertEquals((await call).status, 404);
  assertEquals(await assertEventsValid(app.deps.sql), { "campaign.created": 1 });
});

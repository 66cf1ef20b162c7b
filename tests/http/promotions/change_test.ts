import { assertEquals, assertMatch } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { withConnection } from "../../../tools/database_admin.ts";
import { assertEventsValid } from "../../support/events.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import { eventsOf } from "../../support/orders.ts";
import { change, create, redeem, wrong } from "./promotions.ts";

Deno.test("A change alters what it names and leaves the rest, and is told of with what changed", async () => {
  const clock = { at: new Date("2026-05-01T08:00:00.000Z") };
  await using app = await startTestApp({}, { clock: { now: () => clock.at } });
  const staff = await app.user("staff");
  const before = await create(app, staff, { max_redemptions: 10, ends_at: "2099-01-01T00:00:00Z" });
  const updated_at = "2026-05-01T08:01:00.000Z";
  clock.at = new Date(updated_at);
  const answer = await change(app, staff, before, {
    name: " Welcome back ",
    active: false,
    starts_at: "2026-01-01T01:00:00+01:00",
    ends_at: null,
    max_redemptions: null,
    max_per_customer: 2,
  });
  assertEquals([answer.status, answer.headers.get("ETag")], [200, '"2"']);
  assertEquals(answer.body, {
    ...before,
    name: "Welcome back",
    active: false,
    starts_at: "2026-01-01T00:00:00.000Z",
    ends_at: null,
    max_redemptions: null,
    max_per_customer: 2,
    version: 2,
    updated_at,
  });
  const read = await app.request("GET", `/v1/promotions/${before.id}`, { token: staff.token });
  assertEquals([read.headers.get("ETag"), read.body], ['"2"', answer.body]);
  const { redeemed: _, ...told } = answer.body;
  const changes = {
    name: { from: "Welcome", to: "Welcome back" },
    active: { from: true, to: false },
    starts_at: { from: before.starts_at, to: "2026-01-01T00:00:00.000Z" },
    ends_at: { from: "2099-01-01T00:00:00.000Z", to: null },
    max_redemptions: { from: 10, to: null },
    max_per_customer: { from: null, to: 2 },
  };
  const [, event] = await eventsOf(app, "promotion", before.id);
  assertEquals(event, {
    type: "promotion.updated",
    sequence: 2,
    actor: `user:${staff.id}`,
    user_id: null,
    data: { ...told, changes },
  });
  const back = await change(app, staff, before, { active: true });
  assertEquals(back.body, { ...answer.body, active: true, version: 3, updated_at: back.body.updated_at });
  await assertEventsValid(app.deps.sql);
});

Deno.test("A change that changes nothing makes no version and no event", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const before = await create(app, staff, {
    starts_at: "2026-01-01T00:00:00Z",
    ends_at: "2099-01-01T00:00:00Z",
    max_redemptions: 10,
  });
  const same = [
    {},
    { name: " Welcome " },
    { active: true },
    { starts_at: "2026-01-01T02:00:00+02:00", ends_at: "2098-12-31T22:00:00.000-02:00" },
    { max_redemptions: 10, max_per_customer: null },
  ];
  for (const body of same) {
    const answer = await change(app, staff, before, body);
    assertEquals([answer.status, answer.body], [200, before], JSON.stringify(body));
  }
  assertEquals(await assertEventsValid(app.deps.sql), { "promotion.created": 1 });
});

Deno.test("What a code means cannot change, and null clears only what may be missing", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const before = await create(app, staff);
  const lasting = {
    code: "OTHER",
    percent_off: "20",
    amount_off: [{ currency: "EUR", amount: 1 }],
    minimum_subtotal: null,
    skus: ["MUG"],
    categories: ["Kitchen"],
    redeemed: 0,
    version: 9,
    name: null,
    active: null,
    starts_at: null,
  };
  for (const [field, value] of Object.entries(lasting)) {
    assertEquals(wrong(await change(app, staff, before, { [field]: value })), [422, `/${field}`]);
  }
  assertEquals(await assertEventsValid(app.deps.sql), { "promotion.created": 1 });
});

Deno.test("If-Match lets only the version that was seen be changed", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const promotion = await create(app, staff);
  const rename = (name: string, tag: string) => change(app, staff, promotion, { name }, { "If-Match": tag });
  const early = await rename("A", '"2"');
  assertEquals([early.status, early.body.code], [412, "version_mismatch"]);
  assertEquals((await rename("A", "1")).status, 422);
  assertEquals((await rename("A", '"1"')).status, 200);
  assertEquals((await rename("A", '"1"')).status, 412);
  assertEquals((await rename("B", "*")).status, 200);
  const answers = await Promise.all(Array.from({ length: 5 }, (_, i) => rename(`C${i}`, '"3"')));
  assertEquals(answers.map(({ status }) => status).sort(), [200, ...Array(4).fill(412)]);
  assertEquals(await assertEventsValid(app.deps.sql), { "promotion.created": 1, "promotion.updated": 3 });
});

Deno.test("A change that would have a promotion end before it starts is refused by the field that was sent", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const promotion = await create(app, staff, {
    starts_at: "2026-03-01T00:00:00Z",
    ends_at: "2026-04-01T00:00:00Z",
  });
  const cases: [Record<string, unknown>, string][] = [
    [{ ends_at: "2026-03-01T00:00:00Z" }, "/ends_at"],
    [{ starts_at: "2026-04-01T00:00:00Z" }, "/starts_at"],
    [{ starts_at: "2026-06-01T00:00:00Z", ends_at: "2026-05-01T00:00:00Z" }, "/ends_at"],
  ];
  for (const [body, pointer] of cases) {
    assertEquals(wrong(await change(app, staff, promotion, body)), [422, pointer], JSON.stringify(body));
  }
  const later = { starts_at: "2026-05-01T00:00:00.000Z", ends_at: "2026-05-01T00:00:00.001Z" };
  const moved = await change(app, staff, promotion, later);
  assertEquals([moved.status, moved.body], [200, {
    ...promotion,
    ...later,
    version: 2,
    updated_at: moved.body.updated_at,
  }]);
});

Deno.test("A promotion cannot be limited to fewer uses than are held of it, and the refusal says how many those are", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const promotion = await create(app, staff);
  for (let i = 0; i < 3; i++) await redeem(app, promotion, customer);
  const refused = await change(app, staff, promotion, { max_redemptions: 2 });
  assertEquals(wrong(refused), [422, "/max_redemptions"]);
  const [{ code, redeemed, message }] = refused.body.errors;
  assertEquals([code, redeemed], ["too_few", 3]);
  assertMatch(message, /at least 3/);
  const limited = await change(app, staff, promotion, { max_redemptions: 3 });
  assertEquals([limited.status, limited.body.max_redemptions, limited.body.redeemed], [200, 3, 3]);
});

Deno.test("A limit waits for a use that is under way, and counts it", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const promotion = await create(app, staff);
  await redeem(app, promotion, customer);
  const { pending } = await withConnection(app.deps.config.databaseUrl, (sql) =>
    sql.begin(async (tx) => {
      await tx`update promotions set redeemed = redeemed + 1 where id = ${promotion.id}`;
      const pending = change(app, staff, promotion, { max_redemptions: 1 });
      await untilWaiting(tx, { text: "promotions" });
      return { pending };
    }));
  const refused = await pending;
  assertEquals([...wrong(refused), refused.body.errors[0].redeemed], [422, "/max_redemptions", 2]);
});

import { assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp } from "../../support/app.ts";
import { idsOf } from "../../support/pages.ts";
import { at, change, create, redeem } from "./promotions.ts";

Deno.test("Promotions are listed newest first, page by page, by code whatever its case and by whether they are active", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const added: { id: string }[] = [];
  for (const code of ["FIRST", "SECOND", "THIRD", "FOURTH"]) {
    added.push(await create(app, staff, { code, active: code !== "SECOND" }));
  }
  const [first, second, third, fourth] = added.map(({ id }) => id);
  const listed = (query: Record<string, string>) => idsOf(app, staff, "/v1/promotions", query);
  assertEquals(await listed({}), [[fourth, third, second, first]]);
  assertEquals(await listed({ limit: "2" }), [[fourth, third], [second, first]]);
  assertEquals(await listed({ limit: "2", active: "true" }), [[fourth, third], [first]]);
  assertEquals(await listed({ active: "false" }), [[second]]);
  for (const code of ["THIRD", "third", " Third "]) assertEquals(await listed({ code }), [[third]]);
  assertEquals(await listed({ code: "THIR" }), [[]]);
  assertEquals(await listed({ code: "third", active: "false" }), [[]]);
  const { body } = await app.request("GET", "/v1/promotions?code=third", { token: staff.token });
  assertEquals(body.data, [added[2]]);
});

Deno.test("A list asked for what there is no such filter of is refused", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  for (const query of ["active=yes", "active=1", "code=", "cursor=x", "limit=0", "limit=101", "name=a"]) {
    assertEquals((await app.request("GET", `/v1/promotions?${query}`, { token })).status, 422, query);
  }
});

Deno.test("A promotion is answered whole each time, as its uses change without a version", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const promotion = await create(app, staff);
  await redeem(app, promotion, customer);
  const headers = { "If-None-Match": '"1"' };
  const { status, body } = await app.request("GET", at(promotion), { token: staff.token, headers });
  assertEquals([status, body], [200, { ...promotion, redeemed: 1 }]);
});

Deno.test("A promotion's uses are listed newest first, page by page, and say what became of them", async () => {
  await using app = await startTestApp();
  const [staff, ada, bob] = [await app.user("staff"), await app.user(), await app.user()];
  const [promotion, other] = [await create(app, staff), await create(app, staff, { code: "OTHER" })];
  // From 9 to 10 on the way: as numbers, not as text.
  await app.deps.sql`select setval(pg_get_serial_sequence('promotion_redemptions', 'id'), 7)`;
  const held = await redeem(app, promotion, ada);
  const used = await redeem(app, promotion, ada, { ordered: true });
  await redeem(app, other, ada);
  const atOnce = await redeem(app, promotion, bob, { quoted: false, ordered: true });
  const ended = await redeem(app, promotion, bob, { released: true });
  const cancelled = await redeem(app, promotion, ada, { ordered: true, released: true });
  const { status, body } = await app.request("GET", `${at(promotion)}/redemptions`, { token: staff.token });
  assertEquals([status, body.next_cursor], [200, null]);
  const times = body.data.map(({ created_at, released_at }: Record<string, string>) => ({
    created_at,
    released_at,
  }));
  const expected = [
    { ...cancelled, user_id: ada.id, status: "released" },
    { ...ended, user_id: bob.id, status: "released" },
    { ...atOnce, user_id: bob.id, status: "used" },
    { ...used, user_id: ada.id, status: "used" },
    { ...held, user_id: ada.id, status: "held" },
  ].map((use, index) => ({ ...use, currency: "EUR", amount: 599, ...times[index] }));
  assertEquals(body.data, expected);
  assertEquals(
    times.map(({ released_at }: Record<string, string>) => released_at !== null),
    [true, true, false, false, false],
  );
  const pages = await idsOf(app, staff, `${at(promotion)}/redemptions`, { limit: "2" });
  assertEquals(pages, [[cancelled.id, ended.id], [atOnce.id, used.id], [held.id]]);
  const each = await Promise.all(
    ["held", "used", "released"].map((status) =>
      idsOf(app, staff, `${at(promotion)}/redemptions`, { status, limit: "1" })
    ),
  );
  assertEquals(each, [[[held.id]], [[atOnce.id], [used.id]], [[cancelled.id], [ended.id]]]);
});

Deno.test("A promotion that nobody used has an empty list, and one that is not there none", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { token } = staff;
  const promotion = await create(app, staff);
  const { status, body } = await app.request("GET", `${at(promotion)}/redemptions`, { token });
  assertEquals([status, body], [200, { data: [], next_cursor: null }]);
  const missing = { id: newId() };
  assertEquals((await app.request("GET", `${at(missing)}/redemptions`, { token })).status, 404);
  assertEquals((await app.request("GET", at(missing), { token })).status, 404);
  assertEquals((await change(app, staff, missing, { active: false })).status, 404);
});

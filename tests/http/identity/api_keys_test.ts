import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { newSecretToken } from "../../../src/identity/mod.ts";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { TestClock } from "../../support/clock.ts";
import { eventsOf } from "../../support/orders.ts";
import { PASSWORD } from "./support.ts";

async function createKey(app: TestApp, by: Pick<TestUser, "token">, body: Record<string, unknown> = {}) {
  const answer = await app.request("POST", "/v1/api-keys", {
    token: by.token,
    body: { name: "Warehouse", ...body },
  });
  assertEquals(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

const me = (app: TestApp, token: string) => app.request("GET", "/v1/me", { token });

async function assertWorthless(app: TestApp, token: string, why: string) {
  const { status, body } = await me(app, token);
  assertEquals([status, body.code, body.detail], [
    401,
    "unauthenticated",
    "The access token is not valid or has expired.",
  ], why);
}

Deno.test("A key acts as who made it, is shown once, and is kept as a hash", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { key, ...kept } = await createKey(app, staff);
  assertMatch(key, /^wb_[\w-]{43}$/);
  assertEquals([kept.user_id, kept.name, kept.prefix, kept.expires_at, kept.last_used_at, kept.revoked_at], [
    staff.id,
    "Warehouse",
    key.slice(0, 11),
    null,
    null,
    null,
  ]);
  assertEquals((await me(app, key)).body.id, staff.id);
  assertEquals((await app.request("GET", "/v1/users", { token: key })).status, 200);
  const { body } = await app.request("GET", `/v1/api-keys/${kept.id}`, { token: staff.token });
  assertNotEquals(body.last_used_at, null);
  assertEquals({ ...body, last_used_at: null }, kept);
  const events = await eventsOf(app, "api_key", kept.id);
  assertEquals(events.map(({ type, user_id, data }) => [type, user_id, data]), [[
    "api_key.created",
    null,
    kept,
  ]]);
  const rows = await app.deps
    .sql`select t::text as row from api_keys t union all select data::text from events`;
  assert(rows.every(({ row }) => !row.includes(key)), "the key itself is kept somewhere");
});

Deno.test("The answer with the key is kept by no cache, and a call that is repeated makes another", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const create = () =>
    app.request("POST", "/v1/api-keys", {
      token: staff.token,
      body: { name: "Warehouse" },
      headers: { "Idempotency-Key": "the-same" },
    });
  const [first, second] = [await create(), await create()];
  assertEquals([first.headers.get("Cache-Control"), first.headers.get("Location")], [
    "no-store",
    `/v1/api-keys/${first.body.id}`,
  ]);
  assertEquals([second.status, second.headers.has("Idempotency-Replayed")], [201, false]);
  assertNotEquals([first.body.id, first.body.key], [second.body.id, second.body.key]);
  for (const { body } of [first, second]) assertEquals((await me(app, body.key)).status, 200);
});

Deno.test("When a key was used is noted to the hour, in each hour anew", async () => {
  const clock = new TestClock();
  await using app = await startTestApp({}, { clock });
  const staff = await app.user("staff");
  const { id, key } = await createKey(app, staff);
  const used = async (at: string) => {
    clock.set(at);
    assertEquals((await me(app, key)).status, 200);
    const [row] = await app.deps
      .sql`select last_used_at, updated_at, created_at from api_keys where id = ${id}`;
    assertEquals(row!.updated_at, row!.created_at, "it has not changed by that");
    return row!.last_used_at;
  };
  const day = clock.now().toISOString().slice(0, 10);
  assertEquals(await used(`${day}T22:00:00.000Z`), `${day}T22:00:00.000Z`);
  assertEquals(await used(`${day}T22:59:59.999Z`), `${day}T22:00:00.000Z`);
  assertEquals(await used(`${day}T23:30:00.000Z`), `${day}T23:00:00.000Z`);
  assertEquals(await used(`${day}T22:30:00.000Z`), `${day}T23:00:00.000Z`, "by a clock that is behind");
});

Deno.test("A program has a user without a password, and a key that an admin made", async () => {
  await using app = await startTestApp();
  const [staff, admin] = [await app.user("staff"), await app.user("admin")];
  const { body: program } = await app.request("POST", "/v1/users", {
    token: admin.token,
    body: { email: "warehouse@example.com", role: "staff" },
  });
  const refused = await app.request("POST", "/v1/api-keys", {
    token: staff.token,
    body: { name: "Warehouse", user_id: program.id },
  });
  assertEquals([refused.status, refused.body.code], [403, "forbidden"]);
  const { key } = await createKey(app, admin, { user_id: program.id });
  assertEquals((await me(app, key)).body.id, program.id);
});

Deno.test("No customer has a key, and no user that there is not", async () => {
  await using app = await startTestApp();
  const [customer, admin] = [await app.user(), await app.user("admin")];
  for (const user_id of [customer.id, crypto.randomUUID()]) {
    const { status, body } = await app.request("POST", "/v1/api-keys", {
      token: admin.token,
      body: { name: "Shop", user_id },
    });
    assertEquals([status, body.errors[0].pointer, body.errors[0].code], [422, "/user_id", "not_staff"]);
  }
  const { id } = await createKey(app, admin);
  for (
    const [method, path, body] of [
      ["POST", "", { name: "Shop" }],
      ["GET", ""],
      ["GET", `/${id}`],
      ["DELETE", `/${id}`],
    ] as const
  ) {
    const own = await app.request(method, `/v1/api-keys${path}`, { token: customer.token, body });
    assertEquals([own.status, own.body.code], [403, "forbidden"], `${method} ${path}`);
  }
});

Deno.test("A key is worthless from the moment that it is revoked, and stays in the list", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { key, id } = await createKey(app, staff);
  const other = await createKey(app, staff, { name: "Finance" });
  for (let i = 0; i < 2; i++) {
    const { status, body } = await app.request("DELETE", `/v1/api-keys/${id}`, { token: staff.token });
    assertEquals([status, body.revoked_at !== null], [200, true]);
    await assertWorthless(app, key, "revoked");
  }
  assertEquals((await me(app, other.key)).status, 200);
  const { body } = await app.request("GET", "/v1/api-keys", { token: other.key });
  assertEquals(
    body.data.map((
      each: { name: string; revoked_at: string | null },
    ) => [each.name, each.revoked_at === null]),
    [
      ["Finance", true],
      ["Warehouse", false],
    ],
  );
  assertEquals((await eventsOf(app, "api_key", id)).map(({ type }) => type), [
    "api_key.created",
    "api_key.revoked",
  ]);
});

Deno.test("Who revokes a key as they know it revokes that and no other, and it is told to staff without its secret", async () => {
  const clock = new TestClock();
  await using app = await startTestApp({}, { clock });
  const [staff, other] = [await app.user("staff"), await app.user("staff")];
  const { key, id } = await createKey(app, staff);
  const call = (method: string, headers: Record<string, string>, { token } = staff) =>
    app.request(method, `/v1/api-keys/${id}`, { token, headers });
  const etag = (await call("GET", {})).headers.get("ETag")!;
  assertEquals((await call("GET", { "If-None-Match": etag })).status, 304);
  assertEquals((await call("DELETE", { "If-Match": '"of-another"' })).body.code, "version_mismatch");
  assertEquals((await call("DELETE", { "If-Match": '"of-another"' }, other)).body.code, "not_found");
  assertEquals((await me(app, key)).status, 200);
  await assertWorthless(app, key.toLowerCase(), "in other letters");
  assertEquals((await call("DELETE", { "If-Match": etag })).body.code, "version_mismatch", "it was used");
  clock.pass(1000);
  const used = (await call("GET", {})).headers.get("ETag")!;
  const { status, headers, body } = await call("DELETE", { "If-Match": used });
  assertEquals([status, body.revoked_at, body.updated_at], [
    200,
    clock.now().toISOString(),
    clock.now().toISOString(),
  ]);
  const now = await call("GET", { "If-None-Match": headers.get("ETag")! });
  assertEquals(now.status, 304);
  const [_, revoked] = await eventsOf(app, "api_key", id);
  assertEquals([revoked!.type, revoked!.user_id, revoked!.data], ["api_key.revoked", null, body]);
});

Deno.test("A key may do what its user may at that moment, an admin's all that an admin does", async () => {
  await using app = await startTestApp();
  const [one, other] = [await app.user("admin"), await app.user("admin")];
  const { key } = await createKey(app, one);
  const role = (role: string, token: string, id: string) =>
    app.request("PATCH", `/v1/users/${id}`, { token, body: { role } });
  const clerk = await app.user();
  assertEquals((await role("staff", key, clerk.id)).body.role, "staff");
  assertEquals((await role("staff", other.token, one.id)).status, 200);
  const refused = await role("admin", key, clerk.id);
  assertEquals([refused.status, refused.body.code], [403, "forbidden"]);
  assertEquals((await app.request("GET", "/v1/users", { token: key })).status, 200);
});

Deno.test("A key is a bearer's, in letters of any size, and nothing else by which one could show it", async () => {
  await using app = await startTestApp();
  const { key } = await createKey(app, await app.user("staff"));
  const statusOf = async (headers: Record<string, string>) =>
    (await app.request("GET", "/v1/me", { headers })).status;
  for (const scheme of ["Bearer", "bearer", "BEARER"]) {
    assertEquals(await statusOf({ Authorization: `${scheme} ${key}` }), 200, scheme);
  }
  for (
    const wrong of [key, `Basic ${btoa(`${key}:`)}`, `Token ${key}`, `Bearer  ${key}`, `Bearer ${key} ${key}`]
  ) {
    assertEquals(await statusOf({ Authorization: wrong }), 401, wrong);
  }
  assertEquals(await statusOf({ "X-Api-Key": key }), 401);
});

Deno.test("Who logs in, registers or begins as a guest may send a key along that is good no more", async () => {
  await using app = await startTestApp();
  const token = `wb_${newSecretToken().token}`;
  const person = { email: "anna@example.com", password: PASSWORD };
  assertEquals((await app.request("POST", "/v1/register", { token, body: person })).status, 201);
  const form = { grant_type: "password", username: person.email, password: PASSWORD };
  assertEquals((await app.request("POST", "/v1/token", { token, form })).status, 200);
  const guest = { email: person.email };
  assertEquals((await app.request("POST", "/v1/guests", { token, body: guest })).status, 201);
  const { status, body } = await app.request("GET", "/v1/products", { token });
  assertEquals(
    [status, body.code],
    [401, "unauthenticated"],
    "but nobody is taken for anonymous who means to be known",
  );
});

Deno.test("Whose key it is costs a request one look-up, as a member of staff does who has a token", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { key } = await createKey(app, staff);
  await me(app, key);
  let statements = 0;
  app.deps.sql = new Proxy(app.deps.sql, {
    apply(target, self, args) {
      statements++;
      return Reflect.apply(target as never, self, args);
    },
  });
  const count = async (token: string) => {
    statements = 0;
    assertEquals((await me(app, token)).status, 200);
    return statements;
  };
  const known = await count(staff.token);
  assert(known > 0, "statements are counted");
  assertEquals(await count(key), known);
});

Deno.test("A key is worthless once it expires, its user is disabled, or is a customer", async () => {
  const clock = new TestClock();
  await using app = await startTestApp({}, { clock });
  const [staff, admin] = [await app.user("staff"), await app.user("admin")];
  const expires_at = new Date(clock.now().getTime() + 60_000).toISOString();
  const inBerlin = `${new Date(Date.parse(expires_at) + 3_600_000).toISOString().slice(0, -1)}+01:00`;
  const short = await createKey(app, staff, { expires_at: inBerlin });
  const long = await createKey(app, staff);
  assertEquals([short.expires_at, (await me(app, short.key)).status], [expires_at, 200]);
  clock.set(expires_at);
  await assertWorthless(app, short.key, "expired");
  const change = (body: Record<string, unknown>) =>
    app.request("PATCH", `/v1/users/${staff.id}`, { token: admin.token, body });
  assertEquals((await me(app, long.key)).status, 200);
  await change({ disabled: true });
  await assertWorthless(app, long.key, "disabled");
  await change({ disabled: false, role: "admin" });
  assertEquals((await me(app, long.key)).body.role, "admin");
  await change({ role: "customer" });
  await assertWorthless(app, long.key, "customer");
  const past = await app.request("POST", "/v1/api-keys", {
    token: admin.token,
    body: { name: "Late", expires_at: clock.now().toISOString() },
  });
  assertEquals([past.status, past.body.errors[0].pointer, past.body.errors[0].code], [
    422,
    "/expires_at",
    "past",
  ]);
});

Deno.test("Staff see and revoke their own keys, admins everybody's", async () => {
  await using app = await startTestApp();
  const [one, other, admin] = [await app.user("staff"), await app.user("staff"), await app.user("admin")];
  const [a, b] = [await createKey(app, one), await createKey(app, other)];
  const list = async ({ token }: TestUser, query = "") => {
    const { status, body } = await app.request("GET", `/v1/api-keys${query}`, { token });
    return status === 200 ? body.data.map(({ id }: { id: string }) => id) : status;
  };
  assertEquals(await list(one), [a.id]);
  assertEquals(await list(one, `?user_id=${one.id}`), [a.id]);
  assertEquals(await list(one, `?user_id=${other.id}`), 403);
  assertEquals(await list(admin), [b.id, a.id]);
  assertEquals(await list(admin, `?user_id=${other.id}`), [b.id]);
  const path = `/v1/api-keys/${b.id}`;
  assertEquals((await app.request("GET", path, { token: one.token })).status, 404);
  assertEquals((await app.request("DELETE", path, { token: one.token })).status, 404);
  assertEquals((await me(app, b.key)).status, 200);
  assertEquals((await app.request("GET", path, { token: admin.token })).body.id, b.id);
  assertEquals((await app.request("DELETE", path, { token: admin.token })).status, 200);
  await assertWorthless(app, b.key, "revoked");
});

Deno.test("Keys that somebody makes up are counted by address, and are no more than any other bad token", async () => {
  await using app = await startTestApp({ RATE_LIMIT_STAFF_TIMES: "3" });
  const madeUp = () => `wb_${newSecretToken().token}`;
  for (let i = 0; i < 3; i++) await assertWorthless(app, madeUp(), "made up");
  const { status, body } = await me(app, madeUp());
  assertEquals([status, body.code], [429, "rate_limited"]);
  await using fresh = await startTestApp();
  const { key } = await createKey(fresh, await fresh.user("staff"));
  for (
    const wrong of [
      `${key}A`,
      key.slice(0, -1),
      key.replace("wb_", "wb-"),
      key.slice(3),
      `wb_${"A".repeat(43)}`,
    ]
  ) {
    await assertWorthless(fresh, wrong, wrong);
  }
});

import { assertEquals } from "@std/assert";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import { eventsOf } from "../../support/orders.ts";
import { logIn, PASSWORD, refresh, registerUser, sameness, tryLogIn } from "./support.ts";

Deno.test("staff make accounts without a password, once per idempotency key", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const create = (key: string, body: unknown) =>
    app.request("POST", "/v1/users", { token: staff.token, body, headers: { "Idempotency-Key": key } });
  const body = { email: "guest-1@example.com", name: "Guest" };

  const first = await create("key-1", body);
  assertEquals([first.status, first.body.role, first.body.version], [201, "customer", 1]);
  assertEquals(first.headers.get("Location"), `/v1/users/${first.body.id}`);
  const replay = await create("key-1", body);
  assertEquals([replay.status, replay.body], [201, first.body]);
  assertEquals(replay.headers.get("Idempotency-Replayed"), "true");
  assertEquals((await create("key-1", { email: "guest-2@example.com" })).body.code, "idempotency_key_reused");
  assertEquals((await create("key-2", { email: "Guest-1@example.com" })).body.code, "email_taken");

  assertEquals((await eventsOf(app, "user", first.body.id)).map((e) => e.type), ["user.registered"]);
  assertEquals((await tryLogIn(app, body.email)).status, 401);
});

Deno.test("of twenty calls with one key at once, all get the one account", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const answers = await Promise.all(Array.from({ length: 20 }, () =>
    app.request("POST", "/v1/users", {
      token: staff.token,
      body: { email: "guest@example.com" },
      headers: { "Idempotency-Key": "same" },
    })));
  assertEquals(new Set(answers.map(({ status }) => status)), new Set([201]));
  assertEquals(new Set(answers.map(({ body }) => body.id)).size, 1);
});

Deno.test("only admins make staff and admins", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const admin = await app.user("admin");
  for (const role of ["staff", "admin"]) {
    const body = { email: `${role}@example.com`, role };
    const refused = await app.request("POST", "/v1/users", { token: staff.token, body });
    assertEquals([refused.status, refused.body.code], [403, "forbidden"]);
    const made = await app.request("POST", "/v1/users", { token: admin.token, body });
    assertEquals([made.status, made.body.role], [201, role]);
  }
});

Deno.test("customers call nothing of what is staff's", async () => {
  await using app = await startTestApp();
  const customer = await app.user();
  const other = await app.user();
  const calls: [string, string, unknown?][] = [
    ["POST", "/v1/users", { email: "x@example.com" }],
    ["GET", "/v1/users"],
    ["PATCH", `/v1/users/${other.id}`, { name: "X" }],
    ["PATCH", `/v1/users/${customer.id}`, { role: "admin" }],
    ["POST", `/v1/users/${other.id}/password-token`],
    ["POST", `/v1/users/${customer.id}/password-token`],
  ];
  for (const [method, path, body] of calls) {
    const answer = await app.request(method, path, { token: customer.token, body });
    assertEquals([answer.status, answer.body.code], [403, "forbidden"], `${method} ${path}`);
    assertEquals((await app.request(method, path, { body })).status, 401, `${method} ${path}`);
  }
});

Deno.test("another's account answers as one that does not exist; staff see all", async () => {
  await using app = await startTestApp();
  const customer = await app.user();
  const other = await app.user();
  const staff = await app.user("staff");
  const get = (id: string, { token }: TestUser) => app.request("GET", `/v1/users/${id}`, { token });

  assertEquals((await get(customer.id, customer)).status, 200);
  const hidden = await get(other.id, customer);
  const missing = await get("0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20", customer);
  assertEquals([hidden.status, hidden.body.code], [404, "not_found"]);
  assertEquals(sameness(hidden), sameness(missing));
  assertEquals((await get(other.id, staff)).body.email, other.email);
  const unchanged = await app.request("GET", `/v1/users/${other.id}`, {
    token: staff.token,
    headers: { "If-None-Match": '"1"' },
  });
  assertEquals(unchanged.status, 304);
});

Deno.test("the list goes through all accounts once, newest first, and finds by address and role", async () => {
  await using app = await startTestApp();
  const admin = await app.user("admin");
  const staff = await app.user("staff");
  const customers = [];
  for (let i = 0; i < 7; i++) customers.push(await app.user());
  const list = (query: string) => app.request("GET", `/v1/users?${query}`, { token: staff.token });
  const all = async (query: string) => {
    const ids: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const { status, body } = await list(`${query}&limit=3${cursor && `&cursor=${cursor}`}`);
      assertEquals(status, 200);
      ids.push(...body.data.map((user: { id: string }) => user.id));
      cursor = body.next_cursor;
    }
    return ids;
  };
  const newestFirst = customers.map(({ id }) => id).toReversed();
  assertEquals(await all(""), [...newestFirst, staff.id, admin.id]);
  assertEquals(await all("role=customer"), newestFirst);
  assertEquals(await all("role=admin"), [admin.id]);
  const found = await list(`email=${encodeURIComponent(customers[3]!.email.toUpperCase())}`);
  assertEquals(found.body.data.map((user: { id: string }) => user.id), [customers[3]!.id]);
  assertEquals((await list("email=nobody@example.com")).body, { data: [], next_cursor: null });
  for (const wrong of ["limit=0", "limit=101", "role=root", "cursor=xyz", "order=name"]) {
    assertEquals((await list(wrong)).status, 422, wrong);
  }
});

Deno.test("staff change customers, admins everyone, and nobody more than they may", async () => {
  await using app = await startTestApp();
  const admin = await app.user("admin");
  const staff = await app.user("staff");
  const colleague = await app.user("staff");
  const customer = await app.user();
  const change = (user: TestUser, by: TestUser, body: unknown) =>
    app.request("PATCH", `/v1/users/${user.id}`, { token: by.token, body });

  assertEquals((await change(customer, staff, { name: "Renamed" })).body.name, "Renamed");
  assertEquals((await change(customer, staff, { role: "customer" })).status, 200);
  for (
    const [user, body] of [
      [customer, { role: "staff" }],
      [staff, { role: "admin" }],
      [colleague, { name: "X" }],
      [colleague, { disabled: true }],
      [admin, { disabled: true }],
      [admin, { role: "customer" }],
    ] as [TestUser, unknown][]
  ) {
    const { status, body: problem } = await change(user, staff, body);
    assertEquals([status, problem.code], [403, "forbidden"], JSON.stringify(body));
  }
  assertEquals((await change(staff, staff, { name: "My own" })).status, 200);
  assertEquals((await change(colleague, admin, { role: "admin" })).body.role, "admin");
  assertEquals((await change(customer, admin, { email: "x@example.com" })).status, 422);
  const missing = await app.request("PATCH", "/v1/users/0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20", {
    token: admin.token,
    body: { name: "X" },
  });
  assertEquals(missing.status, 404);
  const stale = await app.request("PATCH", `/v1/users/${customer.id}`, {
    token: staff.token,
    body: { name: "Again" },
    headers: { "If-Match": '"1"' },
  });
  assertEquals([stale.status, stale.body.code], [412, "version_mismatch"]);
});

Deno.test("a disabled account ends its sessions and logs in no more, until it is enabled", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { id, email } = await registerUser(app);
  const session = await logIn(app, email);
  const set = (disabled: boolean) =>
    app.request("PATCH", `/v1/users/${id}`, { token: staff.token, body: { disabled } });

  const disabled = await set(true);
  assertEquals([disabled.body.disabled, disabled.body.version], [true, 2]);
  assertEquals((await set(true)).body.version, 2);
  assertEquals((await refresh(app, session.refresh_token)).status, 401);
  assertEquals((await tryLogIn(app, email)).status, 401);

  assertEquals((await set(false)).body.disabled, false);
  assertEquals((await tryLogIn(app, email)).status, 200);
  assertEquals((await refresh(app, session.refresh_token)).status, 401);
  const events = await eventsOf(app, "user", id);
  assertEquals(events.map((e) => e.data.changes?.disabled?.to), [undefined, true, false]);
});

Deno.test("a changed role ends the account's sessions", async () => {
  await using app = await startTestApp();
  const admin = await app.user("admin");
  const { id, email } = await registerUser(app);
  for (const role of ["staff", "customer"]) {
    const session = await logIn(app, email);
    await app.request("PATCH", `/v1/users/${id}`, { token: admin.token, body: { role } });
    assertEquals((await refresh(app, session.refresh_token)).status, 401, role);
  }
});

Deno.test("the last active admin can be neither demoted nor disabled", async () => {
  await using app = await startTestApp();
  const admin = await app.user("admin");
  const former = await app.user("admin");
  await app.deps.sql`update users set disabled_at = now() where id = ${former.id}`;
  for (const body of [{ role: "staff" }, { disabled: true }, { role: "customer", disabled: true }]) {
    const { status, body: problem } = await app.request("PATCH", `/v1/users/${admin.id}`, {
      token: admin.token,
      body,
    });
    assertEquals([status, problem.code], [409, "last_admin"]);
  }
  const renamed = await app.request("PATCH", `/v1/users/${admin.id}`, {
    token: admin.token,
    body: { name: "Boss" },
  });
  assertEquals(renamed.status, 200);
});

Deno.test("admins who demote each other at the same time leave one admin", async () => {
  await using app = await startTestApp();
  for (let round = 0; round < 10; round++) {
    const admins = [await app.user("admin"), await app.user("admin"), await app.user("admin")];
    const demote = (user: TestUser, by: TestUser) =>
      app.request("PATCH", `/v1/users/${user.id}`, {
        token: by.token,
        body: round % 2 ? { role: "staff" } : { disabled: true },
      });
    const answers = await Promise.all(admins.map((by, i) => demote(admins[(i + 1) % 3]!, by)));
    const left = await activeAdmins(app);
    assertEquals(left.length >= 1, true);
    const refused = answers.filter(({ status }) => status !== 200);
    assertEquals(refused.length, left.length, JSON.stringify(answers.map(({ status }) => status)));
    for (const { body } of refused) {
      assertEquals(["last_admin", "unauthenticated", "forbidden"].includes(body.code), true);
    }
    await app.deps.sql`update users set role = 'customer' where role = 'admin'`;
  }
});

async function activeAdmins(app: TestApp) {
  return await app.deps.sql`select id from users where role = 'admin' and disabled_at is null`;
}

Deno.test("a login that is under way while the account is disabled does not outlive it", async () => {
  await using app = await startTestApp();
  const { id, email } = await registerUser(app);
  const { sql } = app.deps;
  let login: ReturnType<typeof tryLogIn> | undefined;
  await sql.begin(async (tx) => {
    await tx`update users set disabled_at = now() where id = ${id}`;
    login = tryLogIn(app, email, PASSWORD);
    await untilWaiting(app.deps.sql, { text: "refresh_families" });
  });
  assertEquals((await login!).status, 401);
  assertEquals((await sql`select from refresh_families`).length, 0);
});

Deno.test("a login that is under way while the password changes does not outlive it", async () => {
  await using app = await startTestApp();
  const { id, email } = await registerUser(app);
  const { sql } = app.deps;
  let login: ReturnType<typeof tryLogIn> | undefined;
  await sql.begin(async (tx) => {
    await tx`update users set password_hash = '$argon2id$other' where id = ${id}`;
    login = tryLogIn(app, email, PASSWORD);
    await untilWaiting(app.deps.sql, { text: "refresh_families" });
  });
  assertEquals((await login!).status, 401);
});

import { assertEquals } from "@std/assert";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { TestClock } from "../../support/clock.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import { eventsOf } from "../../support/orders.ts";
import { logIn, OTHER_PASSWORD, PASSWORD, refresh, registerUser, tryLogIn } from "./support.ts";

function createToken(app: TestApp, userId: string, by: TestUser) {
  return app.request("POST", `/v1/users/${userId}/password-token`, { token: by.token });
}

function setPassword(app: TestApp, token: string, new_password: string) {
  return app.request("POST", "/v1/password", { body: { token, new_password } });
}

Deno.test("an account made by staff gets its password from its owner", async () => {
  const clock = new TestClock("2026-03-01T12:00:00Z");
  await using app = await startTestApp({}, { clock });
  const staff = await app.user("staff");
  const guest = await app.request("POST", "/v1/users", {
    token: staff.token,
    body: { email: "guest@example.com" },
  });
  const { status, headers, body } = await createToken(app, guest.body.id, staff);
  assertEquals([status, headers.get("Cache-Control")], [201, "no-store"]);
  assertEquals(body.expires_at, new Date(clock.now().getTime() + 24 * 60 * 60 * 1000).toISOString());

  const set = await setPassword(app, body.token, PASSWORD);
  assertEquals([set.status, set.body], [204, ""]);
  assertEquals((await tryLogIn(app, "guest@example.com")).status, 200);
  const events = await eventsOf(app, "user", guest.body.id);
  assertEquals(events.map((e) => [e.type, e.sequence, e.data.password_changed]), [
    ["user.registered", 1, undefined],
    ["user.updated", 2, true],
  ]);
});

Deno.test("setting a password by token ends every session", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { id, email } = await registerUser(app);
  const session = await logIn(app, email);
  const { body } = await createToken(app, id, staff);
  assertEquals((await refresh(app, session.refresh_token)).status, 200);
  const again = await logIn(app, email);
  await setPassword(app, body.token, OTHER_PASSWORD);
  assertEquals((await refresh(app, again.refresh_token)).status, 401);
  assertEquals((await tryLogIn(app, email, PASSWORD)).status, 401);
});

Deno.test("a password token is good once, of ten calls at once too", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { id } = await registerUser(app);
  const { body } = await createToken(app, id, staff);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, i) => setPassword(app, body.token, `${OTHER_PASSWORD}-${i}`)),
  );
  assertEquals(answers.map(({ status }) => status).sort(), [204, ...Array(9).fill(401)]);
  const late = await setPassword(app, body.token, OTHER_PASSWORD);
  assertEquals([late.status, late.body.code], [401, "invalid_grant"]);
});

Deno.test("a password that is set while its account changes waits for that, and holds nothing that it needs", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { id } = await registerUser(app);
  const { body } = await createToken(app, id, staff);
  const { setting } = await app.deps.sql.begin(async (tx) => {
    await tx`update users set role = 'staff' where id = ${id}`;
    const setting = setPassword(app, body.token, OTHER_PASSWORD);
    await untilWaiting(tx);
    await tx`update password_tokens set used_at = now() where user_id = ${id}`;
    return { setting };
  });
  assertEquals((await setting).body.code, "invalid_grant");
});

Deno.test("a weak password leaves the token good", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { id, email } = await registerUser(app);
  const { body } = await createToken(app, id, staff);
  for (const weak of ["short", email]) {
    assertEquals((await setPassword(app, body.token, weak)).body.code, "weak_password");
  }
  assertEquals((await setPassword(app, body.token, OTHER_PASSWORD)).status, 204);
});

Deno.test("a password token dies after 24 hours, and with the next one", async () => {
  const clock = new TestClock("2026-03-01T12:00:00Z");
  await using app = await startTestApp({}, { clock });
  const { id } = await registerUser(app);
  const reset = async () => (await createToken(app, id, await app.user("staff"))).body.token;
  const replaced = await reset();
  const latest = await reset();
  assertEquals((await setPassword(app, replaced, OTHER_PASSWORD)).status, 401);
  clock.pass(24 * 60 * 60 * 1000);
  assertEquals((await setPassword(app, latest, OTHER_PASSWORD)).status, 401);
  assertEquals((await setPassword(app, "never-given-out", OTHER_PASSWORD)).status, 401);
});

Deno.test("a password token kept from before does not open the account of a new admin, nor a disabled one", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const admin = await app.user("admin");
  for (const body of [{ role: "admin" }, { disabled: true }]) {
    const customer = await app.user();
    const { body: { token } } = await createToken(app, customer.id, staff);
    await app.request("PATCH", `/v1/users/${customer.id}`, { token: admin.token, body });
    assertEquals((await setPassword(app, token, OTHER_PASSWORD)).status, 401);
    if (!body.disabled) continue;
    const { body: { token: made } } = await createToken(app, customer.id, admin);
    assertEquals((await setPassword(app, made, OTHER_PASSWORD)).status, 401, "nor one made since");
  }
});

Deno.test("only admins reset the passwords of staff and admins", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const admin = await app.user("admin");
  for (const target of [await app.user("staff"), await app.user("admin")]) {
    const refused = await createToken(app, target.id, staff);
    assertEquals([refused.status, refused.body.code], [403, "forbidden"]);
    assertEquals((await createToken(app, target.id, admin)).status, 201);
  }
  assertEquals((await createToken(app, "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20", admin)).status, 404);
  const { id } = await registerUser(app);
  const { late } = await app.deps.sql.begin(async (tx) => {
    await tx`update users set role = 'staff' where id = ${id}`;
    const late = createToken(app, id, staff);
    await untilWaiting(tx);
    return { late };
  });
  assertEquals((await late).status, 403, "who has become staff meanwhile");
  assertEquals((await app.deps.sql`select from password_tokens`).length, 2);
});

Deno.test("password tokens are not stored as they are", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { id } = await registerUser(app);
  const { body } = await createToken(app, id, staff);
  const [row] = await app.deps.sql`select hash from password_tokens`;
  const expected = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(body.token));
  assertEquals(new Uint8Array(row!.hash), new Uint8Array(expected));
});

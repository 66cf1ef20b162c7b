import { assertEquals, assertNotEquals } from "@std/assert";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { addExport, checkedOut, openBorders } from "../../support/checkout.ts";
import { addProduct, assertBooksBalance, eventsOf, patch, read } from "../../support/orders.ts";
import { doOutsideJobs, readLog } from "../../support/worker.ts";
import { Shopper, unitsOf } from "../carts/shopper.ts";
import { logIn, OTHER_PASSWORD, PASSWORD, refresh, registerUser, tryLogIn } from "./support.ts";

async function guest(app: TestApp, email = "gast@example.com", name?: string) {
  const { status, headers, body } = await app.request("POST", "/v1/guests", {
    body: { email, ...name !== undefined && { name } },
  });
  assertEquals(status, 201, JSON.stringify(body));
  return { headers, body, user: { id: body.user.id, token: body.access_token } as TestUser };
}

function tryToRegister(app: TestApp, { token }: Pick<TestUser, "token">, password = PASSWORD) {
  return app.request("POST", "/v1/me/registration", { token, body: { password } });
}

Deno.test("A guest has a session at once, which goes on by its refresh token, and no way to log in", async () => {
  await using app = await startTestApp();
  const { headers, body, user } = await guest(app, " Gast@Example.com ", "Gast");
  assertEquals([body.user.email, body.user.name, body.user.role, body.user.guest, body.user.version], [
    "Gast@Example.com",
    "Gast",
    "customer",
    true,
    1,
  ]);
  assertEquals([headers.get("Location"), headers.get("Cache-Control")], [`/v1/users/${user.id}`, "no-store"]);
  assertEquals((await app.request("GET", "/v1/me", { token: user.token })).body, body.user);
  const { status, body: next } = await refresh(app, body.refresh_token);
  assertEquals(status, 200);
  assertEquals((await app.request("GET", "/v1/me", { token: next.access_token })).body.id, user.id);
  const [event] = await eventsOf(app, "user", user.id);
  assertEquals([event!.type, event!.user_id, event!.data], ["user.registered", user.id, body.user]);
  for (const password of [PASSWORD, "null", " "]) {
    assertEquals((await tryLogIn(app, "gast@example.com", password)).status, 401);
  }
  const { status: refused, body: problem } = await app.request("POST", "/v1/me/password", {
    token: user.token,
    body: { current_password: "null", new_password: PASSWORD },
  });
  assertEquals([refused, problem.detail, problem.errors[0].code], [
    422,
    "A guest has no password yet.",
    "wrong",
  ]);
});

Deno.test("A guest checks out a cart, pays, and gets its mail, like anybody else", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const { sku } = await addExport(app, { prices: { EUR: 1499 }, stock: 10 });
  const { user } = await guest(app);
  const { order, payment } = await checkedOut(app, user, { [sku]: 2 }, "tok_success");
  assertEquals([payment.status, (await read(app, user, order.id)).body.status], ["captured", "PAID"]);
  assertEquals((await patch(app, await app.user("staff"), order.id, { status: "CANCELLED" })).status, 200);
  await readLog(app.deps);
  assertEquals((await doOutsideJobs(app.deps, "notifications.send")).failures, []);
  const mails = await app.deps.sql`select distinct recipient from notifications where order_id = ${order.id}`;
  assertEquals(mails.map(({ recipient }) => recipient), ["gast@example.com"]);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("An address may be many guests' and an account's, and none sees what another bought", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const { sku } = await addExport(app, { prices: { EUR: 1499 }, stock: 10 });
  const account = await registerUser(app);
  const { access_token: token } = await logIn(app, account.email);
  const [one, other] = [await guest(app, account.email), await guest(app, account.email.toUpperCase())];
  assertNotEquals(one.user.id, other.user.id);
  const { order } = await checkedOut(app, one.user, { [sku]: 1 });
  for (const stranger of [other.user, { id: account.id, token } as TestUser]) {
    assertEquals((await read(app, stranger, order.id)).status, 404);
    const { body } = await app.request("GET", "/v1/orders", { token: stranger.token });
    assertEquals(body.data, []);
  }
  const staff = await app.user("staff");
  const found = async (query: Record<string, string>) => {
    const { body } = await app.request("GET", `/v1/users?${new URLSearchParams(query)}`, {
      token: staff.token,
    });
    return body.data.map(({ id }: { id: string }) => id);
  };
  assertEquals(await found({ email: account.email }), [other.user.id, one.user.id, account.id]);
  assertEquals(await found({ email: account.email, guest: "false" }), [account.id]);
  assertEquals(await found({ guest: "true" }), [other.user.id, one.user.id]);
});

Deno.test("A guest who registers is the same customer with the same orders, and logs in with the password", async () => {
  await using app = await startTestApp();
  await openBorders(app);
  const { sku } = await addExport(app, { prices: { EUR: 1499 }, stock: 10 });
  const { body, user } = await guest(app);
  const { order } = await checkedOut(app, user, { [sku]: 1 });
  const weak = await tryToRegister(app, user, "gast@example.com");
  assertEquals([weak.status, weak.body.code, weak.body.errors[0].pointer], [
    422,
    "weak_password",
    "/password",
  ]);
  const { status, body: account, headers } = await tryToRegister(app, user);
  assertEquals([status, account.id, account.guest, account.version, headers.get("ETag")], [
    200,
    user.id,
    false,
    2,
    '"2"',
  ]);
  assertEquals((await refresh(app, body.refresh_token)).body.code, "invalid_grant");
  const { access_token: token } = await logIn(app, "GAST@example.com");
  assertEquals((await read(app, { id: user.id, token } as TestUser, order.id)).status, 200);
  const [first, registered, ...more] = await eventsOf(app, "user", user.id);
  assertEquals([first!.type, first!.data.guest, more], ["user.registered", true, []]);
  const { type, data: { guest: isGuest, changes, password_changed } } = registered!;
  assertEquals([type, isGuest, changes, password_changed], [
    "user.updated",
    false,
    { guest: { from: true, to: false } },
    true,
  ]);
  assertEquals(
    (await app.request("POST", "/v1/register", { body: { email: "gast@example.com", password: PASSWORD } }))
      .status,
    409,
  );
});

Deno.test("Of an address that is an account's no guest makes another, nor does anybody register twice", async () => {
  await using app = await startTestApp();
  const account = await registerUser(app);
  const { user } = await guest(app, account.email);
  const taken = await tryToRegister(app, user);
  assertEquals([taken.status, taken.body.code, taken.body.errors[0].message], [
    409,
    "email_taken",
    "Log in to that account.",
  ]);
  assertEquals((await app.request("GET", "/v1/me", { token: user.token })).body.guest, true);
  await logIn(app, account.email);
  const { access_token: token } = await logIn(app, account.email);
  const again = await tryToRegister(app, { token }, OTHER_PASSWORD);
  assertEquals([again.status, again.body.code], [409, "email_taken"]);
  await logIn(app, account.email, PASSWORD);
});

Deno.test("A guest whom a restored database does not know is told so, as of any other token that is not good", async () => {
  await using app = await startTestApp();
  const token = await app.deps.accessTokens.sign(
    { userId: crypto.randomUUID(), role: "customer" },
    app.deps.clock.now(),
  );
  const { status, body } = await tryToRegister(app, { token });
  assertEquals([status, body.code], [401, "unauthenticated"]);
});

Deno.test("Of guests of one address who register at once, and of one guest who does so twice, one succeeds", async () => {
  await using app = await startTestApp();
  const guests = await Promise.all(Array.from({ length: 5 }, () => guest(app)));
  const answers = await Promise.all(
    guests.flatMap(({ user }) => [tryToRegister(app, user), tryToRegister(app, user)]),
  );
  assertEquals(answers.map(({ status }) => status).sort(), [200, ...Array(9).fill(409)]);
  await logIn(app, "gast@example.com");
});

Deno.test("A password token makes an account of a guest, unless the address has one: then the token stays good", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const account = await registerUser(app);
  const [free, taken] = [await guest(app), await guest(app, account.email)];
  const setPassword = async ({ user }: typeof free) => {
    const { body } = await app.request("POST", `/v1/users/${user.id}/password-token`, { token: staff.token });
    return () =>
      app.request("POST", "/v1/password", { body: { token: body.token, new_password: OTHER_PASSWORD } });
  };
  assertEquals((await (await setPassword(free))()).status, 204);
  await logIn(app, "gast@example.com", OTHER_PASSWORD);
  const registered = (await eventsOf(app, "user", free.user.id)).at(-1)!;
  assertEquals(registered.data.changes, { guest: { from: true, to: false } });
  const tryIt = await setPassword(taken);
  for (let i = 0; i < 2; i++) {
    const { status, body } = await tryIt();
    assertEquals([status, body.code], [409, "email_taken"]);
  }
  await logIn(app, account.email);
});

Deno.test("A guest is a customer and nothing else, and can be disabled like one", async () => {
  await using app = await startTestApp();
  const admin = await app.user("admin");
  const { body, user } = await guest(app);
  const change = (body: Record<string, unknown>) =>
    app.request("PATCH", `/v1/users/${user.id}`, { token: admin.token, body });
  const role = await change({ role: "staff" });
  assertEquals([role.status, role.body.errors[0].pointer, role.body.errors[0].code], [422, "/role", "guest"]);
  assertEquals((await change({ disabled: true })).status, 200);
  assertEquals((await refresh(app, body.refresh_token)).body.code, "invalid_grant");
});

Deno.test("A cart that was filled before anybody said who they are comes along", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app);
  const anonymous = new Shopper(app);
  const cart = await anonymous.create({ [sku]: 2 });
  const { user } = await guest(app);
  const { status, body } = await new Shopper(app, { token: user.token, cartToken: anonymous.cartToken })
    .merge(cart.id);
  assertEquals([status, body.user_id, unitsOf(body)], [200, user.id, [[sku, 2]]]);
});

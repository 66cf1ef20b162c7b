import { assertEquals, assertRejects } from "@std/assert";
import { ConfigError } from "../../../src/settings.ts";
import { systemCtx } from "../../../src/deps.ts";
import { createFirstAdmin } from "../../../src/identity/mod.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { eventsOf } from "../../support/orders.ts";
import { PASSWORD, tryLogIn } from "./support.ts";

const ADMIN = { ADMIN_EMAIL: "boss@example.com", ADMIN_PASSWORD: PASSWORD };

async function admins(app: TestApp) {
  return await app.deps.sql`select id, email from users where role = 'admin'`;
}

Deno.test("processes that start together make one first admin, who can log in", async () => {
  await using app = await startTestApp(ADMIN);
  await Promise.all(Array.from({ length: 8 }, () => createFirstAdmin(systemCtx(app.deps, "start"))));
  const made = await admins(app);
  assertEquals(made.map(({ email }) => email), ["boss@example.com"]);
  assertEquals((await eventsOf(app, "user", made[0]!.id)).length, 1);
  assertEquals((await tryLogIn(app, "boss@example.com")).status, 200);
});

Deno.test("where there is an admin no first one is made", async () => {
  await using app = await startTestApp(ADMIN);
  const admin = await app.user("admin");
  await createFirstAdmin(systemCtx(app.deps, "start"));
  assertEquals((await admins(app)).map(({ id }) => id), [admin.id]);
});

Deno.test("whoever registered the first admin's address before stays a customer", async () => {
  await using app = await startTestApp(ADMIN);
  await app.request("POST", "/v1/register", { body: { email: "Boss@example.com", password: PASSWORD } });
  await createFirstAdmin(systemCtx(app.deps, "start"));
  assertEquals((await admins(app)).length, 0);
});

Deno.test("without a configured admin none is made", async () => {
  await using app = await startTestApp();
  await createFirstAdmin(systemCtx(app.deps, "start"));
  assertEquals((await admins(app)).length, 0);
});

Deno.test("production does not start with a first admin whose password is easy to guess", async () => {
  await using app = await startTestApp({ ...ADMIN, ADMIN_PASSWORD: "admin12345", APP_ENV: "production" });
  const error = await assertRejects(() => createFirstAdmin(systemCtx(app.deps, "start")), ConfigError);
  assertEquals(error.message.includes("ADMIN_PASSWORD"), true);
  assertEquals(error.message.includes("admin12345"), false);
  assertEquals((await admins(app)).length, 0);
});

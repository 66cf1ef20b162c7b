import { assertEquals } from "@std/assert";
import { type Answer, startTestApp } from "../../support/app.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import { eventsOf } from "../../support/orders.ts";
import { logIn, OTHER_PASSWORD, PASSWORD, refresh, registerUser, tryLogIn } from "./support.ts";

Deno.test("one's own account has an ETag, and needs a token", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const first = await app.request("GET", "/v1/me", { token: user.token });
  assertEquals([first.status, first.headers.get("ETag")], [200, '"1"']);
  const again = await app.request("GET", "/v1/me", {
    token: user.token,
    headers: { "If-None-Match": '"1"' },
  });
  assertEquals([again.status, again.body], [304, ""]);
  const anonymous = await app.request("GET", "/v1/me");
  assertEquals([anonymous.status, anonymous.body.code], [401, "unauthenticated"]);
});

Deno.test("of two who log in with one browser neither is shown the other's account", async () => {
  await using app = await startTestApp();
  const [anna, ben] = [await app.user(), await app.user()];
  let kept: Answer | undefined;
  // What a browser's cache does of itself with an answer that has an ETag and says no more (RFC 9111).
  const look = async ({ token }: { token: string }) => {
    const tag = kept?.headers.get("ETag");
    const headers: Record<string, string> = tag ? { "If-None-Match": tag } : {};
    const answer = await app.request("GET", "/v1/me", { token, headers });
    if (answer.status === 304) return kept!.body;
    if (!answer.headers.get("Cache-Control")?.includes("no-store")) kept = answer;
    return answer.body;
  };
  assertEquals((await look(anna)).email, anna.email);
  assertEquals((await look(ben)).email, ben.email);
});

Deno.test("changing one's name makes a version and an event; changing nothing makes neither", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const rename = (name: string | null, version: number) =>
    app.request("PATCH", "/v1/me", {
      token: user.token,
      body: { name },
      headers: { "If-Match": `"${version}"` },
    });

  const changed = await rename("Anna Jones", 1);
  assertEquals([changed.status, changed.body.name, changed.body.version], [200, "Anna Jones", 2]);
  assertEquals(changed.headers.get("ETag"), '"2"');
  assertEquals((await rename("Anna Jones", 2)).body.version, 2);
  assertEquals((await rename(null, 2)).body.name, null);

  const events = await eventsOf(app, "user", user.id);
  assertEquals(events.map((e) => [e.type, e.sequence, e.user_id]), [
    ["user.updated", 2, user.id],
    ["user.updated", 3, user.id],
  ]);
  assertEquals(events[0]!.data.changes, { name: { from: "Test customer", to: "Anna Jones" } });
  assertEquals(events[0]!.data.password_changed, false);
});

Deno.test("of ten changes of one version at once, one is made", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { answering } = await app.deps.sql.begin(async (tx) => {
    await tx`select from users where id = ${user.id} for update`;
    const answering = Array.from({ length: 10 }, (_, i) =>
      app.request("PATCH", "/v1/me", {
        token: user.token,
        body: { name: `Name ${i}` },
        headers: { "If-Match": '"1"' },
      }));
    await untilWaiting(tx, { count: 2 });
    return { answering };
  });
  const answers = await Promise.all(answering);
  assertEquals(answers.map(({ status }) => status).sort(), [200, ...Array(9).fill(412)]);
  assertEquals((await eventsOf(app, "user", user.id)).length, 1);
});

Deno.test("a new password ends every session and password token, and only it logs in", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { id, email } = await registerUser(app);
  const here = await logIn(app, email);
  const there = await logIn(app, email);
  const reset = await app.request("POST", `/v1/users/${id}/password-token`, { token: staff.token });
  const changed = await app.request("POST", "/v1/me/password", {
    token: here.access_token,
    body: { current_password: PASSWORD, new_password: OTHER_PASSWORD },
  });
  assertEquals([changed.status, changed.body], [204, ""]);

  assertEquals((await refresh(app, here.refresh_token)).status, 401);
  assertEquals((await refresh(app, there.refresh_token)).status, 401);
  assertEquals((await tryLogIn(app, email, PASSWORD)).status, 401);
  assertEquals((await tryLogIn(app, email, OTHER_PASSWORD)).status, 200);
  const late = await app.request("POST", "/v1/password", {
    body: { token: reset.body.token, new_password: "third-lantern-88-boat" },
  });
  assertEquals([late.status, late.body.code], [401, "invalid_grant"]);

  const [, event] = await eventsOf(app, "user", id);
  assertEquals([event!.type, event!.data.password_changed, event!.data.changes], ["user.updated", true, {}]);
  assertEquals(JSON.stringify(event!.data).includes("argon2"), false);
});

Deno.test("a password is changed by who knows the current one and is not disabled, to a good and different one", async () => {
  await using app = await startTestApp();
  const { id, email } = await registerUser(app);
  const { access_token: token, refresh_token } = await logIn(app, email);
  const attempts: [string, string, string, string][] = [
    ["not-the-password", OTHER_PASSWORD, "invalid_request", "/current_password"],
    [PASSWORD, "Password123!", "weak_password", "/new_password"],
    [PASSWORD, PASSWORD, "weak_password", "/new_password"],
    [PASSWORD, "x".repeat(129), "invalid_request", "/new_password"],
  ];
  const change = async (current_password: string, new_password: string) => {
    const { status, body } = await app.request("POST", "/v1/me/password", {
      token,
      body: { current_password, new_password },
    });
    return [status, body.code, body.errors[0].pointer];
  };
  for (const [current_password, new_password, code, pointer] of attempts) {
    assertEquals(await change(current_password, new_password), [422, code, pointer]);
  }
  const next = await refresh(app, refresh_token);
  assertEquals(next.status, 200);
  await app.deps.sql`update users set disabled_at = now() where id = ${id}`;
  assertEquals((await refresh(app, next.body.refresh_token)).status, 401);
  assertEquals(await change(PASSWORD, OTHER_PASSWORD), [422, "invalid_request", "/current_password"]);
  assertEquals((await eventsOf(app, "user", id)).length, 1);
});

Deno.test("of five changes of one password at once, one is made", async () => {
  await using app = await startTestApp();
  const { id, email } = await registerUser(app);
  const { access_token: token } = await logIn(app, email);
  const answers = await Promise.all(
    Array.from({ length: 5 }, (_, i) =>
      app.request("POST", "/v1/me/password", {
        token,
        body: { current_password: PASSWORD, new_password: `${OTHER_PASSWORD}-${i}` },
      })),
  );
  assertEquals(answers.map(({ status }) => status).sort(), [204, 422, 422, 422, 422]);
  assertEquals((await eventsOf(app, "user", id)).length, 2);
});

Deno.test("guessing the current password meets the limit of logins", async () => {
  await using app = await startTestApp({ RATE_LIMIT_LOGIN_TIMES: "2" });
  const user = await app.user();
  const statuses = [];
  for (let i = 0; i < 3; i++) {
    const { status } = await app.request("POST", "/v1/me/password", {
      token: user.token,
      body: { current_password: "a guess", new_password: OTHER_PASSWORD },
    });
    statuses.push(status);
  }
  assertEquals(statuses, [422, 422, 429]);
});

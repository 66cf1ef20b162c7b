import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { TestClock } from "../../support/clock.ts";
import { logIn, PASSWORD, refresh, registerUser, tryLogIn } from "./support.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

Deno.test("logging in gives tokens that no cache may keep", async () => {
  await using app = await startTestApp();
  const { id, email } = await registerUser(app);
  const { status, headers, body } = await tryLogIn(app, email.toUpperCase());
  assertEquals(status, 200);
  assertEquals(headers.get("Cache-Control"), "no-store");
  assertEquals([body.token_type, body.expires_in], ["bearer", 900]);
  assertEquals(Uint8Array.fromBase64(body.refresh_token, { alphabet: "base64url" }).length, 32);

  const me = await app.request("GET", "/v1/me", { token: body.access_token });
  assertEquals([me.status, me.body.id], [200, id]);
});

Deno.test("refresh tokens are not stored as they are", async () => {
  await using app = await startTestApp();
  const { email } = await registerUser(app);
  const { refresh_token } = await logIn(app, email);
  const rows = await app.deps.sql`select hash from refresh_tokens`;
  const expected = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(refresh_token));
  assertEquals(rows.map(({ hash }) => new Uint8Array(hash)), [new Uint8Array(expected)]);
});

Deno.test("what OAuth libraries send along is ignored", async () => {
  await using app = await startTestApp();
  const { email } = await registerUser(app);
  const form = { grant_type: "password", username: email, password: PASSWORD };
  const extra = { scope: "read", client_id: "shop", client_secret: "s3cret", audience: "x" };
  const basic = { Authorization: `Basic ${btoa("shop:s3cret")}` };
  const expired = { Authorization: "Bearer a.b.c" };
  for (const headers of [{}, basic, expired]) {
    const { status, body } = await app.request("POST", "/v1/token", { form: { ...form, ...extra }, headers });
    assertEquals(status, 200);
    const again = await app.request("POST", "/v1/token", {
      form: { grant_type: "refresh_token", refresh_token: body.refresh_token, ...extra },
      headers,
    });
    assertEquals(again.status, 200);
    const out = await app.request("POST", "/v1/token/revocation", {
      form: { token: again.body.refresh_token, token_type_hint: "refresh_token", ...extra },
      headers,
    });
    assertEquals(out.status, 200);
  }
});

Deno.test("a grant that cannot be read is refused in OAuth's words too", async () => {
  await using app = await startTestApp();
  const forms: [Record<string, string>, string][] = [
    [{ grant_type: "client_credentials" }, "unsupported_grant_type"],
    [{ grant_type: "" }, "unsupported_grant_type"],
    [{}, "invalid_request"],
    [{ grant_type: "password", username: "anna@example.com" }, "invalid_request"],
    [{ grant_type: "password", password: PASSWORD }, "invalid_request"],
    [{ grant_type: "refresh_token" }, "invalid_request"],
    [{ grant_type: "password", username: "nul\0@example.com", password: PASSWORD }, "invalid_request"],
    [{ grant_type: "password", username: "a@example.com", password: "x".repeat(129) }, "invalid_request"],
  ];
  for (const [form, error] of forms) {
    const { status, body } = await app.request("POST", "/v1/token", { form });
    assertEquals([status, body.code, body.error], [422, error, error], JSON.stringify(form));
    assertEquals(body.error_description, body.detail);
  }
  const twice = await app.request("POST", "/v1/token", {
    body: "grant_type=password&username=a@example.com&username=b@example.com&password=x",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  });
  assertEquals([twice.status, twice.body.errors[0].pointer], [422, "/username"]);
  const json = await app.request("POST", "/v1/token", { body: { grant_type: "password" } });
  assertEquals([json.status, json.body.code], [415, "unsupported_media_type"]);
  const elsewhere = await app.request("POST", "/v1/register", { body: {} });
  assertEquals([elsewhere.body.code, "error" in elsewhere.body], ["invalid_request", false]);
});

Deno.test("a refresh token is good once, and the next one with it", async () => {
  await using app = await startTestApp();
  const { id, email } = await registerUser(app);
  const first = await logIn(app, email);
  const second = await refresh(app, first.refresh_token);
  assertEquals(second.status, 200);
  assertEquals(second.headers.get("Cache-Control"), "no-store");
  assertNotEquals(second.body.refresh_token, first.refresh_token);
  const me = await app.request("GET", "/v1/me", { token: second.body.access_token });
  assertEquals(me.body.id, id);
  const third = await refresh(app, second.body.refresh_token);
  assertEquals(third.status, 200);
});

Deno.test("a refresh token that comes twice ends its session, and no other", async () => {
  await using app = await startTestApp();
  const { email } = await registerUser(app);
  const stolen = await logIn(app, email);
  const other = await logIn(app, email);
  const thief = await refresh(app, stolen.refresh_token);
  assertEquals(thief.status, 200);

  const owner = await refresh(app, stolen.refresh_token);
  assertEquals([owner.status, owner.body.code, owner.body.error], [401, "invalid_grant", "invalid_grant"]);
  assertEquals((await refresh(app, thief.body.refresh_token)).status, 401);
  assertEquals((await refresh(app, other.refresh_token)).status, 200);
  const [family] = await app.deps.sql`select revoked_for from refresh_families where revoked_at is not null`;
  assertEquals(family!.revoked_for, "reuse");
});

Deno.test("a refresh token is good for 30 days, counted from its own beginning", async () => {
  const clock = new TestClock("2026-03-01T12:00:00Z");
  await using app = await startTestApp({}, { clock });
  const { email } = await registerUser(app);
  const first = await logIn(app, email);
  clock.pass(30 * DAY_MS - 1000);
  const second = await refresh(app, first.refresh_token);
  assertEquals(second.status, 200);
  clock.pass(30 * DAY_MS);
  assertEquals((await refresh(app, second.body.refresh_token)).status, 401);
});

Deno.test("logging out ends the session, with any of its tokens", async () => {
  await using app = await startTestApp();
  const { email } = await registerUser(app);
  const first = await logIn(app, email);
  const second = await refresh(app, first.refresh_token);
  const out = await app.request("POST", "/v1/token/revocation", { form: { token: first.refresh_token } });
  assertEquals([out.status, out.body], [200, ""]);
  assertEquals((await refresh(app, second.body.refresh_token)).status, 401);
});

Deno.test("logging out with an unknown token is fine, without one it is not", async () => {
  await using app = await startTestApp();
  const unknown = await app.request("POST", "/v1/token/revocation", { form: { token: "unknown" } });
  assertEquals(unknown.status, 200);
  const none = await app.request("POST", "/v1/token/revocation", { form: {} });
  assertEquals([none.status, none.body.error], [422, "invalid_request"]);
});

Deno.test("an address whose logins ran out is refused, the right password too", async () => {
  await using app = await startTestApp({ RATE_LIMIT_LOGIN_TIMES: "4" });
  const { email } = await registerUser(app);
  for (let i = 0; i < 3; i++) assertEquals((await tryLogIn(app, email, "wrong-password")).status, 401);
  const { status, headers } = await tryLogIn(app, email);
  assertEquals(status, 429);
  assert(Number(headers.get("Retry-After")) > 0);
});

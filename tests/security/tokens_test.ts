import { assertEquals } from "@std/assert";
import { base64url, exportJWK, generateKeyPair, SignJWT } from "jose";
import { passwordCounters } from "../../src/identity/password.ts";
import { startTestApp, TEST_SECRET, type TestApp } from "../support/app.ts";
import { TestClock } from "../support/clock.ts";
import {
  logIn,
  OTHER_PASSWORD,
  PASSWORD,
  refresh,
  registerUser,
  sameness,
  tryLogIn,
} from "../http/identity/support.ts";

const OTHER_SECRET = "Zk8w-another-test-key-Qe4Tn7Uy1Pd6Gh3Xr";

/** How a forged token differs from a good one; `undefined` leaves a claim or header out. */
interface Forgery {
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
  secret?: Uint8Array | CryptoKey;
}

/** A token that is good but for what `forgery` says, made without the code that is tested. */
async function forge(
  app: TestApp,
  userId: string,
  { header, claims, secret }: Forgery = {},
): Promise<string> {
  const [key] = app.deps.config.signingKeys;
  const now = Math.floor(app.deps.clock.now().getTime() / 1000);
  const protectedHeader = { alg: "HS256", typ: "at+jwt", kid: key!.kid, ...header };
  const payload = {
    sub: userId,
    role: "customer",
    iss: "waybill",
    aud: "waybill-api",
    iat: now,
    exp: now + 900,
    ...claims,
  };
  if (protectedHeader.alg === "none") return `${encode(protectedHeader)}.${encode(payload)}.`;
  return await new SignJWT(payload).setProtectedHeader(protectedHeader).sign(secret ?? key!.secret);
}

function encode(value: unknown): string {
  return base64url.encode(JSON.stringify(value));
}

/** Nobody is to learn from the answer what was wrong with a token. */
async function assertRefused(app: TestApp, token: string, what: string): Promise<void> {
  const { status, headers, body } = await app.request("GET", "/v1/me", { token });
  assertEquals([status, body.code], [401, "unauthenticated"], what);
  assertEquals(body.detail, "The access token is not valid or has expired.", what);
  assertEquals(headers.get("WWW-Authenticate")?.startsWith("Bearer"), true, what);
}

Deno.test("a token that is forged as the attacks on JWT do it is refused, and only then", async () => {
  await using app = await startTestApp();
  const { id } = await app.user();
  const good = await app.request("GET", "/v1/me", { token: await forge(app, id) });
  assertEquals([good.status, good.body.id], [200, id]);

  const text = new TextEncoder();
  const rsa = await generateKeyPair("RS256", { extractable: true });
  const jwk = await exportJWK(rsa.publicKey);
  const ownKey = rsa.privateKey as unknown as CryptoKey; // as Deno has it; the library has Node's type of it
  const now = Math.floor(Date.now() / 1000);
  const forgeries: Record<string, Forgery> = {
    "signed with another key": { secret: text.encode(OTHER_SECRET) },
    "signed with an empty-looking key": { secret: new Uint8Array(32) },
    "signed with the kid": { secret: text.encode(app.deps.config.signingKeys[0]!.kid.padEnd(32, "\0")) },
    "alg none": { header: { alg: "none" } },
    "alg none and no kid": { header: { alg: "none", kid: undefined } },
    "RS256 with a key of one's own": { header: { alg: "RS256" }, secret: ownKey },
    "RS256 with its public key embedded": { header: { alg: "RS256", jwk }, secret: ownKey },
    "RS256 with a URL for its keys": {
      header: { alg: "RS256", jku: "https://example.com/k" },
      secret: ownKey,
    },
    "HS512 with the right key": {
      header: { alg: "HS512" },
      secret: text.encode(TEST_SECRET.repeat(2)),
    },
    "HS384 with the right key": {
      header: { alg: "HS384" },
      secret: text.encode(TEST_SECRET.padEnd(48, "\0")),
    },
    "no kid": { header: { kid: undefined } },
    "an unknown kid": { header: { kid: "0123456789ab" } },
    "a kid that is a path": { header: { kid: "../../dev/null" }, secret: new Uint8Array(32) },
    "a kid that is SQL": { header: { kid: "' or '1'='1" } },
    "a kid of a prototype": { header: { kid: "__proto__" } },
    "no typ": { header: { typ: undefined } },
    "the typ of any JWT": { header: { typ: "JWT" } },
    "the typ of a refresh token": { header: { typ: "rt+jwt" } },
    "another issuer": { claims: { iss: "someone-else" } },
    "no issuer": { claims: { iss: undefined } },
    "another audience": { claims: { aud: "another-api" } },
    "no audience": { claims: { aud: undefined } },
    "no exp": { claims: { exp: undefined } },
    "an exp in the past": { claims: { iat: now - 2000, exp: now - 1 } },
    "an exp that is text": { claims: { exp: "9999999999" } },
    "not valid yet": { claims: { nbf: now + 3600 } },
    "no sub": { claims: { sub: undefined } },
    "a sub that is no id": { claims: { sub: "1 or 1=1" } },
    "no role": { claims: { role: undefined } },
    "a role that there is not": { claims: { role: "root" } },
  };
  for (const [what, forgery] of Object.entries(forgeries)) {
    await assertRefused(app, await forge(app, id, forgery), what);
  }
});

Deno.test("a good token that is cut, changed or combined is refused", async () => {
  await using app = await startTestApp();
  const { id } = await app.user();
  const [header, payload, signature] = (await forge(app, id)).split(".") as [string, string, string];
  const admin = encode({ ...JSON.parse(new TextDecoder().decode(base64url.decode(payload))), role: "admin" });
  const tampered: Record<string, string> = {
    "another payload under the signature": `${header}.${admin}.${signature}`,
    "no signature": `${header}.${payload}.`,
    "half a signature": `${header}.${payload}.${signature.slice(0, 20)}`,
    "no header": `.${payload}.${signature}`,
    "two parts": `${header}.${payload}`,
    "four parts": `${header}.${payload}.${signature}.${signature}`,
    "garbage": "AAAA.BBBB.CCCC",
  };
  for (const [what, token] of Object.entries(tampered)) await assertRefused(app, token, what);
  for (
    const authorization of [
      "",
      "Bearer",
      `Basic ${header}`,
      `Bearer ${header}.${payload}.${signature} x`,
      "Token x",
    ]
  ) {
    const { status } = await app.request("GET", "/v1/me", { headers: { Authorization: authorization } });
    assertEquals(status, 401, authorization);
  }
});

Deno.test("a token is a bearer's, in letters of any size, and nothing else by which one could show it", async () => {
  await using app = await startTestApp();
  const { token } = await app.user();
  const statusOf = async (Authorization: string) =>
    (await app.request("GET", "/v1/me", { headers: { Authorization } })).status;
  for (const scheme of ["Bearer", "bearer", "BEARER"]) {
    assertEquals(await statusOf(`${scheme} ${token}`), 200);
  }
  for (const other of [token, `Basic ${token}`, `Bearer, ${token}`, `Bearer ${token}, Bearer ${token}`]) {
    assertEquals(await statusOf(other), 401, other.replace(token, "…"));
  }
  assertEquals((await app.request("GET", `/v1/me?ticket=${token}&access_token=${token}`)).status, 401);
});

Deno.test("a refresh or password token is no access token, and an access token no refresh token", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const { id, email } = await registerUser(app);
  const { access_token, refresh_token } = await logIn(app, email);
  const reset = await app.request("POST", `/v1/users/${id}/password-token`, { token: staff.token });
  await assertRefused(app, refresh_token, "refresh token");
  await assertRefused(app, reset.body.token, "password token");
  for (const token of [access_token, reset.body.token]) assertEquals((await refresh(app, token)).status, 401);
  for (const token of [access_token, refresh_token]) {
    const { status } = await app.request("POST", "/v1/password", {
      body: { token, new_password: OTHER_PASSWORD },
    });
    assertEquals(status, 401);
  }
});

Deno.test("an access token expires after 15 minutes", async () => {
  const clock = new TestClock("2026-03-01T12:00:00Z");
  await using app = await startTestApp({}, { clock });
  const { token } = await app.user();
  clock.pass(899_000);
  assertEquals((await app.request("GET", "/v1/me", { token })).status, 200);
  clock.pass(1_000);
  await assertRefused(app, token, "expired");
});

Deno.test("a previous key still verifies, new tokens use the new one, and a retired key is out", async () => {
  await using before = await startTestApp();
  const { id } = await before.user();
  const old = await before.deps.accessTokens.sign({ userId: id, role: "customer" }, new Date());

  await using rotated = await startTestApp({ SECRET_KEY: OTHER_SECRET, SECRET_KEY_PREVIOUS: TEST_SECRET });
  await rotated.deps.sql`insert into users (id, email) values (${id}, 'anna@example.com')`;
  assertEquals((await rotated.request("GET", "/v1/me", { token: old })).status, 200);
  const fresh = await rotated.deps.accessTokens.sign({ userId: id, role: "customer" }, new Date());
  const kidOf = (token: string) =>
    JSON.parse(new TextDecoder().decode(base64url.decode(token.split(".")[0]!))).kid;
  assertEquals(kidOf(fresh), rotated.deps.config.signingKeys[0]!.kid);
  assertEquals(kidOf(old), rotated.deps.config.signingKeys[1]!.kid);

  await using retired = await startTestApp({ SECRET_KEY: OTHER_SECRET });
  await retired.deps.sql`insert into users (id, email) values (${id}, 'anna@example.com')`;
  assertEquals((await retired.request("GET", "/v1/me", { token: fresh })).status, 200);
  await assertRefused(retired, old, "signed with a retired key");
});

Deno.test("whoever is no longer staff or admin is refused at once, with the old token in hand", async () => {
  await using app = await startTestApp();
  const admin = await app.user("admin");
  const staff = await app.user("staff");
  const second = await app.user("admin");
  const change = (id: string, body: unknown) =>
    app.request("PATCH", `/v1/users/${id}`, { token: admin.token, body });
  const list = (token: string) => app.request("GET", "/v1/users", { token });

  assertEquals((await list(staff.token)).status, 200);
  await change(staff.id, { role: "customer" });
  assertEquals((await list(staff.token)).status, 403);
  await change(second.id, { role: "staff" });
  const promote = await app.request("PATCH", `/v1/users/${staff.id}`, {
    token: second.token,
    body: { role: "admin" },
  });
  assertEquals(promote.status, 403);
  await change(second.id, { disabled: true });
  await assertRefused(app, second.token, "disabled");
});

Deno.test("a customer's token that claims a role is believed no further than the database", async () => {
  await using app = await startTestApp();
  const { id } = await app.user();
  for (const role of ["staff", "admin"]) {
    const token = await forge(app, id, { claims: { role } });
    assertEquals((await app.request("GET", "/v1/users", { token })).status, 403);
  }
});

Deno.test("whoever cannot log in is told the same after the same work", async () => {
  await using app = await startTestApp();
  const known = await registerUser(app);
  const disabled = await registerUser(app);
  await app.deps.sql`update users set disabled_at = now() where id = ${disabled.id}`;
  const withoutPassword = await app.user();

  const attempts: [string, string][] = [
    ["nobody@example.com", PASSWORD],
    [known.email, "not-the-password-1"],
    [disabled.email, PASSWORD],
    [disabled.email, "not-the-password-1"],
    [withoutPassword.email, PASSWORD],
    ["not even an address", PASSWORD],
  ];
  const answers = [];
  for (const [username, password] of attempts) {
    const before = { ...passwordCounters };
    const answer = await tryLogIn(app, username, password);
    assertEquals(passwordCounters, { hashed: before.hashed, verified: before.verified + 1 }, username);
    answers.push(sameness(answer));
  }
  assertEquals([answers[0]!.status, answers[0]!.rest.code], [401, "invalid_credentials"]);
  for (const answer of answers) assertEquals(answer, answers[0]!);
});

Deno.test("of twenty uses of one refresh token at once one wins, and the session is dead", async () => {
  await using app = await startTestApp();
  const { email } = await registerUser(app);
  for (let round = 0; round < 5; round++) {
    const { refresh_token } = await logIn(app, email);
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(app, refresh_token)));
    const winners = answers.filter(({ status }) => status === 200);
    assertEquals(winners.length, 1);
    assertEquals(answers.filter(({ status }) => status === 401).length, 19);
    assertEquals((await refresh(app, winners[0]!.body.refresh_token)).status, 401);
  }
});

Deno.test("fields that are not the caller's to set are refused, and nothing is changed", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const customer = await app.user();
  const injections = {
    id: "0192f0c0-11aa-7e0f-8c55-4d1a9c3e7b20",
    version: 99,
    created_at: "2020-01-01T00:00:00Z",
    disabled_at: null,
    password_hash: "$argon2id$",
    user_id: staff.id,
    is_admin: true,
    constructor: {},
    ["__proto__"]: { role: "admin" },
  };
  const calls: [string, string, string | undefined, Record<string, unknown>, Record<string, unknown>][] = [
    ["POST", "/v1/register", undefined, { email: "x@example.com", password: PASSWORD }, {
      role: "admin",
      disabled: false,
    }],
    ["PATCH", "/v1/me", customer.token, { name: "X" }, {
      role: "admin",
      disabled: false,
      email: "x@example.com",
    }],
    ["POST", "/v1/me/password", customer.token, { current_password: "x", new_password: PASSWORD }, {
      role: "admin",
    }],
    ["POST", "/v1/users", staff.token, { email: "x@example.com" }, { disabled: false, password: PASSWORD }],
    ["PATCH", `/v1/users/${customer.id}`, staff.token, { name: "X" }, {
      email: "x@example.com",
      password: PASSWORD,
    }],
    ["POST", "/v1/password", undefined, { token: "x", new_password: PASSWORD }, { role: "admin" }],
  ];
  const before = await app.deps.sql`select * from users order by id`;
  for (const [method, path, token, body, more] of calls) {
    for (const [field, value] of Object.entries({ ...injections, ...more })) {
      const answer = await app.request(method, path, { token, body: { ...body, [field]: value } });
      const seen = [answer.status, answer.body.code, answer.body.errors?.[0]?.pointer];
      assertEquals(seen, [422, "invalid_request", `/${field}`], `${method} ${path}`);
    }
  }
  assertEquals(await app.deps.sql`select * from users order by id`, before);
});

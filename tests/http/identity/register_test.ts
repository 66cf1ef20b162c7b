import { assert, assertEquals, assertMatch } from "@std/assert";
import { passwordCounters } from "../../../src/identity/password.ts";
import { startTestApp } from "../../support/app.ts";
import { eventsOf } from "../../support/orders.ts";
import { logIn, PASSWORD, registerUser } from "./support.ts";

Deno.test("registering makes a customer, keeps an argon2id hash, and tells of it without secrets", async () => {
  await using app = await startTestApp();
  const { status, headers, body } = await app.request("POST", "/v1/register", {
    body: { email: "  Anna@Example.com ", password: PASSWORD, name: "Anna Smith" },
  });
  assertEquals(status, 201);
  assertEquals([body.email, body.name, body.role, body.disabled, body.version], [
    "Anna@Example.com",
    "Anna Smith",
    "customer",
    false,
    1,
  ]);
  assertEquals(headers.get("Location"), `/v1/users/${body.id}`);
  assertEquals(headers.get("ETag"), '"1"');

  const [row] = await app.deps.sql`select password_hash from users where id = ${body.id}`;
  assertMatch(row!.password_hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  const events = await eventsOf(app, "user", body.id);
  assertEquals(events.map((e) => [e.type, e.sequence, e.user_id]), [["user.registered", 1, body.id]]);
  assertEquals(events[0]!.data, body);
});

Deno.test("an e-mail address is taken whatever its case", async () => {
  await using app = await startTestApp();
  const { email } = await registerUser(app);
  const { status, body } = await app.request("POST", "/v1/register", {
    body: { email: email.toUpperCase(), password: PASSWORD },
  });
  assertEquals([status, body.code, body.errors[0].pointer], [409, "email_taken", "/email"]);
});

Deno.test("of twenty registrations of one address at once, one succeeds", async () => {
  await using app = await startTestApp();
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) =>
    app.request("POST", "/v1/register", {
      body: { email: i % 2 ? "anna@example.com" : "ANNA@example.com", password: PASSWORD },
    })));
  assertEquals(answers.filter(({ status }) => status === 201).length, 1);
  assertEquals(answers.filter(({ status }) => status === 409).length, 19);
  const [count] = await app.deps
    .sql`select count(*)::int as events from events where type = 'user.registered'`;
  assertEquals(count!.events, 1);
});

Deno.test("an address that is taken costs as much work as a free one", async () => {
  await using app = await startTestApp();
  const { email } = await registerUser(app);
  for (const address of [email, "free@example.com"]) {
    const before = passwordCounters.hashed;
    await app.request("POST", "/v1/register", { body: { email: address, password: PASSWORD } });
    assertEquals(passwordCounters.hashed - before, 1, address);
  }
});

Deno.test("a weak password is refused, with the reason", async () => {
  await using app = await startTestApp();
  for (
    const [password, code] of [
      ["aB3$xK9!", "too_short"],
      ["Password123!", "easy_to_guess"],
      ["aaaaaaaaaaaaaaaa", "easy_to_guess"],
      ["qwertyuiop12", "easy_to_guess"],
      ["bartholomew.quixley", "easy_to_guess"],
      ["Theodora Winterbourne", "easy_to_guess"],
    ]
  ) {
    const { status, body } = await app.request("POST", "/v1/register", {
      body: { email: "bartholomew.quixley@example.com", name: "Theodora Winterbourne", password },
    });
    assertEquals([status, body.code], [422, "weak_password"], password);
    assertEquals([body.errors[0].pointer, body.errors[0].code], ["/password", code], password);
    assert(body.errors[0].message.length > 10);
  }
  assertEquals((await app.deps.sql`select from users`).length, 0);
});

Deno.test("a password of more than 128 characters is refused before any work", async () => {
  await using app = await startTestApp();
  const before = { ...passwordCounters };
  const password = `${PASSWORD}${"x".repeat(128)}`;
  const { status, body } = await app.request("POST", "/v1/register", {
    body: { email: "a@example.com", password },
  });
  assertEquals([status, body.code, body.errors[0].pointer], [422, "invalid_request", "/password"]);
  assertEquals(passwordCounters, before);
});

Deno.test("a password is taken as typed, and however the keyboard composes it", async () => {
  await using app = await startTestApp();
  const typed = " café violet harbour ";
  await app.request("POST", "/v1/register", {
    body: { email: "anna@example.com", password: typed.normalize("NFC") },
  });
  await logIn(app, "anna@example.com", typed.normalize("NFD"));
  const trimmed = await app.request("POST", "/v1/token", {
    form: { grant_type: "password", username: "anna@example.com", password: typed.trim() },
  });
  assertEquals(trimmed.status, 401);
});

Deno.test("garbage is refused field by field, and stores nothing", async () => {
  await using app = await startTestApp();
  const bodies = [
    {},
    { email: "no-at.example.com", password: PASSWORD },
    { email: `${"a".repeat(250)}@example.com`, password: PASSWORD },
    { email: "a\0b@example.com", password: PASSWORD },
    { email: "a@example.com", password: PASSWORD, name: "" },
    { email: "a@example.com", password: PASSWORD, name: "x".repeat(201) },
    { email: "a@example.com", password: PASSWORD, name: "nul\0" },
    { email: "a@example.com", password: 1234567890123 },
    { email: "a@example.com", password: "violet-harbour-42-\ud800" },
    { email: ["a@example.com"], password: PASSWORD },
    [],
    null,
  ];
  for (const body of bodies) {
    const answer = await app.request("POST", "/v1/register", { body });
    assertEquals([answer.status, answer.body.code], [422, "invalid_request"], JSON.stringify(body));
  }
  assertEquals((await app.deps.sql`select from users`).length, 0);
});

Deno.test("an account and its event are stored together or not at all", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const assertNothingStored = async () => {
    const { status } = await app.request("POST", "/v1/register", {
      body: { email: "anna@example.com", password: PASSWORD },
    });
    assertEquals(status, 500);
    assertEquals((await sql`select from users`).length, 0);
    assertEquals((await sql`select from events`).length, 0);
  };
  await sql`alter table events add constraint refuse_all check (type = 'none')`;
  await assertNothingStored();
  await sql`alter table events drop constraint refuse_all`;
  await sql`
    create function refuse_commit() returns trigger language plpgsql as
    $$ begin raise exception 'the commit fails'; end $$`;
  await sql`
    create constraint trigger refuse_commit after insert on users deferrable initially deferred
    for each row execute function refuse_commit()`;
  await assertNothingStored();
});

Deno.test("registering meets the limit of logins", async () => {
  await using app = await startTestApp({ RATE_LIMIT_LOGIN_TIMES: "2" });
  const statuses = [];
  for (let i = 0; i < 3; i++) {
    const { status } = await app.request("POST", "/v1/register", {
      body: { email: `anna-${i}@example.com`, password: "short" },
    });
    statuses.push(status);
  }
  assertEquals(statuses, [422, 422, 429]);
});

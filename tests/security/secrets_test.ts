import { assert, assertEquals } from "@std/assert";
import { withConnection } from "../../tools/database_admin.ts";
import { hasRedis, testDatabase, testRedis } from "../support/database.ts";
import { startProcess } from "../support/process.ts";
import { isGated, operations } from "./operations.ts";

const tag = crypto.randomUUID().slice(0, 8);
/** Words that nobody may find again in what the process wrote. */
const CANARY = {
  password: `violet-Canary-${tag}-password`,
  other: `meadow-Canary-${tag}-password`,
  email: `canary-${tag}@example.com`,
  name: `Canary ${tag} Name`,
  street: `Canary ${tag} Street`,
  note: `Canary ${tag} note`,
  key: `Canary-${tag}-key`,
  token: `Canary${tag}.Canary${tag}.Canary${tag}`,
  query: `Canary${tag}query`,
};
const SECRET_KEY = `q7Wm-Canary-${tag}-signing-xZ4p`;

Deno.test("no secret and nothing personal is in the log at its most talkative, whatever went well or wrong", async () => {
  await using database = await testDatabase();
  await using redis = hasRedis ? await testRedis() : undefined;
  const process = await startProcess("src/main.ts", {
    APP_ENV: "production",
    HOST: "127.0.0.1",
    PORT: "0",
    LOG_LEVEL: "debug",
    SECRET_KEY,
    DATABASE_URL: database.url,
    ADMIN_EMAIL: `admin-${CANARY.email}`,
    ADMIN_PASSWORD: CANARY.password,
    RATE_LIMIT_TIMES: "10000",
    RATE_LIMIT_STAFF_TIMES: "10000",
    RATE_LIMIT_LOGIN_TIMES: "40",
    ...redis && { REDIS_URL: redis.url },
  });
  const secrets = new Set<string>([tag, SECRET_KEY, new URL(database.url).password].filter(Boolean));
  const statuses: number[] = [];
  const send = async (
    method: string,
    path: string,
    token?: string,
    body?: unknown,
    type = "application/json",
  ) => {
    const headers = new Headers({
      "Idempotency-Key": `${CANARY.key}-${crypto.randomUUID()}`,
      "If-None-Match": `"${tag}"`,
    });
    if (token) headers.set("Authorization", `Bearer ${token}`);
    if (body !== undefined) headers.set("Content-Type", type);
    const text = body instanceof URLSearchParams || typeof body === "string"
      ? String(body)
      : JSON.stringify(body);
    const response = await fetch(process.url + path, {
      method,
      headers,
      body: body === undefined ? undefined : text,
    });
    const answer = await response.text();
    statuses.push(response.status);
    return answer.startsWith("{") ? JSON.parse(answer) : {};
  };
  const form = "application/x-www-form-urlencoded";
  const logIn = async (username: string, password = CANARY.password) => {
    const grant = new URLSearchParams({ grant_type: "password", username, password });
    const tokens = await send("POST", "/token", undefined, grant, form);
    for (const secret of [tokens.access_token, tokens.refresh_token]) if (secret) secrets.add(secret);
    return tokens;
  };
  const shipTo = { name: CANARY.name, lines: [CANARY.street], city: "Berlin", country: "DE" };
  const order = {
    items: [{ sku: "MUG", quantity: 1 }],
    currency: "EUR",
    ship_to: shipTo,
    note: CANARY.note,
    metadata: { secret: CANARY.note },
  };

  const { access_token: admin } = await logIn(`admin-${CANARY.email}`);
  const registration = { email: CANARY.email, password: CANARY.password, name: CANARY.name };
  const user = await send("POST", "/register", undefined, registration);
  await send("POST", "/register", undefined, registration);
  await send("POST", "/register", undefined, {
    ...registration,
    email: `not ${CANARY.email}`,
    x: CANARY.note,
  });
  await send("POST", "/register", undefined, `{"password": "${CANARY.password}`);
  await logIn(CANARY.email, CANARY.other);
  let tokens = await logIn(CANARY.email);
  const refresh = new URLSearchParams({ grant_type: "refresh_token", refresh_token: tokens.refresh_token });
  await send("POST", "/token", undefined, refresh, form);
  await send("POST", "/token", undefined, refresh, form);
  tokens = await logIn(CANARY.email);
  const customer = tokens.access_token;
  await send("PATCH", "/me", customer, { name: `${CANARY.name} 2` });
  await send("POST", "/me/password", customer, {
    current_password: CANARY.other,
    new_password: CANARY.other,
  });
  const made = await send("POST", "/users", admin, { email: `made-${CANARY.email}`, name: CANARY.name });
  const invitation = await send("POST", `/users/${made.id}/password-token`, admin);
  assert(invitation.token);
  secrets.add(invitation.token);
  await send("POST", "/password", undefined, { token: invitation.token, new_password: CANARY.other });
  await send("POST", "/password", undefined, { token: invitation.token, new_password: CANARY.other });
  const { key } = await send("POST", "/api-keys", admin, { name: CANARY.name });
  const guest = await send("POST", "/guests", undefined, {
    email: `guest-${CANARY.email}`,
    name: CANARY.name,
  });
  for (const secret of [key, guest.access_token, guest.refresh_token]) {
    assert(secret);
    secrets.add(secret);
  }
  assert((await send("GET", "/me", key)).id);
  await send("POST", "/me/registration", guest.access_token, { password: CANARY.email });
  await send("POST", "/me/registration", guest.access_token, { password: CANARY.other });
  await send("POST", "/products", admin, {
    sku: "MUG",
    name: CANARY.name,
    prices: [{ currency: "EUR", amount: 1 }],
  });
  await send("POST", "/inventory/MUG/adjustments", admin, {
    delta: 10,
    reason: CANARY.note,
    reference: CANARY.note,
  });
  await send(
    "POST",
    "/products/import",
    admin,
    `sku,name\n${CANARY.query},${CANARY.name}\n"${CANARY.note}`,
    "text/csv",
  );
  const placed = await send("POST", "/orders", customer, order);
  assert(placed.id, JSON.stringify(placed));
  await send("PATCH", `/orders/${placed.id}`, customer, { note: CANARY.note, ship_to: shipTo });
  await send("POST", `/orders/${placed.id}/cancellation`, customer, { reason: CANARY.note });
  await send("GET", "/me", CANARY.token);
  await send("GET", `/orders/${CANARY.query}?token=${CANARY.query}`, customer);
  await send("GET", `/${CANARY.query}/${CANARY.query}`);
  await send("DELETE", `/orders/${placed.id}?${CANARY.query}`, customer);
  await send(
    "POST",
    "/token/revocation",
    undefined,
    new URLSearchParams({ token: tokens.refresh_token }),
    form,
  );

  // PostgreSQL quotes the whole row, the value or the statement in each of these errors.
  await withConnection(database.url, async (sql) => {
    await sql`alter table users add constraint broken check (email is null) not valid`;
    await sql`alter table orders add constraint broken check (note is null) not valid`;
    await sql`alter table products add constraint broken check (name is null) not valid`;
  });
  await send("POST", "/register", undefined, { ...registration, email: `late-${CANARY.email}` });
  await send("PATCH", "/me", customer, { name: `${CANARY.name} 3` });
  await send("POST", "/orders", customer, order);
  await send("POST", "/products", admin, { sku: CANARY.query, name: CANARY.name });
  await withConnection(database.url, (sql) => sql`drop schema public cascade`);
  const unlogged = operations.filter((operation) => !isGated(operation)).length;
  for (const { method, template } of operations) {
    const path = template.replace(/\{(id|user_id)\}/, user.id).replace(/\{[^}]+\}/, CANARY.query);
    await send(method, path, admin, method === "GET" ? undefined : order);
  }
  await logIn(CANARY.email);
  await send("GET", "/me", key);
  await send("POST", "/orders", customer, order);
  await database.drop();
  await send("POST", "/orders", customer, order);
  await send("GET", "/health/ready");

  const { written } = await process.stop();
  for (const status of [200, 201, 400, 401, 404, 405, 409, 422, 500, 503]) {
    assert(statuses.includes(status), `no request was answered with ${status}: ${statuses}`);
  }
  const lines = written.trim().split("\n").map((line) => JSON.parse(line));
  assert(
    lines.filter(({ msg }) => msg === "request").length >= statuses.length - unlogged,
    "every request is in the log",
  );
  assert(
    lines.some(({ level, error_code }) => level === 50 && error_code === "23514"),
    "the errors are in the log",
  );
  const leaks = lines.filter((line) => [...secrets].some((secret) => JSON.stringify(line).includes(secret)));
  assertEquals(leaks, []);
});

Deno.test("no credential has a place in an address, where proxies and traces would keep it", () => {
  for (const { name, parameters } of operations) {
    const places = parameters.filter((parameter) => parameter.in !== "header").map((parameter) =>
      parameter.name
    );
    assertEquals(places.filter((place) => /token|secret|password|key|auth/i.test(place)), [], name);
  }
});

import { assert, assertEquals } from "@std/assert";
import { createApp } from "../../src/app.ts";
import { withConnection } from "../../tools/database_admin.ts";
import { type Answer, startTestApp, type TestApp } from "../support/app.ts";
import { untilWaiting } from "../support/lock_waits.ts";
import {
  assertProblem,
  bodyOptions,
  inWorld,
  isGated,
  leastToken,
  type Operation,
  operations,
  pathOf,
  resolve,
  type World,
} from "./operations.ts";

const LIMIT = 5;
/** A window so long that a slow machine earns next to nothing back while a test runs. */
const NARROW = {
  RATE_LIMIT_TIMES: String(LIMIT),
  RATE_LIMIT_SECONDS: "3600",
  RATE_LIMIT_LOGIN_TIMES: String(LIMIT),
};
const LOGIN = { grant_type: "password", username: "nobody@example.com", password: "wrong-password" };

const byte = () => Math.floor(Math.random() * 256);
const randomAddress = () =>
  Math.random() < 0.5 ? [byte(), byte(), byte(), byte()].join(".") : crypto.randomUUID();

/** Every header by which a proxy somewhere tells the client's address. */
function forged(): Record<string, string> {
  const address = randomAddress();
  return {
    "X-Forwarded-For": Math.random() < 0.5 ? address : `${address}, ${randomAddress()}`,
    "X-Real-IP": address,
    "Forwarded": `for=${address}`,
    "CF-Connecting-IP": address,
    "True-Client-IP": address,
  };
}

/** How many of `count` requests, each with forged addresses, were let through. */
async function admitted(
  app: TestApp,
  count: number,
  send: (headers: Record<string, string>) => [string, string, object],
) {
  let passed = 0;
  for (let sent = 0; sent < count; sent++) {
    const headers = forged();
    const [method, path, options] = send(headers);
    const answer = await app.request(method, path, { headers, ...options });
    if (answer.status !== 429) passed++;
    else assert(Number(answer.headers.get("Retry-After")) >= 1);
  }
  return passed;
}

/** Logins drain one a minute / LIMIT: what may pass beside the limit in the time that the test took. */
function assertLimited(passed: number, started: number): void {
  const earned = Math.ceil((performance.now() - started) / (60_000 / LIMIT));
  assert(passed >= LIMIT && passed <= LIMIT + earned, `${passed} passed`);
}

for (
  const [redis, env, failures] of [
    ["with the cache that the tests have", {}, 0],
    ["with Redis gone", { REDIS_URL: "redis://127.0.0.1:1" }, 1000],
  ] as const
) {
  Deno.test(`1,000 made-up client addresses still meet 429 on logins and registrations, ${redis}`, async () => {
    await using app = await startTestApp({ ...NARROW, ...env });
    const started = performance.now();
    const passed = await admitted(
      app,
      1000,
      (headers) =>
        headers["X-Real-IP"]!.includes(".")
          ? ["POST", "/v1/token", { form: LOGIN }]
          : ["POST", "/v1/register", { body: { email: "x", password: "y" } }],
    );
    assertLimited(passed, started);
    assertEquals(app.deps.cache.counters.failures, failures, "requests that Redis did not count");
  });
}

Deno.test("logins, registrations, guests and new passwords count on one limit, by address, whoever sends them", async () => {
  await using app = await startTestApp(NARROW);
  const [customer, staff] = [await app.user(), await app.user("staff")];
  const made = await app.request("POST", "/v1/api-keys", { token: staff.token, body: { name: "A" } });
  const paths = ["/token", "/register", "/guests", "/password", "/me/registration", "/me/password"];
  const calls = [undefined, customer.token, staff.token, made.body.key].flatMap((token) =>
    paths.map((path): [string, string, object] =>
      path === "/token"
        ? ["POST", "/v1/token", { token, form: LOGIN }]
        : ["POST", `/v1${path}`, { token, body: { email: "x", password: "y" } }]
    )
  );
  const started = performance.now();
  let sent = 0;
  assertLimited(await admitted(app, 10 * calls.length, () => calls[sent++ % calls.length]!), started);
});

Deno.test("API keys count by the address that sends them, on the limit of staff, good ones with those made up", async () => {
  await using app = await startTestApp({ ...NARROW, RATE_LIMIT_STAFF_TIMES: "7" });
  const [one, other] = [await app.user("staff"), await app.user("admin")];
  const keys: string[] = [`wb_${"A".repeat(43)}`];
  for (const { token } of [one, other]) {
    keys.push((await app.request("POST", "/v1/api-keys", { token, body: { name: "A" } })).body.key);
  }
  let sent = 0;
  const byKey = () => ["GET", "/v1/products", { token: keys[sent++ % 3] }] as [string, string, object];
  assertEquals(await admitted(app, 30, byKey), 7);
  assertEquals(await admitted(app, 30, () => ["GET", "/v1/products", {}]), LIMIT, "nobody else's limit");
  assertEquals((await app.request("GET", "/v1/products", { token: one.token })).status, 200);
});

Deno.test("1,000 made-up client addresses still meet 429 on an open route, and garbage tokens don't help", async () => {
  await using app = await startTestApp(NARROW);
  assertEquals(await admitted(app, 1000, () => ["GET", "/v1/products", {}]), LIMIT);
  const tokens = await admitted(app, 50, () => ["GET", "/v1/me", { token: `a.b.${crypto.randomUUID()}` }]);
  assertEquals(tokens, 0);
});

Deno.test("users are counted each by themselves, also behind one address, and staff have a limit of their own", async () => {
  const limits = { RATE_LIMIT_TIMES: "2", RATE_LIMIT_STAFF_TIMES: "4" };
  await using app = await startTestApp({ ...NARROW, ...limits });
  const users = [await app.user(), await app.user(), await app.user("staff"), await app.user("admin")];
  const passed: number[] = [];
  for (const token of [undefined, ...users.map(({ token }) => token)]) {
    passed.push(await admitted(app, 6, () => ["GET", "/v1/products", { token }]));
  }
  assertEquals(passed, [2, 2, 2, 4, 4]);
});

Deno.test("Calls of what there is not are counted too, and say how many are left", async () => {
  await using app = await startTestApp(NARROW);
  for (let left = LIMIT - 1; left >= 0; left--) {
    const { status, headers } = left % 2
      ? await app.request("GET", "/v1/no-such-address")
      : await app.request("DELETE", "/v1/products");
    assertEquals([status, headers.get("RateLimit")?.split(";")[1]], [left % 2 ? 404 : 405, `r=${left}`]);
    assertEquals(headers.get("RateLimit-Policy"), `"default";q=${LIMIT};w=3600`);
  }
  const { status, body, headers } = await app.request("GET", "/v1/no-such-address");
  assertEquals([status, body.code, headers.has("Retry-After")], [429, "rate_limited", true]);
  assertEquals((await app.request("GET", "/health")).status, 200);
});

Deno.test("the large documents and the pages count with all else, and probes of health do not", async () => {
  const paths = ["/openapi.json", "/asyncapi.json", "/docs", "/docs/start.js", "/docs/none", "/admin"];
  for (const first of paths) {
    await using app = await startTestApp(NARROW);
    const { status, headers } = await app.request("GET", first);
    assertEquals([status, headers.get("RateLimit")?.startsWith(`"default";r=${LIMIT - 1};`)], [
      first === "/docs/none" ? 404 : 200,
      true,
    ], first);
    const sent = [...paths];
    assertEquals(await admitted(app, sent.length, () => ["GET", sent.pop()!, {}]), LIMIT - 1, first);
    assertEquals((await app.request("GET", "/health")).status, 200);
  }
});

Deno.test("an address that used up its calls may still log in", async () => {
  await using app = await startTestApp(NARROW);
  assertEquals(await admitted(app, LIMIT + 1, () => ["GET", "/v1/products", {}]), LIMIT);
  const started = performance.now();
  assertLimited(await admitted(app, LIMIT + 1, () => ["POST", "/v1/token", { form: LOGIN }]), started);
});

Deno.test("the headers say in seconds when every call is possible again, and to whom is refused when the next one is", async () => {
  await using app = await startTestApp({ ...NARROW, RATE_LIMIT_TIMES: "2" });
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await app.request("GET", "/v1/products"));
  assertEquals(answers.map(({ status }) => status), [200, 200, 429]);
  const said = answers.map(({ headers }) => /^"default";r=(\d);t=(\d+)$/.exec(headers.get("RateLimit")!)!);
  assertEquals(said.map(([_, left]) => left), ["1", "0", "0"]);
  const within = (seconds: string | null | undefined, most: number) =>
    assert(Number(seconds) > most - 600 && Number(seconds) <= most, `${seconds} of ${most}`);
  [1800, 3600, 3600].forEach((most, i) => within(said[i]![2], most));
  assertEquals(answers.map(({ headers }) => headers.has("Retry-After")), [false, false, true]);
  within(answers[2]!.headers.get("Retry-After"), 1800);
});

/** Who is counted, with requests that come from `peer` over the wire and say `forwardedFor`. */
function statusFrom(app: TestApp) {
  const { fetch } = createApp(app.deps);
  return async (peer: string, forwardedFor: string) => {
    const remoteAddr = { transport: "tcp" as const, hostname: peer, port: 1 };
    const request = new Request("http://waybill.test/v1/products", {
      headers: { "X-Forwarded-For": forwardedFor },
    });
    const response = await fetch(request, { remoteAddr });
    await response.body?.cancel();
    return response.status;
  };
}

Deno.test("X-Forwarded-For counts only as far as configured proxies wrote it", async () => {
  await using app = await startTestApp({ ...NARROW, RATE_LIMIT_TIMES: "1", TRUSTED_PROXIES: "10.0.0.0/8" });
  const status = statusFrom(app);
  const outcomes: [peer: string, forwardedFor: string, status: number, why: string][] = [
    ["10.0.0.1", "198.51.100.1", 200, "a client behind our proxy"],
    ["10.0.0.2", "198.51.100.1", 429, "the same behind another of our proxies"],
    ["10.0.0.1", "198.51.100.2", 200, "another client"],
    ["10.0.0.1", "203.0.113.77, 198.51.100.2", 429, "the same, who wrote an address in front"],
    ["10.0.0.1", "198.51.100.2, 10.9.9.9", 429, "the same through two of our proxies"],
    ["::ffff:10.0.0.1", "198.51.100.2", 429, "the same over IPv6 sockets"],
    ["192.0.2.9", "198.51.100.3", 200, "somebody who is no proxy of ours"],
    ["192.0.2.9", "198.51.100.4", 429, "the same with another story"],
    ["192.0.2.9", "10.0.0.1", 429, "the same who names our proxy"],
    ["10.0.0.1", "198.51.100.4", 200, "who was named there was not counted"],
  ];
  for (const [peer, forwardedFor, expected, why] of outcomes) {
    assertEquals(await status(peer, forwardedFor), expected, why);
  }
});

Deno.test("no proxy configured: only the connection's own address counts", async () => {
  await using app = await startTestApp({ ...NARROW, RATE_LIMIT_TIMES: "1" });
  const status = statusFrom(app);
  assertEquals(await status("192.0.2.1", "198.51.100.1"), 200);
  assertEquals(await status("192.0.2.1", "198.51.100.2"), 429);
  assertEquals(await status("192.0.2.2", "198.51.100.2"), 200);
  assertEquals(await status("127.0.0.1", "192.0.2.3"), 200);
  assertEquals(await status("127.0.0.1", "192.0.2.4"), 429);
});

/** The API behind a real socket. */
async function serving(app: TestApp, work: (url: string) => Promise<void>): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, createApp(app.deps).fetch);
  try {
    await work(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

const bounded = operations.filter(({ contentTypes }) =>
  contentTypes.length > 0 && !contentTypes.includes("application/x-ndjson")
);
const MIB = 1024 * 1024;
/** What a body may have at most: files of rates and laws more than others. */
const MOST_MIB: Record<string, number> = { importExchangeRates: 4, importTradeSchedule: 16 };

/** Megabytes that arrive bit by bit, so nobody knows how much is to come; counts what was taken. */
function chunked(megabytes = 10): { body: ReadableStream<Uint8Array>; taken: () => number } {
  const chunk = new Uint8Array(64 * 1024).fill(0x20);
  let taken = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (taken >= megabytes * MIB) return controller.close();
      taken += chunk.length;
      controller.enqueue(chunk);
    },
  });
  return { body, taken: () => taken };
}

Deno.test("10 MB are refused on every route, announced or in chunks, and no more of them is read than is allowed", async () => {
  await inWorld(async (world) => {
    for (const operation of bounded) {
      const most = MOST_MIB[operation.id] ?? 1;
      const size = Math.max(10, 2 * most);
      const token = leastToken(world, operation);
      const path = pathOf(world, operation);
      const announced = await world.app.request(operation.method, path, {
        token,
        body: " ".repeat(size * MIB),
        headers: { "Content-Type": operation.contentTypes[0]!, "Content-Length": String(size * MIB) },
      });
      assertEquals(announced.status, 413, operation.name);
      assertProblem(announced, operation.name);
      assert(announced.headers.has("RateLimit"), `${operation.name} refused it before it counted it`);

      const { body, taken } = chunked(size);
      const response = await send(world, operation, token, body);
      assertEquals(
        [response.status, (await response.json()).code],
        [413, "payload_too_large"],
        operation.name,
      );
      assert(taken() < (most + 1) * MIB, `${operation.name} read ${taken()} bytes`);
    }
  });
});

Deno.test("a body of exactly a megabyte is taken, and not one byte more", async () => {
  await using app = await startTestApp();
  const statusOf = async (bytes: number) =>
    (await app.request("POST", "/v1/carts", { body: '{"currency":"EUR"}'.padEnd(bytes) })).status;
  assertEquals([await statusOf(MIB), await statusOf(MIB + 1)], [201, 413]);
});

function send({ app, ...world }: World, operation: Operation, token: string | undefined, body: BodyInit) {
  const headers = new Headers({ "Content-Type": operation.contentTypes[0]! });
  if (token) headers.set("Authorization", `Bearer ${token}`);
  const url = `http://waybill.test${pathOf({ app, ...world }, operation)}`;
  return app.fetch(new Request(url, { method: operation.method, headers, body }));
}

Deno.test("nobody's body is read before it is known who sends it and that they may", async () => {
  await inWorld(async (world) => {
    for (const operation of bounded.filter(({ policy }) => policy !== "public")) {
      const { body, taken } = chunked();
      const response = await send(world, operation, undefined, body);
      assertEquals([response.status, (await response.json()).code], [401, "unauthenticated"], operation.name);
      assert(taken() <= 2 * 64 * 1024, `${operation.name} read ${taken()} bytes`);
    }
  });
});

Deno.test("bodies made to exhaust are refused on every route, with an answer of modest size", async () => {
  await inWorld(async (world) => {
    const deep = (open: string, close: string) => open.repeat(100_000) + close.repeat(100_000);
    for (const operation of bounded.filter(({ contentTypes }) => contentTypes.includes("application/json"))) {
      const fields = new Set(Object.keys(operation.example ?? {}));
      const [field] = fields;
      const arrays = Object.entries(resolve(operation.schema)?.properties ?? {})
        .flatMap(([name, schema]) =>
          resolve(schema)?.type === "array" || resolve(schema)?.items ? [name] : []
        );
      const many = "0,".repeat(100_000) + "0";
      const bombs: Record<string, string> = {
        "an array of 100,000": `[${many}]`,
        "arrays 100,000 deep": deep("[", "]"),
        "objects 100,000 deep": `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`,
        "a field 100,000 deep": `{"${field}":${deep("[", "]")}}`,
        "a map 100,000 deep": `{"metadata":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`,
        "one unknown field of 900,000 characters": JSON.stringify({ ["a~/".repeat(300_000)]: 1 }),
        "60,000 unknown fields": `{${Array.from({ length: 60_000 }, (_, i) => `"f${i}":0`).join()}}`,
        "text of a million characters": JSON.stringify({ [field ?? "a"]: "a".repeat(1_000_000) }),
        ...Object.fromEntries(arrays.map((name) => [`${name} of 100,000`, `{"${name}":[${many}]}`])),
      };
      for (const [what, body] of Object.entries(bombs)) {
        const token = leastToken(world, operation) && world.admin.token;
        const answer = await world.app.request(operation.method, pathOf(world, operation), { token, body });
        const size = JSON.stringify(answer.body).length;
        assert(answer.status >= 400 && answer.status < 500, `${operation.name} ${what}: ${answer.status}`);
        assert(size < 100_000, `${operation.name} answered ${what} with ${size} characters`);
      }
    }
  });
});

/** How many values JSON of a schema has at the most; what the schema does not bound, such as notes of the caller's own, 50. */
// deno-lint-ignore no-explicit-any
function mostValues(schema: any): number {
  const { anyOf, oneOf, items, maxItems = 50, properties = {}, additionalProperties } = resolve(schema) ?? {};
  const branches = anyOf ?? oneOf;
  if (branches) return Math.max(...branches.map(mostValues));
  if (items) return 1 + maxItems * mostValues(items);
  return [...Object.values(properties), ...additionalProperties ? Array(50).fill({}) : []]
    .reduce((sum: number, each) => sum + mostValues(each), 1);
}

Deno.test("a body may have as many values as its call knows what to do with, and not a hundred thousand of nothing", async () => {
  await inWorld(async (world) => {
    const valuesOf: Record<string, number> = {};
    for (
      const operation of bounded.filter(({ id, contentTypes }) =>
        contentTypes.includes("application/json") && id !== "receivePaymentWebhook" // its bytes are signed
      )
    ) {
      const token = leastToken(world, operation) && world.admin.token;
      const send = async (values: number) => {
        const body = `{"a":[${Array(values - 2).fill(0).join()}]}`;
        const { status, body: { code } } = await world.app.request(
          operation.method,
          pathOf(world, operation),
          { token, body },
        );
        return [status, code];
      };
      valuesOf[operation.id] = mostValues(operation.schema);
      const [status] = await send(Math.max(10_000, valuesOf[operation.id]!));
      assert(status !== 413, `${operation.name} refuses ${valuesOf[operation.id]} values`);
      assertEquals(
        await send(operation.id === "importTradeSchedule" ? 400_001 : 10_001),
        [413, "payload_too_large"],
        operation.name,
      );
    }
    assert(valuesOf.placeOrder! > 4000 && valuesOf.importTradeSchedule! > 350_000, JSON.stringify(valuesOf));
  });
});

Deno.test("a form of a hundred thousand fields is refused before it is read", async () => {
  await inWorld(async ({ app }) => {
    for (const path of ["/v1/token", "/v1/token/revocation"]) {
      const answer = await app.request("POST", path, {
        body: "a&".repeat(100_000),
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
      });
      assertEquals([answer.status, answer.body.code], [413, "payload_too_large"], path);
    }
  });
});

Deno.test("page sizes, keys, SKUs, headers and addresses made to exhaust are refused", async () => {
  await inWorld(async (world) => {
    const { app, admin, product } = world;
    const long = "a".repeat(100_000);
    const bomb = `${"a".repeat(50_000)}!`;
    const expect = async (status: number[], method: string, path: string, options: object = {}) => {
      const answer = await app.request(method, path, { token: admin.token, ...options });
      assert(status.includes(answer.status), `${answer.status}: ${method} ${path.slice(0, 80)}`);
      assertProblem(answer, path.slice(0, 80));
      assert(JSON.stringify(answer.body).length < 250_000, path.slice(0, 80));
    };
    for (const operation of operations.filter(isGated)) {
      const path = pathOf(world, operation);
      if (operation.parameters.some(({ name }) => name === "limit")) {
        for (
          const limit of [
            "1e9",
            "1000000000",
            "-1",
            "0",
            "101",
            "Infinity",
            "NaN",
            "0x10000",
            "1".repeat(5000),
          ]
        ) {
          await expect([422], "GET", `${path}?limit=${limit}`);
        }
        await expect([422], "GET", `${path}?cursor=${long}`);
        await expect(
          [422],
          "GET",
          `${path}?${Array.from({ length: 10_000 }, (_, i) => `p${i}=1`).join("&")}`,
        );
      }
      for (const { name } of operation.parameters.filter((parameter) => parameter.in === "query")) {
        await expect([422], "GET", `${path}?${name}=${encodeURIComponent(bomb)}`);
      }
      if (operation.template.includes("{")) {
        await expect([404, 405, 422], operation.method, operation.template.replace(/\{[^}]+\}/, long), {
          ...bodyOptions(operation, operation.example),
        });
        await expect(
          [404, 422],
          operation.method,
          operation.template.replace(/\{[^}]+\}/, encodeURIComponent(bomb)),
          {
            ...bodyOptions(operation, operation.example),
          },
        );
      }
      if (operation.parameters.some(({ name }) => name === "Idempotency-Key")) {
        await expect([422], "POST", path, {
          body: operation.example,
          headers: { "Idempotency-Key": long },
        });
      }
      if (operation.parameters.some(({ name }) => name === "If-Match")) {
        const sent = bodyOptions(operation, operation.example);
        await expect([422], operation.method, path, {
          ...sent,
          headers: { "If-Match": `"${long}"`, ...sent.headers },
        });
      }
    }
    await expect([401], "GET", "/v1/me", { token: `${long}.${long}.${long}` });
    await expect([404], "GET", `/${"a/".repeat(20_000)}`);
    const sku = { items: [{ sku: `${"A-".repeat(20_000)}!`, quantity: 1 }], currency: "EUR" };
    await expect([422], "POST", "/v1/orders", { body: sku });
    await expect([422], "POST", "/v1/register", {
      body: { email: `${"a.".repeat(50_000)}@`, password: "x" },
    });
    await expect([422], "POST", "/v1/register", {
      body: { email: "a@example.com", password: "x".repeat(900_000) },
    });
    const known = await app.request("GET", `/v1/products/${product.id}`, {
      headers: { "If-None-Match": `"x",`.repeat(20_000) },
    });
    assertEquals(known.status, 200);
  });
});

/** Makes these searches while none of them can end: so many statements wait, and others are answered. */
async function searchAtOnce(
  { app, owner }: World,
  paths: string[],
  statements: number,
): Promise<Answer[]> {
  let searches: Promise<Answer>[] = [];
  await withConnection(app.deps.config.databaseUrl, async (sql) => {
    await sql.begin(async (tx) => {
      await tx`lock table products in access exclusive mode`;
      searches = paths.map((path) => app.request("GET", path));
      const slow = async () => (await untilWaiting(tx, { count: statements, text: "from products" })).length;
      assertEquals(await slow(), statements);
      assertEquals((await app.request("GET", "/v1/me", { token: owner.token })).status, 200);
      assertEquals(await slow(), statements);
    });
  });
  return await Promise.all(searches);
}

for (const asked of ["q=mug", "in_stock=true&category=mug"]) {
  Deno.test(`searches by ${asked}, however slow, leave connections to all else, and more than can wait are refused`, async () => {
    await inWorld(async (world) => {
      const paths = Array.from({ length: 80 }, (_, i) => `/v1/products?${asked}${i}`);
      const answers = await searchAtOnce(world, paths, 2);
      const refused = answers.filter(({ status }) => status === 503);
      assert(refused.length >= 14 && refused.length < 80, String(refused.length));
      for (const { status, headers } of answers) {
        assert(status === 200 || headers.has("Retry-After"), String(status));
      }
    });
  });
}

Deno.test("however many ask for the same list at once, it is looked for once, and none of them is refused", async () => {
  await inWorld(async (world) => {
    for (const query of ["in_stock=true", "sort=name"]) {
      const paths = Array.from({ length: 100 }, () => `/v1/products?${query}`);
      const answers = await searchAtOnce(world, paths, 1);
      for (const { status, body } of answers) assertEquals([status, body.data.length], [200, 1], query);
    }
  });
});

Deno.test("/health answers while all of that comes in at once", async () => {
  await inWorld(async (world) => {
    await serving(world.app, async (url) => {
      const json = { "Content-Type": "application/json", "Authorization": `Bearer ${world.admin.token}` };
      const attacks = Array.from({ length: 10 }, () => [
        { body: "[".repeat(500_000) },
        { body: `{"items":[${"0,".repeat(200_000)}0]}` },
        { body: " ".repeat(3 * MIB) },
        {
          body: JSON.stringify({
            metadata: Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [i, 1])),
          }),
        },
      ]).flat().map(async ({ body }) => {
        const response = await fetch(`${url}/v1/orders`, { method: "POST", headers: json, body });
        await response.body?.cancel();
        return response.status;
      });
      const health = Array.from({ length: 20 }, async () => {
        const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(120_000) });
        return (await response.json()).status;
      });
      assertEquals(new Set(await Promise.all(health)), new Set(["ok"]));
      for (const status of await Promise.all(attacks)) assert(status >= 400 && status < 500, String(status));
    });
  });
});

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { createApp } from "../../src/app.ts";
import { HEADERS } from "../../src/http/headers.ts";
import { startTestApp } from "../support/app.ts";
import {
  assertProblem,
  call,
  goodBody,
  inWorld,
  isGated,
  leastToken,
  type Operation,
  operations,
  pathOf,
  type World,
} from "./operations.ts";

type Answer = Awaited<ReturnType<World["app"]["request"]>>;

function assertHardened({ headers }: Answer, what: string): void {
  assertMatch(headers.get("X-Request-Id") ?? "", /^[\w.:/+=@-]{1,128}$/, what);
  assertEquals(headers.get("X-Content-Type-Options"), "nosniff", what);
  assertEquals(headers.get("X-Frame-Options"), "DENY", what);
  assertEquals(headers.get("Referrer-Policy"), "no-referrer", what);
  assert(headers.get("Strict-Transport-Security"), what);
  assertEquals([headers.get("Server"), headers.get("X-Powered-By")], [null, null], what);
  assertEquals(headers.get("Access-Control-Allow-Origin"), null, what);
}

Deno.test("every answer of every route, good or bad, names its request, its limits and its guards", async () => {
  await inWorld(async (world) => {
    for (const operation of operations) {
      const token = leastToken(world, operation);
      const answers = [
        await call(world, operation, token),
        await call(world, operation, "not.a.token"),
        await call(world, operation, token, { path: pathOf(world, operation, "missing") }),
        await world.app.request(operation.method, `${pathOf(world, operation)}?no_such=1`, {
          token,
          body: undefined,
        }),
        ...operation.contentTypes.length > 0
          ? [
            await call(world, operation, token, { body: "{" }),
            await call(world, operation, token, { headers: { "Content-Type": "text/plain" } }),
          ]
          : [],
      ];
      for (const answer of answers) {
        const what = `${operation.name}: ${answer.status}`;
        assertHardened(answer, what);
        if (answer.status >= 400) assertProblem(answer, what);
        if (!isGated(operation)) continue;
        assertMatch(answer.headers.get("RateLimit") ?? "", /^"default";r=\d+;t=\d+$/, what);
        assertMatch(answer.headers.get("RateLimit-Policy") ?? "", /^"default";q=\d+;w=\d+$/, what);
      }
    }
  });
});

Deno.test("addresses that are not there answer 404 and other methods 405 with Allow, both as problems", async () => {
  await inWorld(async (world) => {
    const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    for (const template of new Set(operations.map((operation) => operation.template))) {
      const here = operations.filter((operation) => operation.template === template);
      const path = pathOf(world, here[0]!);
      for (const method of methods.filter((each) => !operations.some((other) => serves(other, each, path)))) {
        const answer = await world.app.request(method, path, { token: world.admin.token });
        const what = `${method} ${path}`;
        const allowed = answer.headers.get("Allow")?.split(", ") ?? [];
        assertEquals([answer.status, answer.body.code], [405, "method_not_allowed"], what);
        for (const operation of here) {
          assert(allowed.includes(operation.method), `${what}: Allow: ${allowed}`);
        }
        assert(!allowed.includes(method), what);
        assertProblem(answer, what);
        assertHardened(answer, what);
      }
    }
    for (
      const path of [
        "/",
        "/nothing",
        "/v1",
        "/v1/",
        "/v2/orders",
        "/v1/orders/a/b/c",
        "/.env",
        "/docs/x",
        "/metrics2",
      ]
    ) {
      const answer = await world.app.request("GET", path);
      assertEquals([answer.status, answer.body.code], [404, "not_found"], path);
      assertProblem(answer, path);
      assertHardened(answer, path);
    }
  });
});

Deno.test("a request id is kept if it is a plain token, and replaced if it could do harm elsewhere", async () => {
  await using app = await startTestApp();
  const idFor = async (sent: string) =>
    (await app.request("GET", "/v1/none", { headers: { "X-Request-Id": sent } })).headers.get("X-Request-Id");
  const kept = ["7", "my-id-1", "trace-0192f0c1", "Root=1-67891233-abcdef@eu/1+2:3", "a".repeat(128)];
  for (const sent of kept) assertEquals(await idFor(sent), sent);
  for (
    const sent of [
      "",
      "<script>alert(1)</script>",
      "a".repeat(129),
      "a b c d e f",
      '{"a":"bcdefg"}',
      "${jndi:ldap}",
    ]
  ) {
    assertNotEquals(await idFor(sent), sent);
  }
});

Deno.test("a 500 says nothing of its cause: no stack, no SQL, no names of tables", async () => {
  await inWorld(async (world) => {
    const bodies = new Map(operations.map((operation) => [operation, goodBody(operation, world)]));
    await world.app.deps.sql`drop schema public cascade`;
    const broken = [];
    for (const operation of operations) {
      const token = operation.policy === "user" ? world.stranger.token : leastToken(world, operation);
      const answer = await call(world, operation, token, { body: bodies.get(operation) });
      assertHardened(answer, operation.name);
      if (answer.status !== 500) continue;
      broken.push(operation);
      assertProblem(answer, operation.name);
      const { request_id: _, instance: _path, ...rest } = answer.body;
      assertEquals(rest, {
        type: "urn:waybill:problem:internal",
        title: "Internal Server Error",
        status: 500,
        detail: "Something broke on our side. It is logged under this request id.",
        code: "internal",
      }, operation.name);
      for (const [, value] of answer.headers) assert(!/select|relation|\.ts:|postgres/i.test(value), value);
    }
    assert(broken.length >= 20, `only ${broken.length} routes noticed that there are no tables`);
  });
});

Deno.test("browsers get CORS headers for the configured origins and no other", async () => {
  const origin = "https://shop.example";
  await using app = await startTestApp({ CORS_ORIGINS: origin });
  const ask = async (from: string, method = "GET") => {
    const preflight: Record<string, string> = method === "OPTIONS"
      ? { "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization" }
      : {};
    const response = await app.fetch(
      new Request("http://waybill.test/v1/products", { method, headers: { Origin: from, ...preflight } }),
    );
    await response.body?.cancel();
    return response.headers;
  };
  for (const method of ["GET", "OPTIONS"]) {
    assertEquals((await ask(origin, method)).get("Access-Control-Allow-Origin"), origin);
    const foreign = [
      "https://evil.example",
      "https://shop.example.evil.example",
      "http://shop.example",
      "https://shop.example:8443",
      "https://sub.shop.example",
      "null",
    ];
    for (const from of foreign) {
      const headers = await ask(from, method);
      assertEquals(headers.get("Access-Control-Allow-Origin"), null, `${method} from ${from}`);
      assertEquals(headers.get("Access-Control-Allow-Credentials"), null, `${method} from ${from}`);
    }
  }
  assertMatch((await ask(origin)).get("Vary") ?? "", /Origin/);
  assertEquals(
    (await app.request("GET", "/v1/none", { headers: { Origin: origin } })).headers.get(
      "Access-Control-Allow-Origin",
    ),
    origin,
  );
});

Deno.test("a browser of a configured origin may call with every method and header that a call takes, and read every one that comes", async () => {
  await using app = await startTestApp({ CORS_ORIGINS: "https://shop.example" });
  const ask = async (headers: Record<string, string>, method = "OPTIONS") => {
    const response = await app.fetch(
      new Request("http://waybill.test/v1/events", {
        method,
        headers: { Origin: "https://shop.example", ...headers },
      }),
    );
    await response.body?.cancel();
    const listed = (name: string) => response.headers.get(name)?.toLowerCase().split(",") ?? [];
    return {
      methods: listed("Access-Control-Allow-Methods"),
      allowed: listed("Access-Control-Allow-Headers"),
      exposed: listed("Access-Control-Expose-Headers"),
    };
  };
  const { methods, allowed } = await ask({ "Access-Control-Request-Method": "GET" });
  for (const { method } of operations) {
    assert(methods.includes(method.toLowerCase()), `${method} may not be sent`);
  }
  const sent = operations.flatMap(({ parameters }) => parameters).filter((each) => each.in === "header")
    .map(({ name }) => name);
  const common = ["Authorization", "Content-Type", "X-Request-Id", "traceparent", "tracestate"];
  for (const name of new Set([...common, ...sent])) {
    assert(allowed.includes(name.toLowerCase()), `${name} may not be sent`);
  }
  const { exposed } = await ask({}, "GET");
  for (const name of ["Content-Disposition", ...Object.keys(HEADERS)]) {
    assert(exposed.includes(name.toLowerCase()), `${name} may not be read`);
  }
});

/** `/v1/products/import` is a product's address too. */
function serves(operation: Operation, method: string, path: string): boolean {
  const pattern = operation.template.replace(/\{[^}]+\}/g, "[^/]+");
  return operation.method === method && new RegExp(`^${pattern}$`).test(path);
}

/** Other ways to write a path that servers have taken for it. */
function spellings(path: string): string[] {
  const bare = path.slice("/v1".length);
  const [, first, ...rest] = bare.split("/");
  const encoded = `/%${first!.charCodeAt(0).toString(16)}${first!.slice(1)}${
    rest.map((part) => `/${part}`).join("")
  }`;
  return [
    `/${path}`,
    `//v1/${bare}`,
    `/v1/${bare}`,
    `${path}//`,
    `/v1/.${bare}`,
    `/v1/x/..${bare}`,
    `/v1/%2e%2e/v1${bare}`,
    `/v1${encoded}`,
    encoded,
    `${path}%2f`,
    `${path}/%2e`,
    `${path};a=b`,
    `${path}%00`,
    `${path}%20`,
    `${path}.json`,
    `/V1${bare}`,
    path.toUpperCase(),
    `/api/api${bare}`,
    `/api/v1/v1${bare}`,
    `/v1/api${bare}`,
    `/v1/v1${bare}`,
    `/docs/..${path}`,
    `/docs/..%2f..${path}`,
    `/health/..%2f${path.slice(1)}`,
    `/health/../${path.slice(1)}`,
    `/openapi.json/..${path}`,
    `/v1%2f${bare.slice(1)}`,
    `/v1\\${bare.slice(1)}`,
    `${path}?/health`,
    `${path}#/health`,
    `http://waybill.test${path}`,
    `http://other.test${path}`,
  ];
}

Deno.test("no spelling of a path gets past its gate, over the wire as it is written", async () => {
  await inWorld(async (world) => {
    const { fetch } = createApp(world.app.deps);
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, fetch);
    for (const operation of operations.filter(({ policy }) => policy !== "public")) {
      const path = pathOf(world, operation);
      const bare = path.slice("/v1".length);
      for (const same of [path, bare, `/api${bare}`, `/api${path}`, `${path}/`, `${bare}/`, `/api${path}/`]) {
        const answer = await world.app.request(operation.method, same);
        assertEquals(answer.status, 401, `${operation.method} ${same}`);
      }
      for (const other of spellings(path)) {
        const status = await statusOf(server.addr.port, operation.method, other);
        const isPublic = operations.some((each) =>
          each.policy === "public" && serves(each, operation.method, other)
        );
        assert(
          [400, 401, 404, 405, isPublic ? 422 : 401].includes(status),
          `${status}: ${operation.method} ${other}`,
        );
      }
    }
  });
});

Deno.test("a Host that is none is refused on every route, and breaks none", async () => {
  await inWorld(async (world) => {
    const { fetch } = createApp(world.app.deps);
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, fetch);
    for (const operation of operations) {
      for (const host of ["[", "::1", "a:65536", "a b", "256.0.0.1"]) {
        const more =
          `Host: ${host}\r\nOrigin: https://shop.test\r\nAuthorization: Bearer ${world.admin.token}\r\n`;
        const status = await statusOf(server.addr.port, operation.method, pathOf(world, operation), more);
        assertEquals(status, 422, `${operation.name} at ${host}`);
      }
    }
    for (const host of ["waybill", "[::1]:8000", "1.2.3.4:80", "my_shop.test", ""]) {
      assertEquals(await statusOf(server.addr.port, "GET", "/v1/products", `Host: ${host}\r\n`), 200, host);
    }
  });
});

/** Sends the path and headers byte for byte, which no URL class would do. */
async function statusOf(
  port: number,
  method: string,
  path: string,
  headers = "Host: waybill.test\r\n",
): Promise<number> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const request = `${method} ${path} HTTP/1.1\r\n${headers}Content-Length: 0\r\nConnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  let answer = "";
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  for (let read; (read = await connection.read(buffer)) !== null;) {
    answer += decoder.decode(buffer.subarray(0, read));
  }
  return Number(answer.split(" ")[1]);
}

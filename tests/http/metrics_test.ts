import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openApiDocument } from "../../src/app.ts";
import { openDatabase } from "../../src/platform/db.ts";
import { newId } from "../../src/platform/id.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { valueOf } from "../support/metrics.ts";
import { addProduct, place, read } from "../support/orders.ts";

async function scrape(app: TestApp, headers: Record<string, string> = {}): Promise<string> {
  const answer = await app.request("GET", "/metrics", { headers });
  assertEquals(answer.status, 200);
  assertEquals(answer.headers.get("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  return answer.body;
}

const requests = (method: string, route: string, status: string) =>
  `http_request_duration_seconds_count{method="${method}",route="${route}",status="${status}"}`;

Deno.test("A scrape never sees a raw path, an unknown method or a query, whatever is asked for", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const id = newId();
  for (
    const path of [
      `/orders/${id}`,
      `/orders/${id}?note=Canary`,
      `/Canary/${id}`,
      "/health?Canary",
      "/docs/Canary",
    ]
  ) {
    await app.request("GET", path, { token: user.token });
  }
  await app.fetch(new Request(`http://waybill.test/orders/${id}`, { method: "CANARY" }));
  await app.fetch(new Request(`http://waybill.test/v1/orders/${id}`, { method: "PUT" }));
  const metrics = await scrape(app);
  assert(!metrics.includes(id), "an id");
  assert(!/canary/i.test(metrics), "what somebody typed");
  const templates = [...Object.keys(openApiDocument().paths ?? {}), "other"];
  const seen = [...metrics.matchAll(/_count\{method="([^"]*)",route="([^"]*)",status="([^"]*)"\}/g)];
  for (const [, , route] of seen) assert(templates.includes(route!), route);
  assertEquals(new Set(seen.map(([, method]) => method)), new Set(["GET", "PUT", "other"]));
  assertEquals(valueOf(metrics, requests("GET", "/v1/orders/{id}", "4xx")), 2);
});

Deno.test("Requests are counted by route and class of status, and reads of the cache by result", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const order = await place(app, user, { [sku]: 1 });
  for (let i = 0; i < 3; i++) assertEquals((await read(app, user, order.id)).status, 200);
  await read(app, user, newId());
  const metrics = await scrape(app);
  assertEquals(valueOf(metrics, requests("POST", "/v1/orders", "2xx")), 1);
  assertEquals(valueOf(metrics, requests("GET", "/v1/orders/{id}", "2xx")), 3);
  assertEquals(valueOf(metrics, requests("GET", "/v1/orders/{id}", "4xx")), 1);
  const { hits, misses } = app.deps.cache.counters;
  assert(hits >= 2);
  assertEquals(hits + misses, 4, "an order is looked for in the cache once, where its caller is counted");
  assertEquals(valueOf(metrics, 'cache_reads_total{result="hit"}'), hits);
  assertEquals(valueOf(metrics, 'cache_reads_total{result="miss"}'), misses);
  assertEquals(valueOf(metrics, "cache_failures_total"), 0);
  assertEquals(valueOf(metrics, "http_requests_in_flight"), 1, "the scrape itself");
  assert(valueOf(metrics, 'process_memory_bytes{kind="resident"}')! > 1e6);
  assert(valueOf(metrics, "event_loop_lag_seconds")! >= 0);
});

Deno.test("A call is one line of the log: by whom, of which route and how it ended, never its path; a probe that went well is none", async () => {
  await using app = await startTestApp();
  const { id, token } = await app.user();
  const lines: unknown[] = [];
  app.deps.log = {
    ...app.deps.log,
    info: (message, { request_id: _, duration_ms: __, ...fields } = {}) => lines.push([message, fields]),
  };
  const secret = crypto.randomUUID();
  for (const path of [`/v1/orders/${secret}?q=${secret}`, `/v1/${secret}`, "/health", "/docs"]) {
    await app.request("GET", path, { token });
  }
  assertEquals(lines, [
    ["request", { method: "GET", route: "GET /v1/orders/{id}", status: 422, actor: `user:${id}` }],
    ["request", { method: "GET", route: "none", status: 404, actor: undefined }],
  ]);
});

Deno.test("A request that fails is no longer in flight", async () => {
  await using app = await startTestApp();
  await Promise.all(Array.from({ length: 20 }, () => app.request("POST", "/orders", { body: "{" })));
  assertEquals(valueOf(await scrape(app), "http_requests_in_flight"), 1, "the scrape itself");
});

Deno.test("Metrics need the token where one is set, and no other will do", async () => {
  const token = "a-token-for-prometheus";
  await using app = await startTestApp({ METRICS_TOKEN: token });
  const admin = await app.user("admin");
  for (
    const authorization of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      token,
      `Basic ${token}`,
      `Bearer ${token}x`,
      `Bearer ${admin.token}`,
    ]
  ) {
    const answer = await app.request("GET", "/metrics", {
      headers: authorization === undefined ? {} : { Authorization: authorization },
    });
    assertEquals([answer.status, answer.body.code], [401, "unauthenticated"], authorization);
  }
  assertStringIncludes(await scrape(app, { Authorization: `Bearer ${token}` }), "http_requests_in_flight");
});

Deno.test("With PostgreSQL gone /metrics and /health answer, and say so", async () => {
  let gone: ReturnType<typeof openDatabase>;
  await using app = await startTestApp({}, (config) => {
    gone = openDatabase({ ...config, databaseUrl: "postgres://waybill@127.0.0.1:1/waybill" });
    return { sql: gone };
  });
  assertEquals((await app.request("GET", "/health")).body, { status: "ok" });
  const ready = await app.request("GET", "/health/ready");
  assertEquals([ready.status, ready.body], [503, { status: "down" }]);
  const detailed = await app.request("GET", "/health/detailed");
  assertEquals([detailed.status, detailed.body.status], [503, "down"]);
  assertEquals(detailed.body.dependencies.database, { status: "down" });
  assertEquals(detailed.body.dependencies.workers, { status: "unknown" });
  assertEquals(detailed.body.event_log, []);
  assertEquals(valueOf(await scrape(app), requests("GET", "other", "5xx")), 2);
});

import { assert, assertEquals, assertMatch } from "@std/assert";
import { withConnection } from "../../tools/database_admin.ts";
import { startTestApp, TEST_SECRET } from "../support/app.ts";
import { testDatabase } from "../support/database.ts";
import { addProduct, place, SHIP_TO } from "../support/orders.ts";
import { doJobs, readLog } from "../support/worker.ts";
import { startProcess } from "../support/process.ts";
import { rewriteLog } from "../support/events.ts";
import { until } from "../support/until.ts";

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  service: string;
  attributes: Record<string, unknown>;
  links: { traceId: string }[];
}

/** An OpenTelemetry collector that keeps what it is sent, spans and the text of everything. */
function startCollector() {
  const spans: Span[] = [];
  const received: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const text = await request.text();
    received.push(text);
    for (const { resource, scopeSpans } of JSON.parse(text).resourceSpans ?? []) {
      const service = valuesOf(resource.attributes)["service.name"] as string;
      for (const span of scopeSpans.flatMap(({ spans }: { spans: unknown[] }) => spans)) {
        spans.push({ ...span, service, attributes: valuesOf(span.attributes) });
      }
    }
    return Response.json({});
  });
  return { spans, received, url: `http://127.0.0.1:${server.addr.port}`, stop: () => server.shutdown() };
}

function valuesOf(attributes: { key: string; value: Record<string, unknown> }[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

const PASSWORD = "violet-lanterns-47-over-the-quay";

/** Runs `work` with an API and a worker that both send their traces to the collector, and an order to place. */
async function withTracedProcesses(
  env: Record<string, string>,
  work: (url: string, databaseUrl: string, collector: ReturnType<typeof startCollector>) => Promise<void>,
) {
  await using database = await testDatabase();
  const collector = startCollector();
  const common = {
    APP_ENV: "production",
    DATABASE_URL: database.url,
    SECRET_KEY: TEST_SECRET,
    HOST: "127.0.0.1",
    PORT: "0",
    WORKER_HOST: "127.0.0.1",
    WORKER_PORT: "0",
    ADMIN_EMAIL: "admin@example.com",
    ADMIN_PASSWORD: PASSWORD,
    OTEL_DENO: "true",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_BSP_SCHEDULE_DELAY: "100",
    ...env,
  };
  const processes = await Promise.all([
    startProcess("src/main.ts", { ...common, OTEL_SERVICE_NAME: "waybill-api" }),
    startProcess("workers/main.ts", { ...common, OTEL_SERVICE_NAME: "waybill-worker" }),
  ]);
  try {
    await work(processes[0].url, database.url, collector);
  } finally {
    await Promise.all(processes.map((each) => each.stop()));
    await collector.stop();
  }
}

async function call(url: string, token: string | undefined, path: string, init: RequestInit = {}) {
  const response = await fetch(`${url}${path}`, {
    ...init,
    headers: {
      ...init.body !== undefined && typeof init.body === "string" && { "Content-Type": "application/json" },
      ...token !== undefined && { Authorization: `Bearer ${token}` },
      ...init.headers,
    },
  });
  const body = await response.json();
  assert(response.ok, `${path}: ${response.status} ${JSON.stringify(body)}`);
  return body;
}

async function logIn(url: string): Promise<string> {
  const form = new URLSearchParams({
    grant_type: "password",
    username: "admin@example.com",
    password: PASSWORD,
  });
  return (await call(url, undefined, "/token", { method: "POST", body: form })).access_token;
}

async function placeOrder(url: string, token: string, headers: Record<string, string> = {}) {
  const sku = `TRACED-${crypto.randomUUID().slice(0, 8)}`;
  await call(url, token, "/products", {
    method: "POST",
    body: JSON.stringify({
      sku,
      name: "A mug",
      prices: [{ currency: "EUR", amount: 1499 }],
      status: "active",
    }),
  });
  await call(url, token, `/inventory/${sku}/adjustments`, {
    method: "POST",
    body: JSON.stringify({ delta: 10, reason: "Opening stock" }),
  });
  return await call(url, token, "/orders", {
    method: "POST",
    body: JSON.stringify({ items: [{ sku, quantity: 1 }], currency: "EUR", ship_to: SHIP_TO }),
    headers,
  });
}

function traceOf(databaseUrl: string, orderId: string, type: string): Promise<string> {
  return withConnection(databaseUrl, (sql) =>
    until(async () => {
      const [row] = await sql<{ traceparent: string | null }[]>`
        select traceparent from events
        where aggregate_type = 'order' and aggregate_id = ${orderId} and type = ${type}`;
      return row && (row.traceparent ?? "none");
    }, `${type} with its trace`));
}

Deno.test("One trace goes from the caller's request through the log to the worker's job and what it appends", async () => {
  await withTracedProcesses({}, async (url, databaseUrl, { spans }) => {
    const token = await logIn(url);
    const callers = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" };
    const order = await placeOrder(url, token, {
      traceparent: `00-${callers.traceId}-${callers.spanId}-01`,
    });
    const created = await traceOf(databaseUrl, order.id, "order.created");
    const processed = await traceOf(databaseUrl, order.id, "order.processed");
    assertMatch(created, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    assertEquals(processed.split("-")[1], callers.traceId);
    const request = await until(
      () => spans.find((span) => span.service === "waybill-api" && span.traceId === callers.traceId),
      "the span of the request",
    );
    assertEquals([request.name, request.parentSpanId], ["POST /v1/orders", callers.spanId]);
    assertEquals(request.attributes["http.route"], "/v1/orders");
    assertEquals(created, `00-${callers.traceId}-${request.spanId}-01`);
    const job = await until(
      () => spans.find((span) => span.service === "waybill-worker" && span.name === "orders.process"),
      "the span of the job",
    );
    assertEquals([job.traceId, job.parentSpanId], [callers.traceId, request.spanId]);
  });
});

Deno.test("Of orders that one job's batch processes together, each event and webhook stays on the trace of its own request", async () => {
  await using app = await startTestApp();
  await app.deps.sql`
    insert into webhook_endpoints (id, url, event_types, secret, created_at, updated_at)
    values (gen_random_uuid(), 'https://example.com', array['order.created'], 'sealed', now(), now())`;
  const user = await app.user();
  const { sku } = await addProduct(app);
  const traces = new Map<string, string>();
  for (let i = 1; i <= 3; i++) {
    const { id } = await place(app, user, { [sku]: 1 });
    const traceparent = `00-${String(i).repeat(32)}-${String(i).repeat(16)}-01`;
    await rewriteLog(
      app.deps.sql,
      (tx) => tx`update events set traceparent = ${traceparent} where aggregate_id = ${id}`,
    );
    traces.set(id, traceparent);
  }
  const untraced = await place(app, user, { [sku]: 1 });
  await readLog(app.deps);
  const jobs = await app.deps.sql<{ data: { order_id: string; traceparent?: string } }[]>`
    select data from pgboss.job where name = 'orders.process'`;
  assertEquals(
    new Map(jobs.map(({ data }) => [data.order_id, data.traceparent])),
    new Map([...traces, [untraced.id, undefined]]),
  );
  const webhooks = await app.deps.sql<{ id: string; traceparent: string | null }[]>`
    select e.aggregate_id as id, j.data->>'traceparent' as traceparent
    from pgboss.job j join webhook_deliveries d on d.id::text = j.data->>'delivery_id'
    join events e on e.position = d.event_position`;
  assertEquals(
    new Map(webhooks.map(({ id, traceparent }) => [id, traceparent])),
    new Map([...traces, [untraced.id, null]]),
  );
  assertEquals(await doJobs(app.deps, "orders.process"), 4);
  const events = await app.deps.sql<{ id: string; traceparent: string | null }[]>`
    select aggregate_id as id, traceparent from events where type = 'order.processed'`;
  assertEquals(
    new Map(events.map(({ id, traceparent }) => [id, traceparent])),
    new Map([...traces, [untraced.id, null]]),
  );
});

Deno.test("With OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=1 no URL leaves the process, so no ticket and no search in it", async () => {
  await withTracedProcesses({ OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "1" }, async (url, _, { spans, received }) => {
    const token = await logIn(url);
    const secret = crypto.randomUUID();
    for (const path of ["/orders", "/health", `/nowhere/${secret}`]) {
      const response = await fetch(`${url}${path}?ticket=${secret}`, {
        headers: { Authorization: `Bearer ${token}` },
      });
      await response.body?.cancel();
    }
    await call(url, token, "/me");
    await until(() => spans.find(({ name }) => name === "GET /v1/me"), "the last span");
    const request = await until(() => spans.find(({ name }) => name === "GET /v1/orders"), "the first span");
    assertEquals(request.attributes, { "http.request.method": "GET" });
    assert(!received.join("").includes(secret), "the ticket was exported");
  });
});

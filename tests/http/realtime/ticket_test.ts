import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Log, LogFields } from "../../../src/platform/log.ts";
import { deleteExpiredTickets } from "../../../src/realtime/mod.ts";
import { startTestServer } from "../../support/server.ts";
import type { TestApp, TestUser } from "../../support/app.ts";
import { addProduct, place } from "../../support/orders.ts";
import { HANDSHAKE, logOf, refusal, SocketClient, SseClient, startLive } from "./support.ts";
import { until } from "../../support/until.ts";

async function ticketFor(app: TestApp, { token }: TestUser): Promise<string> {
  const { status, headers, body } = await app.request("POST", "/v1/events/tickets", { token });
  assertEquals([status, headers.get("Cache-Control")], [201, "no-store"]);
  return body.ticket;
}

const rows = async (app: TestApp) => await app.deps.sql`select hash, user_id, expires_at from stream_tickets`;

Deno.test("a ticket opens one stream as its user, over either protocol", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const [user, other, staff] = [await app.user(), await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  await using stream = await SseClient.open(url, { query: { ticket: await ticketFor(app, user) } });
  await using socket = await SocketClient.open(url, { query: { ticket: await ticketFor(app, user) } });
  await using staffs = await SocketClient.open(url, { query: { ticket: await ticketFor(app, staff) } });
  assertEquals((await rows(app)).length, 0, "used tickets are gone");
  await place(app, other, { [sku]: 1 });
  await place(app, user, { [sku]: 1 });
  await staffs.receive(4);
  await socket.receive(2);
  await stream.receive(2);
  const own = await logOf(app, user.id);
  assertEquals([stream.ids, socket.events.map(({ position }) => position)], [own, own]);
});

Deno.test("nobody gets a ticket whom a restored database does not know, and is told to log in again", async () => {
  await using server = await startLive();
  const { accessTokens, clock } = server.app.deps;
  const token = await accessTokens.sign({ userId: crypto.randomUUID(), role: "customer" }, clock.now());
  const { status, body } = await server.app.request("POST", "/v1/events/tickets", { token });
  assertEquals([status, body.code], [401, "unauthenticated"]);
});

Deno.test("of twenty who come with one ticket at the same time one gets in", async () => {
  await using server = await startLive();
  const { app, url } = server;
  for (let round = 0; round < 5; round++) {
    const ticket = await ticketFor(app, await app.user());
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => refusal(url, { query: { ticket } })));
    assertEquals(outcomes.filter(([status]) => status === 200).length, 1);
    assertEquals(outcomes.filter(([, code]) => code === "unauthenticated").length, 19);
  }
});

Deno.test("a ticket is good for 30 seconds, and not for a user who was disabled meanwhile", async () => {
  let now = Date.now();
  await using server = await startLive({}, {}, { now: () => new Date(now) });
  const { app, url } = server;
  const [user, disabled] = [await app.user(), await app.user()];
  const { body } = await app.request("POST", "/v1/events/tickets", { token: user.token });
  assertEquals(body.expires_at, new Date(now + 30_000).toISOString());
  const late = await ticketFor(app, user);
  const lost = await ticketFor(app, disabled);
  await app.deps.sql`update users set disabled_at = now() where id = ${disabled.id}`;
  assertEquals(await refusal(url, { query: { ticket: lost } }), [401, "unauthenticated"]);
  now += 29_000;
  assertEquals(await refusal(url, { query: { ticket: body.ticket } }), [200, ""]);
  now += 1_000;
  assertEquals(await refusal(url, { query: { ticket: late } }), [401, "unauthenticated"]);
});

Deno.test("the sweep deletes tickets that nobody used in time, and no others", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const user = await app.user();
  await ticketFor(app, user);
  await app.deps.sql`update stream_tickets set expires_at = now() - interval '1 second'`;
  const fresh = await ticketFor(app, user);
  assertEquals(await deleteExpiredTickets(app.deps.sql, new AbortController().signal), 1);
  assertEquals(await refusal(url, { query: { ticket: fresh } }), [200, ""]);
});

Deno.test("a ticket is stored as its hash alone, and no line of the log names it", async () => {
  const lines: string[] = [];
  const keep = (message: string, fields: LogFields = {}) =>
    void lines.push(JSON.stringify([message, fields]));
  const log: Log = { debug: keep, info: keep, warn: keep, error: keep };
  await using server = await startTestServer({}, { log });
  const { app, url } = server;
  const user = await app.user();
  const ticket = await ticketFor(app, user);
  const [row] = await rows(app);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(ticket)));
  assertEquals(new Uint8Array(row!.hash), hash);
  assertMatch(ticket, /^[\w-]{43}$/);
  for (let use = 0; use < 2; use++) await refusal(url, { query: { ticket } });
  await until(() => lines.filter((line) => line.includes("/v1/events/stream")).length === 2, "two lines");
  assert(!lines.join().includes(ticket));
});

Deno.test("tokens in the URL are refused, and made-up tickets too", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const { token } = await app.user();
  for (const name of ["access_token", "token", "authorization"]) {
    assertEquals(await refusal(url, { query: { [name]: token } }), [401, "unauthenticated"]);
    assertEquals(await refusal(url, { token, query: { [name]: token } }), [422, "invalid_request"]);
  }
  for (const ticket of ["", "x", token, "A".repeat(43), "\0"]) {
    assertEquals(await refusal(url, { query: { ticket } }), [401, "unauthenticated"]);
  }
  // It is for streams only.
  const ticket = await ticketFor(app, await app.user());
  assertEquals((await app.request("GET", `/v1/me?ticket=${ticket}`)).status, 401);
  assertEquals((await app.request("GET", `/v1/events?ticket=${ticket}`)).status, 401);
  assertEquals((await app.request("POST", `/v1/events/tickets?ticket=${ticket}`)).status, 401);
});

Deno.test("made-up tickets are counted by address, whatever they say", async () => {
  await using server = await startLive({}, { RATE_LIMIT_TIMES: "5", RATE_LIMIT_SECONDS: "3600" });
  const statuses = [];
  for (let i = 0; i < 8; i++) {
    statuses.push((await refusal(server.url, { query: { ticket: crypto.randomUUID() } }))[0]);
  }
  assertEquals(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
});

Deno.test("pages of other origins open neither stream nor socket, not even with a ticket", async () => {
  await using server = await startLive({}, { CORS_ORIGINS: "https://shop.example" });
  const { app, url } = server;
  const user = await app.user();
  const foreign = [
    "https://evil.example",
    "https://shop.example.evil.example",
    "http://shop.example",
    "https://shop.example:8443",
    "null",
    "nonsense",
    "file://",
  ];
  const socketStatus = async (headers: Record<string, string>, ticket?: string) => {
    const path = `/v1/events/socket${ticket ? `?ticket=${ticket}` : ""}`;
    const response = await app.fetch(new Request(`${url}${path}`, { headers: { ...HANDSHAKE, ...headers } }));
    await response.body?.cancel();
    return response.status;
  };
  for (const origin of foreign) {
    const headers = { Origin: origin };
    assertEquals(await refusal(url, { token: user.token, headers }), [403, "forbidden"], origin);
    const query = { ticket: await ticketFor(app, user) };
    assertEquals(await refusal(url, { query, headers }), [403, "forbidden"], origin);
    assertEquals(await socketStatus({ ...headers, Authorization: `Bearer ${user.token}` }), 403, origin);
    assertEquals(await socketStatus(headers, await ticketFor(app, user)), 403, origin);
  }
  assertEquals(app.deps.streams.size, 0);
  for (const origin of ["https://shop.example", url]) {
    await using stream = await SseClient.open(url, { token: user.token, headers: { Origin: origin } });
    const allowed = origin === url ? null : origin;
    assertEquals(stream.response.headers.get("Access-Control-Allow-Origin"), allowed);
    await using socket = await SocketClient.open(url, { token: user.token, headers: { Origin: origin } });
    assertEquals(socket.frames[0].type, "heartbeat");
  }
});

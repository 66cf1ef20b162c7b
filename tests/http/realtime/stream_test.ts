import { assert, assertEquals, assertMatch } from "@std/assert";
import { withConnection } from "../../../tools/database_admin.ts";
import { addProduct, patch, place } from "../../support/orders.ts";
import { ask, logOf, refusal, SseClient, startLive } from "./support.ts";
import { until } from "../../support/until.ts";

Deno.test("a customer's stream brings their own events and nobody else's; the staff's brings all", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const [anna, ben, staff] = [await app.user(), await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  await using annas = await SseClient.open(url, { token: anna.token });
  await using bens = await SseClient.open(url, { token: ben.token });
  await using all = await SseClient.open(url, { token: staff.token });
  for (let i = 0; i < 5; i++) {
    await place(app, anna, { [sku]: 1 });
    await place(app, ben, { [sku]: 1 });
  }
  await app.request("POST", `/v1/inventory/${sku}/adjustments`, {
    token: staff.token,
    body: { delta: 1, reason: "Found" },
  });
  const everything = await logOf(app);
  await all.receive(everything.length);
  assertEquals(all.ids, everything);
  // Each sees the same events in a way of their own.
  for (const { data } of all.events) {
    assertMatch(data.actor, /^user:/);
    assertMatch(data.request_id, /./);
  }
  for (const [stream, user] of [[annas, anna], [bens, ben]] as const) {
    const own = await logOf(app, user.id);
    assertEquals(own.length, 10);
    await stream.receive(own.length);
    assertEquals(stream.ids, own);
    for (const { data } of stream.events) {
      assertEquals([data.actor, data.request_id], ["customer", undefined]);
    }
  }
  // What catches up from the past is authorised no less than what is new.
  await using past = await SseClient.open(url, { token: ben.token, query: { after: "0" } });
  await past.receive(10);
  assertEquals(past.ids, await logOf(app, ben.id));
});

Deno.test("an event comes as the log has it: id is its position, event its type, data the event itself", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const user = await app.user();
  const { sku } = await addProduct(app);
  await using stream = await SseClient.open(url, { token: user.token });
  const order = await place(app, user, { [sku]: 1 });
  const events = await stream.receive(2);
  const created = events.find(({ type }) => type === "order.created")!;
  const { body } = await app.request("GET", "/v1/events?type=order.created", { token: user.token });
  assertEquals(created.data, body.data[0]);
  assertEquals([created.id, created.data.data.id], [created.data.position, order.id]);
  const { headers } = stream.response;
  assertEquals(headers.get("Content-Type"), "text/event-stream");
  assertMatch(headers.get("Cache-Control")!, /no-store.*no-transform/);
});

Deno.test("a stream begins now, behind the position that it is given, or at the log's beginning", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const user = await app.user();
  const { sku } = await addProduct(app);
  for (let i = 0; i < 3; i++) await place(app, user, { [sku]: 1 });
  const before = await logOf(app, user.id);
  await using now = await SseClient.open(url, { token: user.token });
  await using middle = await SseClient.open(url, { token: user.token, query: { after: String(before[3]) } });
  await using header = await SseClient.open(url, {
    token: user.token,
    query: { after: "0" },
    lastEventId: before[4],
  });
  await using beginning = await SseClient.open(url, { token: user.token, query: { after: "0" } });
  // Another process may have been further than this one is.
  const ofOne = before[2]! - before[0]!;
  const further = before.at(-1)! + ofOne + 1;
  await using ahead = await SseClient.open(url, { token: user.token, lastEventId: further });
  await place(app, user, { [sku]: 1 });
  await now.receive(2);
  await place(app, user, { [sku]: 1 });
  const all = await logOf(app, user.id);
  assertEquals(all[8], further);
  for (const [stream, from] of [[now, 6], [middle, 4], [header, 5], [beginning, 0], [ahead, 9]] as const) {
    await stream.receive(all.length - from);
    assertEquals(stream.ids, all.slice(from));
  }
});

Deno.test("filters let through the types and families that they name; unknown ones are refused", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const open = (type: string) => SseClient.open(url, { token: staff.token, query: { type } });
  await using orders = await open("order.*");
  await using stock = await open("inventory.updated");
  await using both = await open("order.updated, inventory.*");
  const order = await place(app, user, { [sku]: 1 });
  await patch(app, staff, order.id, { status: "PAID" });
  await app.request("PATCH", "/v1/me", { token: user.token, body: { name: "Anna" } });
  await patch(app, staff, order.id, { status: "PROCESSING" });
  await orders.receive(3);
  await both.receive(3);
  await stock.receive(1);
  const types = (stream: SseClient) => stream.events.map(({ type }) => type);
  assertEquals(types(orders), ["order.created", "order.updated", "order.updated"]);
  assertEquals(types(stock), ["inventory.updated"]);
  assertEquals(types(both).sort(), ["inventory.updated", "order.updated", "order.updated"]);
  for (const type of ["", "order", "order.created,", "shop.*", "*.created", "x".repeat(2000)]) {
    assertEquals(await refusal(url, { token: staff.token, query: { type } }), [422, "invalid_request"], type);
  }
});

Deno.test("cut off again and again while events are written, a client misses nothing and gets nothing twice", async () => {
  await using server = await startLive({ perUser: 100 });
  const { app, url } = server;
  const [user, other, staff] = [await app.user(), await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app, { stock: 1_000_000 });
  let writing = true;
  const writers = [user, other, user, other].map(async (who) => {
    while (writing) await place(app, who, { [sku]: 1 });
  });
  const seen = { [user.id]: [] as number[], [staff.id]: [] as number[] };
  const readers = [user, staff].map(async ({ id, token }) => {
    let lastEventId = 0;
    for (let connection = 0; connection < 40; connection++) {
      await using stream = await SseClient.open(url, { token, lastEventId });
      const wanted = 1 + connection % 7 * 5;
      await until(() => stream.events.length >= wanted, "some events");
      await stream.close();
      seen[id]!.push(...stream.ids);
      lastEventId = stream.lastId!;
    }
    return lastEventId;
  });
  const lastIds = await Promise.all(readers);
  writing = false;
  await Promise.all(writers);
  for (const [index, { id, token }] of [user, staff].entries()) {
    const expected = await logOf(app, id === staff.id ? undefined : id);
    await using rest = await SseClient.open(url, { token, lastEventId: lastIds[index] });
    await until(() => seen[id]!.length + rest.events.length >= expected.length, "the rest");
    assertEquals([...seen[id]!, ...rest.ids], expected);
  }
});

Deno.test("what commits late, behind what came after it, is not skipped, nor is any of many that come at once", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  await using stream = await SseClient.open(url, { token: staff.token });
  await app.deps.sql.begin(async (tx) => {
    await tx`
      insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
      values ('product.updated', 1, 'product', 'late', 1, 'system:test', '{}', now())`;
    await place(app, user, { [sku]: 1 });
  });
  const events = await stream.receive(3);
  assertEquals(events.map(({ type }) => type)[0], "product.updated");
  assertEquals(stream.ids, await logOf(app));
  await app.deps.sql`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
    select 'product.updated', 1, 'product', 'many', n, 'system:test', '{}', now() from generate_series(1, 250) as n`;
  await stream.receive(stream.ids.length + 250);
  assertEquals(stream.ids, await logOf(app));
});

Deno.test("a stream that shows nothing gives signs of life, and remembers how far the log has gone, also after all others had gone", async () => {
  await using server = await startLive({ heartbeatMs: 300 });
  const { app, url } = server;
  const [user, other] = [await app.user(), await app.user()];
  const gone = await SseClient.open(url, { token: other.token });
  await gone.close();
  await until(() => app.deps.streams.size === 0, "nobody is there");
  const { sku } = await addProduct(app);
  await using stream = await SseClient.open(url, { token: user.token });
  await until(() => stream.comments.includes("heartbeat"), "a heartbeat");
  await place(app, other, { [sku]: 1 });
  const last = (await logOf(app)).at(-1)!;
  await until(() => stream.lastId === last, "the id goes on without an event");
  assertEquals(stream.events, []);
});

Deno.test("a stream by an API key ends when the key expires, and goes on by one that does not", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const staff = await app.user("staff");
  const open = async (expires_at?: string) => {
    const body = { name: "Warehouse", ...expires_at !== undefined && { expires_at } };
    const { body: { key } } = await app.request("POST", "/v1/api-keys", { token: staff.token, body });
    return await SseClient.open(url, { token: key });
  };
  await using lasting = await open();
  await using expiring = await open(new Date(Date.now() + 2000).toISOString());
  await expiring.end();
  assertEquals(expiring.comments, ["token_expired"]);
  const { body: { id } } = await app.request("POST", "/v1/users", {
    token: staff.token,
    body: { email: "anna@example.com" },
  });
  await until(() => lasting.events.some(({ data }) => data.aggregate.id === id), "its event comes");
});

Deno.test("a stream ends with its token, and the client goes on with a fresh one where it was", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const user = await app.user();
  const { sku } = await addProduct(app);
  const old = new Date(Date.now() - 897_000);
  const token = await app.deps.accessTokens.sign({ userId: user.id, role: "customer" }, old);
  await using stream = await SseClient.open(url, { token });
  await stream.end();
  assertEquals(stream.comments, ["token_expired"]);
  assert(stream.retryMs! >= 500);
  assertEquals(await refusal(url, { token, lastEventId: stream.lastId }), [401, "unauthenticated"]);
  await place(app, user, { [sku]: 1 });
  await using next = await SseClient.open(url, { token: user.token, lastEventId: stream.lastId });
  assertEquals((await next.receive(2)).length, 2);
});

Deno.test("streams of who was disabled or demoted end by themselves; all others go on", async () => {
  await using server = await startLive({ heartbeatMs: 300 });
  const { app, url } = server;
  const users = {
    disabled: await app.user(),
    demoted: await app.user("staff"),
    promoted: await app.user(),
    admin: await app.user("admin"),
  };
  const open = (user: { token: string }) => SseClient.open(url, { token: user.token });
  await using disabled = await open(users.disabled);
  await using demoted = await open(users.demoted);
  await using promoted = await open(users.promoted);
  await using admin = await open(users.admin);
  // Nothing in the log tells of it, as where that was before a stream had caught up: with each heartbeat they are looked up.
  const { sql } = app.deps;
  await sql`update users set disabled_at = now() where id = ${users.disabled.id}`;
  await sql`update users set role = 'customer' where id = ${users.demoted.id}`;
  await sql`update users set role = 'staff' where id = ${users.promoted.id}`;
  for (const stream of [disabled, demoted]) {
    await stream.end();
    assertEquals(stream.comments.at(-1), "unauthenticated");
  }
  const beats = admin.comments.length;
  await until(() => admin.comments.length > beats + 3, "more heartbeats");
  assertEquals([promoted.isEnded, admin.isEnded], [false, false]);
});

Deno.test("a stream shows nothing that follows its user's demotion or end in the log", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const [clerk, customer, admin] = [await app.user("staff"), await app.user(), await app.user("admin")];
  await using demoted = await SseClient.open(url, { token: clerk.token });
  await using disabled = await SseClient.open(url, { token: customer.token });
  await using staying = await SseClient.open(url, { token: admin.token });
  const { sku } = await addProduct(app);
  await place(app, customer, { [sku]: 1 });
  const change = (id: string, body: object) =>
    app.request("PATCH", `/v1/users/${id}`, { token: admin.token, body });
  await change(clerk.id, { name: "Still here" });
  // Both have caught up with the log.
  await disabled.receive(1);
  await until(() => demoted.events.some(({ type }) => type === "user.updated"), "the new name is told");
  await change(clerk.id, { role: "customer" });
  await change(customer.id, { disabled: true });
  const last = await place(app, admin, { [sku]: 1 });
  await until(() => staying.events.some(({ data }) => data.aggregate.id === last.id), "the admin is told");
  for (const stream of [demoted, disabled]) {
    await stream.end();
    assertEquals(stream.comments.at(-1), "unauthenticated");
    const changed = staying.events.find(({ type, data }) =>
      type === "user.updated" && data.data.changes.role
    );
    assert(stream.ids.every((id) => id < changed!.id), JSON.stringify([stream.ids, changed]));
  }
  assertEquals(demoted.events.at(-1)!.data.data.name, "Still here");
});

Deno.test("rights that were taken once and given back end no stream that begins before that", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const [clerk, admin] = [await app.user("staff"), await app.user("admin")];
  // Nor does it matter where the process stopped reading when nobody listened any more.
  await (await SseClient.open(url, { token: clerk.token })).close();
  await until(() => app.deps.streams.size === 0, "nobody is there");
  for (const body of [{ disabled: true }, { disabled: false }, { role: "customer" }, { role: "staff" }]) {
    await app.request("PATCH", `/v1/users/${clerk.id}`, { token: admin.token, body });
  }
  await using stream = await SseClient.open(url, { token: clerk.token, query: { after: "0" } });
  await stream.receive(4);
  await app.request("PATCH", `/v1/users/${clerk.id}`, { token: admin.token, body: { name: "Back" } });
  await stream.receive(5);
});

Deno.test("a stream that is opened while others' rights are looked up goes on", async () => {
  await using server = await startLive({ heartbeatMs: 100 });
  const { app, url } = server;
  const [anna, ben] = [await app.user(), await app.user()];
  await using first = await SseClient.open(url, { token: anna.token });
  const { second } = await withConnection(app.deps.config.databaseUrl, (sql) =>
    sql.begin(async (tx) => {
      await tx`lock table users in access exclusive mode`;
      await until(async () => {
        const [row] = await tx`select from pg_locks where relation = 'users'::regclass and not granted`;
        return row !== undefined;
      }, "rights are looked up");
      return { second: await SseClient.open(url, { token: ben.token }) };
    }));
  const beats = second.comments.length;
  await until(() => second.isEnded || second.comments.length > beats + 3, "more heartbeats");
  assertEquals([first.isEnded, second.isEnded], [false, false]);
  await second.close();
});

Deno.test("one user has at most so many streams, and a process too; those that ended no longer count", async () => {
  await using server = await startLive({ perUser: 3, perProcess: 5 });
  const { app, url } = server;
  const [anna, ben] = [await app.user(), await app.user()];
  const open = async (token: string, count: number) => {
    const streams = [];
    for (let i = 0; i < count; i++) streams.push(await SseClient.open(url, { token }));
    return streams;
  };
  const annas = await open(anna.token, 3);
  const response = await ask(url, { token: anna.token });
  assertEquals([response.status, (await response.json()).code], [429, "rate_limited"]);
  assert(Number(response.headers.get("Retry-After")) > 0);
  const bens = await open(ben.token, 2);
  assertEquals(await refusal(url, { token: ben.token }), [503, "unavailable"]);
  await annas[0]!.close();
  await until(() => app.deps.streams.size === 4, "the closed stream is forgotten");
  await using again = await SseClient.open(url, { token: anna.token });
  assert(!again.isEnded);
  await bens[0]!.close();
  await until(() => app.deps.streams.size === 4, "another's closed stream is forgotten");
  assertEquals(await refusal(url, { token: anna.token }), [429, "rate_limited"]);
  for (const stream of [...annas, ...bens]) await stream.close();
});

Deno.test("HEAD opens no stream", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const { token } = await app.user();
  const response = await fetch(`${url}/v1/events/stream`, {
    method: "HEAD",
    headers: { Authorization: `Bearer ${token}` },
  });
  assertEquals([response.status, response.headers.get("Content-Type")], [200, "text/event-stream"]);
  assertEquals(app.deps.streams.size, 0);
});

Deno.test("when the process ends every stream is told to come again, and no other is opened", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const user = await app.user();
  await using first = await SseClient.open(url, { token: user.token });
  await using second = await SseClient.open(url, { token: user.token });
  await app.deps.streams.close();
  for (const stream of [first, second]) {
    await stream.end();
    assertEquals(stream.comments, ["restarting"]);
    assert(stream.retryMs! >= 500 && stream.retryMs! <= 1500);
  }
  assertEquals(await refusal(url, { token: user.token }), [503, "unavailable"]);
});

Deno.test("positions that are none are refused", async () => {
  await using server = await startLive();
  const { app, url } = server;
  const { token } = await app.user();
  for (const after of ["", "0x10", "-1", "x", "1.5", "9".repeat(30)]) {
    assertEquals(await refusal(url, { token, query: { after } }), [422, "invalid_request"]);
    const headers = { "Last-Event-ID": after };
    assertEquals(await refusal(url, { token, headers }), [422, "invalid_request"]);
  }
});

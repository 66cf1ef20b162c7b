import { assert, assertEquals } from "@std/assert";
import { scanEvents } from "../../../src/events/queries.ts";
import { newId } from "../../../src/platform/id.ts";
import { LogHorizon } from "../../../src/platform/log_horizon.ts";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { addLargeEvents } from "../../support/events.ts";
import { addProduct, patch, place } from "../../support/orders.ts";
import { countingRows } from "../../support/rows_read.ts";

// deno-lint-ignore no-explicit-any
type Json = any;

async function ask(
  app: TestApp,
  { token }: TestUser,
  query: Record<string, string | number> = {},
): Promise<Json> {
  const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  const { status, body } = await app.request("GET", `/v1/events?${search}`, { token });
  assertEquals(status, 200, JSON.stringify(body));
  return body;
}

/** Polls until the cursor has reached the log's end, as it is now. */
async function readAll(
  app: TestApp,
  user: TestUser,
  query: Record<string, string | number> = {},
): Promise<Json[]> {
  const [{ end }] = await app.deps.sql`
    select coalesce(max(position), 0) as end from events` as unknown as [{ end: number }];
  const events: Json[] = [];
  for (let after = "0", deadline = Date.now() + 20_000; Number(after) < end;) {
    const { data, next_cursor } = await ask(app, user, { ...query, after });
    assert(Number(next_cursor) >= Number(after));
    events.push(...data);
    after = next_cursor;
    assert(Date.now() < deadline, `the cursor stays at ${after}, the log ends at ${end}`);
  }
  return events;
}

/** Events of no type that is known, straight into the log. */
async function fill({ deps: { sql } }: TestApp, count: number, user?: TestUser): Promise<void> {
  const id = newId();
  await sql`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select 'filler.added', 1, 'filler', ${id}, n, ${user?.id ?? null}, 'system:test', '{}', now()
    from generate_series(1, ${count}::int) as n`;
}

Deno.test("Staff read the whole log in its order, each event once, whatever the size of the pages", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  for (let n = 0; n < 4; n++) {
    await patch(app, staff, (await place(app, user, { [sku]: 1 })).id, { status: "PAID" });
  }
  const log = await app.deps.sql`select id from events order by position`;
  for (const limit of [1, 3, 100]) {
    assertEquals((await readAll(app, staff, { limit })).map(({ id }) => id), log.map(({ id }) => id));
  }
  assertEquals((await ask(app, staff, { limit: 5 })).data.length, 5);
});

Deno.test("A customer reads what is theirs, and not who of the staff did it", async () => {
  await using app = await startTestApp();
  const [user, other, staff] = [await app.user(), await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const order = await place(app, user, { [sku]: 2 });
  await place(app, other, { [sku]: 1 });
  await patch(app, staff, order.id, { status: "PAID" });
  await fill(app, 3);

  const mine = await readAll(app, user);
  assertEquals(mine.map(({ type, actor }) => [type, actor]).toSorted(), [
    ["inventory.updated", "customer"],
    ["order.created", "customer"],
    ["order.updated", "staff"],
  ]);
  assert(mine.every((event) => !("request_id" in event)));
  assert(!JSON.stringify(mine).includes(staff.id) && !JSON.stringify(mine).includes(other.id));
  const created = mine.find(({ type }) => type === "order.created");
  assertEquals([created.aggregate, created.sequence, created.data], [
    { type: "order", id: order.id },
    1,
    order,
  ]);
  // Naming another's order or SKU shows no more.
  const { status } = await app.request("GET", `/v1/events?user_id=${other.id}`, { token: user.token });
  assertEquals(status, 422);
  const ofSku = await readAll(app, user, { aggregate_type: "inventory", aggregate_id: `${sku}@default` });
  assertEquals(ofSku.map(({ data }) => data.order_id), [order.id]);
  assertEquals((await readAll(app, other, { aggregate_type: "order", aggregate_id: order.id })).length, 0);

  const seen = (await readAll(app, staff)).find(({ data, type }) =>
    type === "order.updated" && data.id === order.id
  );
  assertEquals(seen.actor, `user:${staff.id}`);
  assert(seen.request_id.length > 0);
});

Deno.test("Filters by type, prefix, kind of thing and thing all hold together", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const [a, b] = [await addProduct(app), await addProduct(app)];
  const order = await place(app, user, { [a.sku]: 1, [b.sku]: 1 });
  await place(app, user, { [a.sku]: 1 });
  await patch(app, staff, order.id, { status: "CANCELLED" });
  const all = await readAll(app, staff);
  const expect = async (query: Record<string, string>, wanted: (event: Json) => boolean) => {
    const expected = all.filter(wanted);
    for (const limit of [1, 100]) {
      assertEquals(await readAll(app, staff, { ...query, limit }), expected, JSON.stringify(query));
    }
    return expected.length;
  };
  assertEquals(await expect({ type: "order.created" }, ({ type }) => type === "order.created"), 2);
  assertEquals(await expect({ type: "order.*" }, ({ type }) => type.startsWith("order.")), 3);
  assertEquals(
    await expect(
      { type: "order.cancelled, inventory.*" },
      ({ type }) => ["order.cancelled", "inventory.updated"].includes(type),
    ),
    6,
  );
  assertEquals(
    await expect({ aggregate_type: "inventory" }, ({ aggregate }) => aggregate.type === "inventory"),
    5,
  );
  assertEquals(await expect({ aggregate_type: "inventory", type: "order.*" }, () => false), 0);
  const thing = { aggregate_type: "order", aggregate_id: order.id };
  assertEquals(await expect(thing, ({ aggregate }) => aggregate.id === order.id), 2);
  assertEquals(
    await expect({ ...thing, aggregate_id: order.id.toUpperCase() }, (e) => e.aggregate.id === order.id),
    2,
  );
  assertEquals(
    await expect(
      { ...thing, type: "order.cancelled" },
      (e) => e.aggregate.id === order.id && e.sequence === 2,
    ),
    1,
  );
});

Deno.test("A filter that matches nothing for long still moves on, and finds what comes behind", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  await fill(app, 6000);
  await fill(app, 6000, user);
  const order = await place(app, user, { [sku]: 1 });
  for (const reader of [staff, user]) {
    const first = await ask(app, reader, { type: "order.created" });
    assertEquals(first.data, []);
    assert(Number(first.next_cursor) >= 5000 && Number(first.next_cursor) < 12_000, first.next_cursor);
    const found = await readAll(app, reader, { type: "order.created" });
    assertEquals(found.map(({ aggregate }) => aggregate.id), [order.id]);
  }
  // By an index a customer without events is told at once that there are none.
  const stranger = await app.user();
  assert(Number((await ask(app, stranger, { type: "order.created" })).next_cursor) > 12_000);
});

Deno.test("However much happened to one thing, a page of it looks at few events, from wherever it begins", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const [user, stranger] = [await app.user(), await app.user()];
  for (let i = 0; i < 3; i++) await fill(app, 7000, user);
  const things = await sql<{ id: string; first: number; last: number }[]>`
    select aggregate_id as id, min(position) as first, max(position) as last from events
    where aggregate_type = 'filler' group by 1 order by 2`;
  const { id, first, last } = things[1]!;
  const aggregate = { type: "filler", id };
  for (const after of [0, first - 1, first, first + 3500, last - 1, last, last + 5]) {
    const scan = { after, upTo: last + 7000, aggregate, limit: 100, scanLimit: 5000 };
    const { result, rows } = await countingRows(sql, "events", (tx) => scanEvents(tx as never, scan));
    const expected = Array.from({ length: 100 }, (_, i) => Math.max(after + 1, first) + i)
      .filter((position) => position <= last);
    assertEquals(result.events.map(({ position }) => position), expected, `after ${after}`);
    assert(rows < 300, `${rows} events were looked at after ${after}`);
  }
  const query = { aggregate_type: "inventory", aggregate_id: "MANY@default" };
  await sql`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select 'inventory.updated', 1, 'inventory', 'MANY@default', n, case when n in (2, 6000) then ${user.id}::uuid end,
           'system:test', '{}', now()
    from generate_series(1, 7000) as n`;
  assertEquals((await readAll(app, user, query)).map(({ sequence }) => sequence), [2, 6000]);
  const { data, next_cursor } = await ask(app, stranger, query);
  const [{ end }] = await sql`select max(position) as end from events` as unknown as [{ end: number }];
  assertEquals([data, Number(next_cursor)], [[], end - 2000]);
});

Deno.test("A page of large events holds few of them, and the next goes on behind them", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  await fill(app, 3);
  await addLargeEvents(app.deps.sql, 4);
  const log = await app.deps.sql`select id from events order by position`;
  assertEquals((await readAll(app, staff, { limit: 100 })).map(({ id }) => id), log.map(({ id }) => id));
  for (const filter of [{}, { type: "order.created" }] as Record<string, string>[]) {
    const { data } = await ask(app, staff, { limit: 100, ...filter });
    const large = data.filter(({ type }: Json) => type === "order.created");
    assert(large.length >= 1 && large.length < 4, `${large.length} of 4 large events`);
  }
});

Deno.test("There is always a cursor, and a poller that keeps it sees the next event", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  assertEquals(await ask(app, staff), { data: [], next_cursor: "0" });
  const { sku } = await addProduct(app);
  await place(app, user, { [sku]: 1 });
  const first = await readAll(app, staff);
  const end = first.at(-1).position;
  assertEquals(await ask(app, staff, { after: end }), { data: [], next_cursor: String(end) });
  const far = String(end + 1_000_000);
  assertEquals(
    await ask(app, staff, { after: far }),
    { data: [], next_cursor: far },
    "a cursor never goes back",
  );
  await place(app, user, { [sku]: 1 });
  for (let after = String(end), got: Json[] = []; got.length < 2;) {
    const { data, next_cursor } = await ask(app, staff, { after });
    got = [...got, ...data];
    after = next_cursor;
  }
});

Deno.test("Nothing is shown beyond what is settled, though it is committed", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  await place(app, user, { [sku]: 1 });
  const [before] = await app.deps.sql`select max(position) as position from events`;
  const end = Promise.withResolvers<void>();
  const drawn = Promise.withResolvers<void>();
  const late = app.deps.sql.begin(async (tx) => {
    await tx`
      insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
      values ('filler.added', 1, 'filler', 'late', 1, 'system:test', '{}', now())`;
    drawn.resolve();
    await end.promise;
  });
  await drawn.promise;
  try {
    const { id } = await place(app, user, { [sku]: 1 });
    const { data, next_cursor } = await ask(app, staff, { limit: 100 });
    assertEquals([data.length, next_cursor], [before!.position, String(before!.position)]);
    assertEquals((await ask(app, user, { limit: 100 })).next_cursor, next_cursor);
    const ofOne = await ask(app, staff, { aggregate_type: "order", aggregate_id: id });
    assertEquals([ofOne.data, ofOne.next_cursor], [[], next_cursor]);
  } finally {
    end.resolve();
    await late;
  }
  const types = (await readAll(app, staff)).map(({ type }) => type);
  assertEquals(types.slice(before!.position).toSorted(), [
    "filler.added",
    "inventory.updated",
    "order.created",
  ]);
});

Deno.test("A process whose horizon is behind another's gives back the cursor that it was given", async () => {
  await using app = await startTestApp({}, {});
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  await place(app, user, { [sku]: 1 });
  assert(await new LogHorizon(app.deps.sql).settled() > 0);
  app.deps.horizon.settled = () => Promise.resolve(1);
  assertEquals(await ask(app, staff, { after: 2 }), { data: [], next_cursor: "2" });
});

Deno.test("What cannot be meant is refused by name", async () => {
  await using app = await startTestApp();
  const staff = await app.user("staff");
  const cases: Record<string, string> = {
    "after=-1": "query/after",
    "after=1.5": "query/after",
    "after=": "query/after",
    "after=9999999999999999": "query/after",
    "type=order": "query/type",
    "type=order.nothing": "query/type",
    "type=order.*,": "query/type",
    "type=*": "query/type",
    "aggregate_type=basket": "query/aggregate_type",
    "aggregate_id=x": "query/aggregate_id",
    "limit=0": "query/limit",
    "limit=101": "query/limit",
    "cursor=1": "query/cursor",
  };
  for (const [query, pointer] of Object.entries(cases)) {
    const { status, body } = await app.request("GET", `/v1/events?${query}`, { token: staff.token });
    assertEquals([status, body.errors?.[0]?.pointer], [422, pointer], query);
  }
  assertEquals((await app.request("GET", "/v1/events")).status, 401);
});

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Deps } from "../../src/deps.ts";
import { openCache } from "../../src/platform/cache.ts";
import type { LogHorizon } from "../../src/platform/log_horizon.ts";
import { Waker } from "../../src/platform/waker.ts";
import { followLog, readOn } from "../../workers/log_follower.ts";
import { startTestApp } from "../support/app.ts";
import { testWithRedis } from "../support/database.ts";
import { addProduct, patch, place, read, startAnother } from "../support/orders.ts";
import { until } from "../support/until.ts";

async function readToEnd(deps: Deps, reader: string): Promise<void> {
  while ((await readOn(deps, reader)).count > 0);
}

testWithRedis(
  "An order that was changed without a word to the cache leaves it, also if the worker dies before its commit",
  async () => {
    await using app = await startTestApp();
    await using other = await startAnother(app);
    // As if it had been killed between its commit and its word to the cache.
    const told = other.deps.cache;
    Object.assign(other.deps, { cache: await openCache() });
    const user = await app.user();
    const { sku } = await addProduct(app);
    const { id } = await place(app, user, { [sku]: 1 });
    await read(app, user, id);
    await readToEnd(app.deps, "jobs");
    assertEquals((await patch(other, user, id, { status: "CANCELLED" })).status, 200);
    assertEquals((await read(app, user, id)).body.status, "PENDING", "the cache has the older one");
    app.deps.jobs.enqueue = () => Promise.reject(new Error("killed"));
    await assertRejects(() => readOn(app.deps, "jobs"), Error, "killed");
    assertEquals((await read(app, user, id)).body.status, "CANCELLED");
    Object.assign(other.deps, { cache: told });
  },
);

Deno.test("Workers are woken where there are new jobs, and let be where there are none", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  await app.deps.sql`
    insert into webhook_endpoints (id, url, event_types, secret, created_at, updated_at)
    values (gen_random_uuid(), 'https://example.com', array['order.created'], 'sealed', now(), now())`;
  const { sku } = await addProduct(app);
  let woken = 0;
  app.deps.jobs.announce = () => void woken++;
  const wokenBy = async (reader: string) => {
    woken = 0;
    await readToEnd(app.deps, reader);
    return woken > 0;
  };
  assertEquals([await wokenBy("jobs"), await wokenBy("webhooks")], [false, false], "a new product");
  const { id } = await place(app, user, { [sku]: 1 });
  assertEquals([await wokenBy("jobs"), await wokenBy("webhooks")], [true, true], "a new order");
  assertEquals((await patch(app, user, id, { note: "By noon" })).status, 200);
  assertEquals([await wokenBy("jobs"), await wokenBy("webhooks")], [false, false], "a changed order");
});

Deno.test("However many endpoints want an event, a transaction makes no more deliveries than it has time for", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const [endpoints, events] = [1000, 12];
  await sql`
    insert into webhook_endpoints (id, url, event_types, secret, status, created_at, updated_at)
    select gen_random_uuid(), 'https://example.com/' || n, array['*'], 'sealed', status, now(), now()
    from generate_series(1, ${endpoints}::int) n, (values ('enabled'), ('disabled')) each (status)`;
  await sql`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
    select 'order.created', 1, 'order', gen_random_uuid(), 1, 'system', '{}', now()
    from generate_series(1, ${events}::int)`;
  const batches: number[] = [];
  for (let more = true; more;) {
    const { count, mayBeMore } = await readOn(app.deps, "webhooks");
    batches.push(count);
    more = mayBeMore;
  }
  assertEquals(batches, [5, 5, 2]);
  const [row] = await sql<{ jobs: number; deliveries: number }[]>`
    select (select count(*) from pgboss.job where name = 'webhooks.deliver') as jobs,
           (select count(*) from webhook_deliveries) as deliveries`;
  assertEquals(row, { jobs: endpoints * events, deliveries: endpoints * events });
});

Deno.test("A reader that cannot read the log, as the database is away, tries again now and then", async () => {
  await using app = await startTestApp();
  let tried = 0;
  const settled = () => (tried++, Promise.reject(new Error("away")));
  const deps = { ...app.deps, horizon: { settled } as never as LogHorizon };
  const stopping = new AbortController();
  const following = followLog(deps, "webhooks", new Waker(stopping.signal), stopping.signal);
  try {
    await until(() => tried > 0, "it has tried");
    for (let i = 0; i < 50; i++) await app.deps.sql`select`;
    assert(tried < 10, `${tried} times`);
    await until(() => tried > 1, "it has tried again");
  } finally {
    stopping.abort();
    await following;
  }
});

/** Complaints 10, 12, 14 and 15: lists, events, jobs, and who did what. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemCtx } from "../../src/deps.ts";
import { expireDueOrders } from "../../src/orders/mod.ts";
import { listOrderRows } from "../../src/orders/list_queries.ts";
import { advanceReader } from "../../src/platform/event_log.ts";
import { transaction } from "../../src/platform/db.ts";
import type { Sql, Tx } from "../../src/platform/db.ts";
import { joining } from "../../src/platform/jobs.ts";
import { sweep } from "../../src/platform/sweep_job.ts";
import { seal } from "../../src/webhooks/secret.ts";
import { withConnection } from "../../tools/database_admin.ts";
import { startTestApp, type TestApp } from "../support/app.ts";
import { untilWaiting } from "../support/lock_waits.ts";
import { addProduct, patch, place, read, tryToPlace } from "../support/orders.ts";
import { letRetriesBeDue } from "../support/payments.ts";
import { doJobs, doOutsideJobs, readLog } from "../support/worker.ts";
import { sealLog } from "../../src/events/mod.ts";
import { rewriteLog } from "../support/events.ts";

const ORDERS = 20_000;
const RESERVED = 5_000;

/** How the orders have been read so far in this transaction. */
async function readsOfOrders(tx: Tx) {
  const [row] = await tx<{ scans: number; rows: number }[]>`
    select seq_scan::int as scans, idx_tup_fetch::int as rows from pg_stat_xact_user_tables where relname = 'orders'`;
  return row!;
}

Deno.test("Complaint 10 (medusa #14095, #6607): of many orders those of one payment status are a page away: filtered, by keyset, uncounted, and read along an index", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  // The oldest are reserved: whoever went through the orders from the newest on would meet them last.
  await sql`
    insert into orders (id, number, user_id, payment_status, currency, subtotal, total_price, ship_to, placed_by, placed_at,
                        created_at, updated_at)
    select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'OLD-' || n, ${user.id},
           case when n <= ${RESERVED} then 'AUTHORISED' else 'UNPAID' end, 'EUR', 0, 0, '{}', 'system:test', now(), now(),
           now()
    from generate_series(1, ${ORDERS}) as n`;
  const pay = async () => {
    const { id } = await place(app, user, { [sku]: 1 });
    assertEquals((await patch(app, staff, id, { status: "PAID" })).status, 200);
    return id;
  };
  const paid: string[] = [];
  for (let i = 0; i < 7; i++) paid.unshift(await pay());
  await sql`analyze orders`;

  const met: string[] = [];
  let cursor: string | null = "";
  for (let page = 0; cursor !== null; page++) {
    const query: string = `payment_status=PAID&limit=3${cursor && `&cursor=${cursor}`}`;
    const { status, body } = await app.request("GET", `/v1/orders?${query}`, { token: staff.token });
    assertEquals([status, Object.keys(body).toSorted()], [200, ["data", "next_cursor"]]);
    met.push(...body.data.map(({ id }: { id: string }) => id));
    cursor = body.next_cursor;
    if (page === 0) await pay(); // what comes in meanwhile moves nothing from page to page
  }
  assertEquals(met, paid);

  for (const payment_status of ["AUTHORISED", "PAID", "REFUNDED"] as const) {
    for (const sort of ["-created_at", "created_at"] as const) {
      const { scans, rows } = await transaction(sql, async (tx) => {
        const before = await readsOfOrders(tx); // by what this connection did lately
        await listOrderRows(tx as unknown as Sql, { payment_status, sort, limit: 3 });
        const after = await readsOfOrders(tx);
        return { scans: after.scans - before.scans, rows: after.rows - before.rows };
      });
      assertEquals(scans, 0, "the table is never read from end to end");
      assert(rows <= 4, `${rows} rows were read for a page of 3 that are ${payment_status}`);
    }
  }
});

Deno.test("Complaint 12 (medusa #6016, #14357; saleor #17086): what happened and its event are there together or not at all, and no reader of the log passes over what it could not do", async () => {
  await using app = await startTestApp();
  const { deps } = app;
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 5 });
  const stored = async () => {
    const [row] = await deps.sql`
      select (select count(*)::int from orders) as orders,
             (select count(*)::int from events where type = 'order.created') as events,
             (select reserved from stock_levels where sku = ${sku}) as reserved`;
    return Object.values(row!);
  };

  // An order whose event cannot be written yet; and then its connection is killed.
  const killed = await withConnection(deps.config.databaseUrl, (holder) =>
    holder.begin(async (tx) => {
      await tx`lock table events in exclusive mode`;
      const placing = tryToPlace(app, user, { [sku]: 2 }, { key: "killed" });
      const [pid] = await untilWaiting(tx);
      assertEquals(await stored(), [0, 0, 0], "nobody sees an order without its event");
      await tx`select pg_terminate_backend(${pid!})`;
      return { placing };
    }));
  const first = await killed.placing;
  assertEquals([first.status, first.headers.get("Retry-After")], [503, "1"]);
  assertEquals(await stored(), [0, 0, 0]);
  const again = await tryToPlace(app, user, { [sku]: 2 }, { key: "killed" });
  assertEquals(again.status, 201);
  assertEquals(await stored(), [1, 1, 2]);

  // A reader that fails has read nothing.
  const read = async (work: () => void) => {
    const seen: string[] = [];
    await advanceReader(deps.sql, deps.horizon, "webhooks", 100, (_, events) => {
      seen.push(...events.map(({ type, aggregate_id }) => `${type} ${aggregate_id}`));
      work();
      return Promise.resolve();
    });
    return seen;
  };
  const fail = () => {
    throw new Error("The broker did not answer.");
  };
  const [last] = await deps.sql`select max(position) as position from events`;
  while (await deps.horizon.settled() < last!.position);
  await assertRejects(() => read(fail), Error, "did not answer");
  const created = `order.created ${again.body.id}`;
  assertEquals((await read(() => {})).filter((event) => event === created), [created]);
  assertEquals(await read(() => {}), [], "and once it could, it is done");
});

const statesOf = async ({ deps: { sql } }: TestApp, queue: string) =>
  (await sql`select state::text from pgboss.job where name = ${queue} order by state`).map(({ state }) =>
    state
  );

Deno.test("Complaint 14 (vendure #5187, #5167; medusa #11175): a job whose worker died is done by another, one that is slow holds up no other, and what is done with goes", async () => {
  await using app = await startTestApp();
  const { deps } = app;
  const { sql } = deps;
  const user = await app.user();
  const { sku } = await addProduct(app);
  const boss = await deps.jobs.boss();
  for (let i = 0; i < 2; i++) await place(app, user, { [sku]: 1 });
  await readLog(deps);

  // A worker has taken one job and works on it: others take the other one at once. When it is killed, its job is free.
  const kill = new Error("killed");
  const dying = transaction(sql, async (tx) => {
    assertEquals((await boss.fetch("orders.process", { db: joining(tx) })).length, 1);
    assertEquals(await doJobs(deps, "orders.process"), 1);
    throw kill;
  });
  assertEquals(await dying.catch((error) => error), kill);
  assertEquals(await doJobs(deps, "orders.process"), 1);
  assertEquals(await statesOf(app, "orders.process"), ["completed", "completed"]);

  // A worker that calls other systems has taken a job and has been silent for longer than its heartbeat allows.
  await readLog(deps);
  const taken = (await boss.fetch("notifications.send"))[0]!;
  await sql`update pgboss.job set heartbeat_on = now() - interval '1 minute' where id = ${taken.id}`;
  assertEquals((await statesOf(app, "notifications.send")).filter((state) => state === "active"), ["active"]);
  await boss.supervise("notifications.send");
  assertEquals((await statesOf(app, "notifications.send")).filter((state) => state === "active"), []);
  await letRetriesBeDue(app);
  assertEquals(await doOutsideJobs(deps, "notifications.send"), { done: 2, failures: [] });

  // Jobs that were done four days ago, keys that are out of date, webhooks of last month: none of them stays.
  await sql`update pgboss.job set completed_on = now() - interval '4 days' where name = 'orders.process'`;
  await boss.supervise("orders.process");
  assertEquals(await statesOf(app, "orders.process"), []);
  await sql`
    insert into idempotency_keys (actor, route, key, request_hash, response, expires_at)
    values ('a', 'r', 'old', ${"0".repeat(64)}, '', now() - interval '1 second'),
           ('a', 'r', 'new', ${"0".repeat(64)}, '', now() + interval '1 hour')`;
  await sql`
    insert into payment_webhooks (provider, event_id, payload, received_at, processed_at)
    values ('sandbox', 'old', '{}', now() - interval '31 days', now()),
           ('sandbox', 'undone', '{}', now() - interval '31 days', null),
           ('sandbox', 'new', '{}', now(), now())`;
  await sql`
    with endpoint as (
      insert into webhook_endpoints (id, url, event_types, secret, created_at, updated_at)
      values (gen_random_uuid(), 'https://example.com/', '{*}', ${await seal(
    deps.config,
    "whsec_",
  )}, now(), now())
      returning id
    )
    insert into webhook_deliveries (id, endpoint_id, event_type, status, created_at, finished_at)
    select gen_random_uuid(), endpoint.id, type, status, now() - interval '40 days', now() - finished::interval
    from endpoint, (values ('old', 'failed', '31 days'), ('waits', 'pending', null), ('new', 'succeeded', '29 days'))
      as delivery (type, status, finished)`;
  await sql`
    insert into password_tokens (hash, user_id, expires_at)
    select sha256(life::bytea), ${user.id}, now() + life::interval from unnest('{-1 second,1 hour}'::text[]) life`;
  await transaction(sql, (tx) => deps.jobs.enqueue(tx, sweep, [{}]));
  assertEquals(await doOutsideJobs(deps, "platform.sweep"), { done: 1, failures: [] });
  assertEquals((await sql`select key from idempotency_keys`).map(({ key }) => key), ["new"]);
  assertEquals(
    (await sql`select event_id from payment_webhooks order by event_id`).map(({ event_id }) => event_id),
    ["new", "undone"],
  );
  assertEquals(
    (await sql`select event_type from webhook_deliveries order by event_type`).map((row) => row.event_type),
    ["new", "waits"],
  );
  assertEquals((await sql`select from password_tokens where expires_at > now()`).length, 1);
  assertEquals((await sql`select from password_tokens`).length, 1);
});

Deno.test("Complaint 15 (vendure #3199; saleor #10106): of each change it is on record who made it, in which request, and what it was before; and nothing that was booked can be rewritten unseen", async () => {
  await using app = await startTestApp();
  const [user, staff] = [await app.user(), await app.user("staff")];
  const { sku, id: productId } = await addProduct(app);
  const order = await place(app, user, { [sku]: 1 });
  const by = (requestId: string) => ({ headers: { "X-Request-Id": requestId } });
  await patch(app, user, order.id, { note: "Ring twice" }, by("call-of-the-owner").headers);
  await patch(
    app,
    staff,
    order.id,
    { note: null, metadata: { channel: "web" } },
    by("call-of-staff").headers,
  );
  await app.deps.sql`update orders set expires_at = now() - interval '1 minute' where id = ${order.id}`;
  await expireDueOrders(systemCtx(app.deps, "orders.expire"));

  const timeline = async (token: string) => {
    const { body } = await app.request("GET", `/v1/orders/${order.id}/timeline`, { token });
    return body.data;
  };
  const entries = await timeline(staff.token);
  assertEquals(entries.map(({ actor }: { actor: string }) => actor), [
    `user:${user.id}`,
    `user:${user.id}`,
    `user:${staff.id}`,
    "system:orders.expire",
  ]);
  assertEquals(entries[1].changes, { note: { from: null, to: "Ring twice" } });
  assertEquals(entries[2].changes, {
    note: { from: "Ring twice", to: null },
    metadata: { from: {}, to: { channel: "web" } },
  });
  assertEquals(entries[3].changes.status, { from: "PENDING", to: "EXPIRED" });
  const seenByOwner = await timeline(user.token);
  assertEquals(seenByOwner.map(({ actor }: { actor: string }) => actor), [
    "customer",
    "customer",
    "staff",
    "system",
  ]);

  const requestsOf = async (type: string, id: string) => {
    const query = `aggregate_type=${type}&aggregate_id=${id}`;
    const { body } = await app.request("GET", `/v1/events?${query}`, { token: staff.token });
    return body.data.map((event: { actor: string; request_id: string }) => [event.actor, event.request_id]);
  };
  assertEquals((await requestsOf("order", order.id)).slice(1, 3), [
    [`user:${user.id}`, "call-of-the-owner"],
    [`user:${staff.id}`, "call-of-staff"],
  ]);
  // Not only orders: prices and stock too.
  await app.request("PATCH", `/v1/products/${productId}`, {
    token: staff.token,
    body: { name: "A better name" },
    ...by("new-name"),
  });
  await app.request("POST", `/v1/inventory/${sku}/adjustments`, {
    token: staff.token,
    body: { delta: -1, reason: "Broken" },
    ...by("one-broken"),
  });
  assertEquals((await requestsOf("product", productId)).at(-1), [`user:${staff.id}`, "new-name"]);
  assertEquals((await requestsOf("inventory", `${sku}@default`)).at(-1), [`user:${staff.id}`, "one-broken"]);

  const { sql } = app.deps;
  await assertRejects(() => sql`update ledger set actor = 'nobody'`, Error, "never changed");
  await assertRejects(() => sql`delete from ledger`, Error, "never changed");
  await assertRejects(() => sql`delete from orders`, Error, "never deleted");
  await assertRejects(() => sql`update events set actor = 'nobody'`, Error, "never changed");
  await assertRejects(() => sql`delete from events`, Error, "never changed");
  // Whoever may do anything is not stopped, but found: the log is chained by hashes.
  const isAsSealed = async () => {
    const { body } = await app.request("GET", "/v1/admin/invariants", { token: staff.token });
    const { breaks } = body.invariants.find(({ name }: { name: string }) =>
      name === "sealed_events_are_as_they_were"
    );
    return breaks === 0;
  };
  assert((await sealLog(systemCtx(app.deps, "events.seal"))).seal);
  assert(await isAsSealed());
  await rewriteLog(sql, (tx) => tx`update events set actor = 'nobody' where request_id = 'call-of-staff'`);
  assert(!await isAsSealed());
  assertEquals((await read(app, user, order.id)).body.status, "EXPIRED");
});

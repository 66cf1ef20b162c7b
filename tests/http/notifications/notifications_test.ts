import { assert, assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { type OrderTemplate, sendNotification } from "../../../src/notifications/mod.ts";
import { listNotificationRows } from "../../../src/notifications/queries.ts";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp, type TestUser } from "../../support/app.ts";
import { addProduct, place } from "../../support/orders.ts";
import { newestFirst } from "../../support/pages.ts";
import { countingRows } from "../../support/rows_read.ts";

const TEMPLATES: OrderTemplate[] = ["order_confirmed", "order_expired", "order_cancelled"];

/** Two customers with three orders each, and all three notifications of each order. */
async function open() {
  const app = await startTestApp();
  const [one, two, staff] = [await app.user(), await app.user(), await app.user("staff")];
  const { sku } = await addProduct(app);
  const attempt = { signal: new AbortController().signal, isLast: false };
  const orders: { id: string; user_id: string }[] = [];
  for (const user of [one, two, one, two, one, two]) {
    const order = await place(app, user, { [sku]: 1 });
    orders.push(order);
    for (const template of TEMPLATES) {
      await sendNotification(systemCtx(app.deps, "test"), { template, order_id: order.id }, attempt);
    }
  }
  await app.deps.sql`
    update notifications set status = 'sent', sent_at = now() where template = 'order_expired'`;
  const [, , waits, refused] = orders;
  await app.deps.sql`
    update notifications set status = case order_id when ${waits!.id} then 'queued' else 'failed' end
    where template = 'order_cancelled' and order_id in ${app.deps.sql([waits!.id, refused!.id])}`;
  // deno-lint-ignore no-explicit-any
  const list = async (user: TestUser, query: Record<string, string> = {}): Promise<any[]> => {
    const { status, body } = await app.request(
      "GET",
      `/v1/notifications?${new URLSearchParams({ limit: "100", ...query })}`,
      { token: user.token },
    );
    assertEquals(status, 200, JSON.stringify(body));
    return body.data;
  };
  return { app, one, two, staff, orders, list, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

Deno.test("Customers see their own notifications, newest first, and staff see everyone's", async () => {
  await using shop = await open();
  const { one, two, staff, orders, list } = shop;
  for (const user of [one, two]) {
    const own = orders.filter(({ user_id }) => user_id === user.id).reverse();
    const expected = own.flatMap(({ id }) => TEMPLATES.toReversed().map((template) => [id, template]));
    assertEquals((await list(user)).map(({ order_id, template }) => [order_id, template]), expected);
    assertEquals(await list(user, { user_id: user.id }), await list(user));
    assertEquals(await list(staff, { user_id: user.id }), await list(user));
  }
  assertEquals((await list(staff)).length, 18);
});

Deno.test("Each filter gives exactly what it says, alone and together", async () => {
  await using shop = await open();
  const { one, staff, orders, list } = shop;
  const all = await list(staff);
  const order_id = orders[2]!.id;
  const filters: Record<string, string>[] = [
    { order_id },
    { status: "sent" },
    { status: "kept" },
    { status: "failed" },
    { template: "order_cancelled" },
    { order_id, template: "order_expired", status: "sent" },
    { order_id, status: "queued" },
  ];
  for (const filter of filters) {
    const passes = (each: Record<string, string>) =>
      Object.entries(filter).every(([name, value]) => each[name] === value);
    const some = all.filter(passes);
    assert(some.length > 0 && some.length < all.length, JSON.stringify(filter));
    assertEquals(await list(staff, filter), some, JSON.stringify(filter));
    assertEquals(
      await list(one, filter),
      some.filter(({ user_id }) => user_id === one.id),
      JSON.stringify(filter),
    );
  }
});

Deno.test("Mails that no server took, or that wait, are found without a look at all that were sent since", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  const user = await app.user();
  const order = await place(app, user, { [(await addProduct(app)).sku]: 1 });
  // So many, and so old, that the planner would go from the newest on: it expects to meet enough of them soon.
  const [all, old] = [5000, 500];
  await sql`
    insert into notifications (id, user_id, order_id, template, recipient, subject, body, status, created_at, sent_at,
                               subject_id)
    select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, ${user.id}, ${order.id}, 'order_shipped', 'a@b.c',
           '', '', status, now(), case status when 'sent' then now() end, gen_random_uuid()
    from generate_series(1, ${all}::int) n, lateral (
      select case when n <= ${old}::int then 'failed' when n <= 2 * ${old}::int then 'queued' else 'sent' end as status) given`;
  await sql`analyze notifications`;
  for (const status of ["failed", "queued"] as const) {
    const { result, rows } = await countingRows(
      sql,
      "notifications",
      (tx) => listNotificationRows(tx as never, { status, limit: 20 }),
    );
    assertEquals(result.map((each) => each.status), Array(21).fill(status));
    assertEquals(result.map(({ id }) => id), newestFirst(result));
    assert(rows < old, `${rows} rows were read for ${status}`);
  }
});

Deno.test("A walk through the pages meets each notification once", async () => {
  await using shop = await open();
  const { app, one, list } = shop;
  const walked: unknown[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const { body } = await app.request(
      "GET",
      `/v1/notifications?limit=4${cursor && `&cursor=${cursor}`}`,
      { token: one.token },
    );
    walked.push(...body.data);
    cursor = body.next_cursor;
  }
  assertEquals(walked, await list(one));
});

Deno.test("Another's notification answers like one that is not there, and another's list is refused", async () => {
  await using shop = await open();
  const { app, one, two, staff, list } = shop;
  const [theirs] = await list(two);
  const ask = (user: TestUser, path: string) => app.request("GET", path, { token: user.token });
  for (const user of [two, staff]) {
    assertEquals((await ask(user, `/v1/notifications/${theirs.id}`)).body, theirs);
  }
  for (const id of [theirs.id, newId()]) {
    const { status, body } = await ask(one, `/v1/notifications/${id}`);
    assertEquals([status, body.code], [404, "not_found"]);
  }
  assertEquals((await ask(one, `/v1/notifications?user_id=${two.id}`)).status, 403);
  assertEquals(await list(one, { order_id: theirs.order_id }), []);
  assertEquals((await ask(one, "/v1/notifications?page=2")).status, 422);
});

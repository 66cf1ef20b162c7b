import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { listDeliveries } from "../../../src/webhooks/queries.ts";
import { startTestApp } from "../../support/app.ts";
import { untilWaiting } from "../../support/lock_waits.ts";
import { ask, createEndpoint, LOCAL } from "./receiver.ts";
import { newestFirst } from "../../support/pages.ts";
import { countingRows } from "../../support/rows_read.ts";

const URL = "http://127.0.0.1:9/hooks";
const PATH = "/v1/webhook-endpoints";

Deno.test("A secret is shown when it is made and never again, and the database does not have it", async () => {
  await using app = await startTestApp(LOCAL);
  const staff = await app.user("staff");
  const { secret, ...endpoint } = await createEndpoint(app, staff, URL, ["order.*", "order.*"]);
  assertMatch(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assertEquals(endpoint.event_types, ["order.*"]);
  assertEquals([endpoint.status, endpoint.version], ["enabled", 1]);

  const path = `${PATH}/${endpoint.id}`;
  const { secret: rotated } = await ask(app, staff, "POST", `${path}/secret-rotation`, 200, {});
  assertMatch(rotated, /^whsec_/);
  assertNotEquals(rotated, secret);
  const answers = [
    await ask(app, staff, "GET", path, 200),
    await ask(app, staff, "GET", PATH, 200),
    await ask(app, staff, "PATCH", path, 200, { description: "Changed" }),
  ];
  const [row] = await app.deps.sql`select * from webhook_endpoints`;
  assert(!/whsec_/.test(JSON.stringify([answers, row])));
  for (const each of [secret, rotated]) assert(!JSON.stringify([answers, row]).includes(each.slice(6, 30)));
});

Deno.test("A repeated creation gives the first endpoint with its secret, which is not kept readable for it", async () => {
  await using app = await startTestApp(LOCAL);
  const staff = await app.user("staff");
  const create = () =>
    app.request("POST", PATH, {
      token: staff.token,
      body: { url: URL, event_types: ["*"], description: "Shop" },
      headers: { "Idempotency-Key": "one" },
    });
  const [first, again] = [await create(), await create()];
  assertEquals([first.status, again.status], [201, 201]);
  assertEquals(again.headers.get("Idempotency-Replayed"), "true");
  assertEquals(again.body, first.body);
  assertEquals(first.headers.get("Location"), `${PATH}/${first.body.id}`);
  assertEquals((await ask(app, staff, "GET", PATH, 200)).data.length, 1);
  const { config } = app.deps;
  Object.assign(app.deps, { config: { ...config, webhookAllowPrivateAddresses: false } });
  assertEquals((await create()).body, first.body, "also where webhooks may not go there any more");
  const [kept] = await app.deps.sql`select response from idempotency_keys`;
  assert(kept!.response.includes(first.body.id));
  assert(!kept!.response.includes("whsec_") && !kept!.response.includes(first.body.secret.slice(6, 30)));
});

Deno.test("An event that there is not is named in the refusal", async () => {
  await using app = await startTestApp(LOCAL);
  const staff = await app.user("staff");
  const body = { url: URL, event_types: ["order.created", "order.lost", "shop.*"] };
  const refused = await ask(app, staff, "POST", PATH, 422, body);
  assertEquals(
    refused.errors.map(({ pointer, message }: Record<string, string>) => [pointer, message]),
    [
      ["/event_types/1", 'there is no event "order.lost"; /asyncapi.json has those that there are'],
      ["/event_types/2", 'there is no event "shop.*"; /asyncapi.json has those that there are'],
    ],
  );
  for (const event_types of [[], ["*.created"], ["order"], Array(51).fill("*"), "*"]) {
    await ask(app, staff, "POST", PATH, 422, { url: URL, event_types });
  }
});

Deno.test("A change counts a version, one that changes nothing does not, and an old version is refused", async () => {
  await using app = await startTestApp(LOCAL);
  const staff = await app.user("staff");
  const { id } = await createEndpoint(app, staff, URL);
  const change = (body: unknown, version: string) =>
    app.request("PATCH", `${PATH}/${id}`, {
      token: staff.token,
      body,
      headers: { "If-Match": version },
    });
  const changed = await change({ event_types: ["order.created"], status: "disabled" }, '"1"');
  assertEquals([changed.status, changed.headers.get("ETag")], [200, '"2"']);
  assertEquals([changed.body.event_types, changed.body.status, changed.body.disabled_reason], [
    ["order.created"],
    "disabled",
    null,
  ]);
  assertEquals((await change({ status: "disabled" }, '"2"')).headers.get("ETag"), '"2"');
  assertEquals((await change({ status: "enabled" }, '"1"')).status, 412);
  const got = await app.request("GET", `${PATH}/${id}`, { token: staff.token });
  assertEquals([got.body, got.headers.get("ETag")], [changed.body, '"2"']);
});

Deno.test("Of several changes of an endpoint at once none is lost", async () => {
  await using app = await startTestApp(LOCAL);
  const staff = await app.user("staff");
  const { id } = await createEndpoint(app, staff, URL);
  const { changes } = await app.deps.sql.begin(async (tx) => {
    await tx`select id from webhook_endpoints where id = ${id} for no key update`;
    const changes = Promise.all([
      ask(app, staff, "PATCH", `${PATH}/${id}`, 200, { description: "Stock" }),
      ask(app, staff, "PATCH", `${PATH}/${id}`, 200, { event_types: ["inventory.*"] }),
      ask(app, staff, "POST", `${PATH}/${id}/secret-rotation`, 200, {}),
    ]);
    await untilWaiting(tx, { count: 3 });
    return { changes };
  });
  assertEquals((await changes).map(({ version }) => version).sort(), [2, 3, 4]);
  const { description, event_types } = await ask(app, staff, "GET", `${PATH}/${id}`, 200);
  assertEquals([description, event_types], ["Stock", ["inventory.*"]]);
});

Deno.test("An endpoint that somebody changed since is neither removed nor given a new secret by who knows its old version", async () => {
  await using app = await startTestApp(LOCAL);
  const staff = await app.user("staff");
  const { id } = await createEndpoint(app, staff, URL);
  const send = (method: string, path: string, version: string) =>
    app.request(method, `${PATH}/${id}${path}`, { token: staff.token, headers: { "If-Match": version } });
  const rotated = await send("POST", "/secret-rotation", '"1"');
  assertEquals([rotated.status, rotated.headers.get("ETag")], [200, '"2"']);
  for (const [method, path] of [["POST", "/secret-rotation"], ["DELETE", ""]] as const) {
    const late = await send(method, path, '"1"');
    assertEquals([late.status, late.body.code], [412, "version_mismatch"], method);
  }
  assertEquals((await send("DELETE", "", '"2"')).status, 204);
});

Deno.test("Of a change and a removal at once that know the same version only one happens", async () => {
  await using app = await startTestApp(LOCAL);
  const staff = await app.user("staff");
  const { id } = await createEndpoint(app, staff, URL);
  const send = (method: string, body?: unknown) =>
    app.request(method, `${PATH}/${id}`, { token: staff.token, body, headers: { "If-Match": '"1"' } });
  const { answers } = await app.deps.sql.begin(async (tx) => {
    await tx`select id from webhook_endpoints where id = ${id} for no key update`;
    const answers = Promise.all([send("PATCH", { description: "Stock" }), send("DELETE")]);
    await untilWaiting(tx, { count: 2 });
    return { answers };
  });
  const statuses = (await answers).map(({ status }) => status);
  const { data: left } = await ask(app, staff, "GET", PATH, 200);
  assertEquals(statuses, left.length === 1 ? [200, 412] : [412, 204]);
});

Deno.test("An endpoint whose removal broke off is sent nothing more, and is removed by a repeated call", async () => {
  await using app = await startTestApp(LOCAL);
  const staff = await app.user("staff");
  const { id } = await createEndpoint(app, staff, URL);
  await ask(app, staff, "POST", `${PATH}/${id}/ping`, 202);
  await app.deps.sql.unsafe(`
    create function break_off() returns trigger language plpgsql as 'begin raise exception ''broken off''; end';
    create trigger break_off before delete on webhook_deliveries execute function break_off()`);
  const remove = () =>
    app.request("DELETE", `${PATH}/${id}`, { token: staff.token, headers: { "If-Match": '"1"' } });
  assertEquals((await remove()).status, 500);
  const between = await ask(app, staff, "GET", `${PATH}/${id}`, 200);
  assertEquals([between.status, between.disabled_reason, between.version], [
    "disabled",
    "It is being deleted.",
    2,
  ]);
  await app.deps.sql`drop trigger break_off on webhook_deliveries`;
  assertEquals((await remove()).status, 204);
  await ask(app, staff, "GET", `${PATH}/${id}`, 404);
});

Deno.test("A deleted endpoint is gone with its deliveries", async () => {
  await using app = await startTestApp(LOCAL);
  const staff = await app.user("staff");
  const { id } = await createEndpoint(app, staff, URL);
  const { id: deliveryId } = await ask(app, staff, "POST", `${PATH}/${id}/ping`, 202);
  await ask(app, staff, "GET", `/v1/webhook-deliveries/${deliveryId}`, 200);
  await ask(app, staff, "DELETE", `${PATH}/${id}`, 204);
  for (const path of [`${PATH}/${id}`, `${PATH}/${id}/deliveries`, `/v1/webhook-deliveries/${deliveryId}`]) {
    await ask(app, staff, "GET", path, 404);
  }
  await ask(app, staff, "DELETE", `${PATH}/${id}`, 404);
  await ask(app, staff, "POST", `${PATH}/${id}/ping`, 404);
});

Deno.test("An endpoint with a busy month of deliveries is deleted too, never more than a thousand rows at once", async () => {
  await using app = await startTestApp(LOCAL);
  const staff = await app.user("staff");
  const [{ id }, { id: other }] = [
    await createEndpoint(app, staff, URL),
    await createEndpoint(app, staff, URL),
  ];
  const { sql } = app.deps;
  await sql`
    insert into webhook_deliveries (id, endpoint_id, event_type, status, created_at, finished_at)
    select gen_random_uuid(), e.id, 'order.created', 'succeeded', now(), now()
    from webhook_endpoints e, generate_series(1, 2500)`;
  await sql.unsafe(`
    create table deleted (size int);
    create function note_size() returns trigger language plpgsql as
      'begin insert into deleted select count(*) from gone; return null; end';
    create trigger note_size after delete on webhook_deliveries referencing old table as gone
      for each statement execute function note_size()`);
  await ask(app, staff, "DELETE", `${PATH}/${id}`, 204);
  const sizes = await sql`select size from deleted where size > 0`;
  assertEquals(sizes.map(({ size }) => size), [1000, 1000, 500]);
  const left = await sql`select endpoint_id, count(*) from webhook_deliveries group by endpoint_id`;
  assertEquals([...left], [{ endpoint_id: other, count: 2500 }]);
});

Deno.test("Lists go on where their page ended, newest first", async () => {
  await using app = await startTestApp(LOCAL);
  const staff = await app.user("staff");
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.unshift((await createEndpoint(app, staff, URL)).id);
  const pings: string[] = [];
  for (let i = 0; i < 5; i++) {
    pings.unshift((await ask(app, staff, "POST", `${PATH}/${ids[0]}/ping`, 202)).id);
  }
  for (const [path, expected] of [[PATH, ids], [`${PATH}/${ids[0]}/deliveries`, pings]] as const) {
    const seen: string[] = [];
    for (let cursor = ""; cursor !== "end";) {
      const page = await ask(app, staff, "GET", `${path}?limit=2${cursor && `&cursor=${cursor}`}`, 200);
      seen.push(...page.data.map(({ id }: { id: string }) => id));
      cursor = page.next_cursor ?? "end";
    }
    assertEquals(seen, expected);
  }
  const failed = await ask(app, staff, "GET", `${PATH}/${ids[0]}/deliveries?status=failed`, 200);
  assertEquals(failed.data, []);
});

Deno.test("Customers and strangers may neither see nor do anything here", async () => {
  await using app = await startTestApp(LOCAL);
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const { id } = await createEndpoint(app, staff, URL);
  const { id: deliveryId } = await ask(app, staff, "POST", `${PATH}/${id}/ping`, 202);
  const calls: [string, string, unknown?][] = [
    ["GET", PATH],
    ["POST", PATH, { url: URL, event_types: ["*"] }],
    ["GET", `${PATH}/${id}`],
    ["PATCH", `${PATH}/${id}`, { url: "http://127.0.0.1:1/theirs" }],
    ["DELETE", `${PATH}/${id}`],
    ["POST", `${PATH}/${id}/secret-rotation`, { overlap_hours: 0 }],
    ["POST", `${PATH}/${id}/ping`],
    ["GET", `${PATH}/${id}/deliveries`],
    ["GET", `/v1/webhook-deliveries/${deliveryId}`],
    ["POST", `/v1/webhook-deliveries/${newId()}/redelivery`],
  ];
  for (const [method, path, body] of calls) {
    await ask(app, customer, method, path, 403, body);
    assertEquals((await app.request(method, path, { body })).status, 401, path);
  }
  assertEquals((await ask(app, staff, "GET", `${PATH}/${id}`, 200)).version, 1);
});

Deno.test("Deliveries that failed, or wait, are found without a look at all that an endpoint got since", async () => {
  await using app = await startTestApp(LOCAL);
  const { sql } = app.deps;
  const staff = await app.user("staff");
  const { id: endpointId } = await createEndpoint(app, staff, URL);
  // So many, and so old, that the planner would go from the newest on: it expects to meet enough of them soon.
  const [all, old] = [5000, 500];
  await sql`
    insert into webhook_deliveries (id, endpoint_id, event_type, status, created_at, finished_at)
    select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, ${endpointId}, 'order.created', status, now(),
           case when status <> 'pending' then now() end
    from generate_series(1, ${all}::int) n, lateral (
      select case when n <= ${old}::int then 'failed' when n <= 2 * ${old}::int then 'pending' else 'succeeded' end as status)
      given`;
  await sql`analyze webhook_deliveries`;
  for (const status of ["failed", "pending"] as const) {
    const { result, rows } = await countingRows(
      sql,
      "webhook_deliveries",
      (tx) => listDeliveries(tx as never, { endpointId, status, limit: 20 }),
    );
    assertEquals(result.map((each) => each.status), Array(21).fill(status));
    assertEquals(result.map(({ id }) => id), newestFirst(result));
    assert(rows < old, `${rows} rows were read for ${status}`);
  }
});

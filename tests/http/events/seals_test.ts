import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { chained, listSealRows } from "../../../src/events/seals/queries.ts";
import { sealLog } from "../../../src/events/mod.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { addLargeEvents, rewriteLog } from "../../support/events.ts";
import { addProduct, assertBooksBalance, place, startAnother } from "../../support/orders.ts";
import { until } from "../../support/until.ts";
import { HANDLERS } from "../../../workers/handlers.ts";

const seals = async (app: TestApp) => (await listSealRows(app.deps.sql, { limit: 1000 })).toReversed();

/** A shop whose log was sealed three times, and goes on. */
async function sealedShop() {
  const app = await startTestApp();
  const ctx = systemCtx(app.deps, "events.seal");
  const user = await app.user();
  const { sku } = await addProduct(app);
  for (let round = 0; round < 3; round++) {
    await place(app, user, { [sku]: 1 });
    await place(app, user, { [sku]: 1 });
    assert((await sealLog(ctx)).seal);
  }
  await place(app, user, { [sku]: 1 });
  return { app, ctx, user };
}

Deno.test("Seals cover the log without a gap, each event once, and there is none for nothing", async () => {
  const { app, ctx } = await sealedShop();
  await using _ = app;
  await HANDLERS["events.seal"].alone(ctx, {}, new AbortController().signal);
  assertEquals(await sealLog(ctx), { seal: undefined, mayBeMore: false });
  const chain = await seals(app);
  assertEquals(chain.length, 4);
  assertEquals(chain.map(({ since }) => since), [0, ...chain.slice(0, -1).map(({ position }) => position)]);
  const [log] = await app.deps.sql`select max(position) as last, count(*)::int as events from events`;
  assertEquals(chain.at(-1)!.position, log!.last);
  assertEquals(chain.reduce((sum, { events }) => sum + events, 0), log!.events);
  assertEquals(new Set(chain.map(({ hash }) => hash)).size, 4);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("No seal goes beyond an event that is still being written: it is sealed in its turn", async () => {
  await using app = await startTestApp();
  const ctx = systemCtx(app.deps, "events.seal");
  const user = await app.user();
  const { sku } = await addProduct(app);
  await place(app, user, { [sku]: 1 });
  await app.deps.sql.begin(async (tx) => {
    const [held] = await tx`
      insert into events (type, version, aggregate_type, aggregate_id, sequence, actor, data, occurred_at)
      values ('test.happened', 1, 'test', 'late', 1, 'system:test', '{}', now()) returning position`;
    await place(app, user, { [sku]: 1 });
    await sealLog(ctx);
    const [last] = await listSealRows(app.deps.sql, { limit: 1 });
    assertEquals(last?.position, held!.position - 1);
  });
  const [log] = await app.deps.sql`select count(*)::int as events from events`;
  await until(async () => {
    await sealLog(ctx);
    return (await seals(app)).reduce((sum, { events }) => sum + events, 0) === log!.events;
  }, "all is sealed");
});

Deno.test("However large events are, one seal covers no more of them than there is time for", async () => {
  await using app = await startTestApp();
  await addLargeEvents(app.deps.sql, 40);
  await HANDLERS["events.seal"].alone(systemCtx(app.deps, "events.seal"), {}, new AbortController().signal);
  const sizes = (await seals(app)).map(({ events }) => events);
  assertEquals(sizes.reduce((sum, events) => sum + events), 40);
  assert(Math.max(...sizes) <= 20, `${sizes}`);
});

Deno.test("Several who seal at once make one chain", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const { sku } = await addProduct(app);
  const user = await app.user();
  for (let round = 0; round < 10; round++) {
    await place(app, user, { [sku]: 1 });
    const made = await Promise.all(
      [app.deps, other.deps, app.deps, other.deps].map((deps) => sealLog(systemCtx(deps, "events.seal"))),
    );
    assertEquals(made.filter(({ seal }) => seal).length, 1);
  }
  assertEquals((await seals(app)).length, 10);
  await assertBooksBalance(app.deps.sql);
});

Deno.test("Whatever is done to a sealed event, with whatever rights, is found", async () => {
  for (
    const [statement, broken] of [
      [`update events set data = jsonb_set(data, '{total_price}', '1') where position = $at`, 2],
      [`update events set actor = 'user:somebody-else' where position = $at`, 2],
      [`update events set occurred_at = occurred_at - interval '1 millisecond' where position = $at`, 2],
      [`update events set request_id = null where position = $at`, 2],
      [`delete from events where position = $at`, 2],
      // Who makes a seal fit again breaks the next one.
      [
        `update event_seals set hash = sha256('') where position = (select min(position) from event_seals)`,
        2,
      ],
      [`delete from event_seals where position = (select min(position) from event_seals)`, 1],
    ] as const
  ) {
    const { app } = await sealedShop();
    await using _ = app;
    await assertBooksBalance(app.deps.sql);
    const [, second] = await seals(app);
    await rewriteLog(app.deps.sql, (tx) => tx.unsafe(statement.replace("$at", String(second!.position))));
    const staff = await app.user("staff");
    const { body } = await app.request("GET", "/v1/admin/invariants", { token: staff.token });
    const found = body.invariants.find(({ name }: { name: string }) =>
      name === "sealed_events_are_as_they_were"
    );
    assert(found.breaks >= 1 && found.breaks <= broken, `${statement}: ${found.breaks}`);
    assertEquals(body.ok, false);
  }
});

Deno.test("Who rewrites an event and makes its seal fit again breaks the next one, and cannot help it but to the end", async () => {
  const { app } = await sealedShop();
  await using _ = app;
  const { sql } = app.deps;
  const [, second] = await seals(app);
  await rewriteLog(sql, async (tx) => {
    await tx`update events set user_id = null where position = ${second!.position}`;
    await tx`
      update event_seals s set hash = (
        select ${chained(tx, tx`before.hash`)} from events e, event_seals before
        where before.position = s.since and e.position > s.since and e.position <= s.position
        group by before.hash)
      where position = ${second!.position}`;
  });
  const staff = await app.user("staff");
  const { body } = await app.request("GET", "/v1/admin/invariants", { token: staff.token });
  const found = body.invariants.find(({ name }: { name: string }) =>
    name === "sealed_events_are_as_they_were"
  );
  assertEquals([found.breaks, found.examples.length], [1, 1]);
});

Deno.test("A seal is SHA-256 of the seal before and of its events' own, spelled as it was from the first release on", async () => {
  const { app } = await sealedShop();
  await using _ = app;
  const sha256 = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest();
  const chain = await app.deps.sql`select position, since, hash from event_seals order by position`;
  for (const [index, { position, since, hash }] of chain.entries()) {
    const events = await app.deps.sql`
      select position, id, type, version, aggregate_type, aggregate_id, sequence, user_id, actor, request_id, traceparent,
             data::text, (extract(epoch from occurred_at) * 1000000)::bigint as at
      from events where position > ${since} and position <= ${position} order by position`;
    assert(events.length > 1);
    const digests = events.map(({ data, ...e }) => {
      const before = [
        e.position,
        e.id,
        e.type,
        e.version,
        e.aggregate_type,
        e.aggregate_id,
        e.sequence,
        e.user_id,
      ];
      const spelled = [...before, e.actor, e.request_id, e.traceparent].map((value) => JSON.stringify(value));
      return sha256(`[${[...spelled, data, e.at].join(", ")}]`);
    });
    const ofBefore = index === 0 ? [] : [chain[index - 1]!.hash];
    assertEquals(Buffer.concat([hash]), sha256(Buffer.concat([...ofBefore, ...digests])));
  }
});

Deno.test("A seal is never changed or taken back by an honest hand, and staff can copy it", async () => {
  const { app, user } = await sealedShop();
  await using _ = app;
  const { sql } = app.deps;
  await assertRejects(() => sql`update event_seals set events = events + 1`, Error, "never changed");
  await assertRejects(() => sql`delete from event_seals`, Error, "never changed");
  const staff = await app.user("staff");
  const page = (token: string, query = "") => app.request("GET", `/v1/admin/event-seals${query}`, { token });
  const { body } = await page(staff.token);
  assertEquals(body.data, (await seals(app)).toReversed().map((seal) => ({ ...seal })));
  const first = await page(staff.token, "?limit=2");
  const rest = await page(staff.token, `?limit=2&cursor=${first.body.next_cursor}`);
  assertEquals([...first.body.data, ...rest.body.data], body.data);
  assertEquals((await page(user.token)).status, 403);
});

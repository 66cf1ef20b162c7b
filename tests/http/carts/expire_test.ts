import { assertEquals } from "@std/assert";
import { endDueCarts } from "../../../src/carts/mod.ts";
import { systemCtx } from "../../../src/deps.ts";
import { transaction } from "../../../src/platform/db.ts";
import { expireDueCarts } from "../../../src/quotes/mod.ts";
import { startTestApp } from "../../support/app.ts";
import { assertEventsValid } from "../../support/events.ts";
import { addProduct, eventsOf } from "../../support/orders.ts";
import { HANDLERS } from "../../../workers/handlers.ts";
import { Shopper } from "./shopper.ts";

const DAY_MS = 86_400_000;

/** A clock that the test moves on. */
function movableClock() {
  return {
    days: 0,
    now() {
      return new Date(Date.now() + this.days * DAY_MS);
    },
  };
}

Deno.test("A cart expires when nobody changed it for its time, and not before; what is over stays as it is", async () => {
  const clock = movableClock();
  await using app = await startTestApp({}, { clock });
  const { sku } = await addProduct(app);
  const [left, changed, given] = [new Shopper(app), new Shopper(app), new Shopper(app)];
  const carts = [await left.create({ [sku]: 1 }), await changed.create({ [sku]: 1 }), await given.create()];
  await given.giveUp(carts[2].id);
  const ctx = systemCtx(app.deps, "carts.expire");
  clock.days = 29;
  assertEquals(await expireDueCarts(ctx), { expired: 0, mayBeMore: false });
  // Nor one that was due when it was looked for, and was changed before it was locked.
  const ids = carts.map(({ id }) => id);
  assertEquals((await transaction(app.deps.sql, (tx) => endDueCarts(tx, ctx, ids))).length, 0);
  await changed.add(carts[1].id, sku, 1);
  clock.days = 31;
  assertEquals((await expireDueCarts(ctx)).expired, 1);
  assertEquals((await expireDueCarts(ctx)).expired, 0);
  assertEquals((await transaction(app.deps.sql, (tx) => endDueCarts(tx, ctx, ids))).length, 0);
  const { body } = await left.read(carts[0].id);
  assertEquals([body.status, body.version], ["expired", 2]);
  assertEquals((await changed.read(carts[1].id)).body.status, "open");
  assertEquals((await left.add(carts[0].id, sku, 1)).body.code, "cart_closed");
  const [, expired] = await eventsOf(app, "cart", carts[0].id);
  assertEquals([expired!.type, expired!.sequence, expired!.actor], [
    "cart.expired",
    2,
    "system:carts.expire",
  ]);
  assertEquals(expired!.data.items, [{ sku, quantity: 1, added_price: 1499 }]);
  assertEquals((await eventsOf(app, "cart", carts[2].id)).length, 2);
  await assertEventsValid(app.deps.sql);
});

Deno.test("The job expires all that is due in batches, and passes over a cart that somebody holds", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sql } = app.deps;
  await sql`
    insert into carts (id, user_id, currency, created_at, updated_at, expires_at)
    select gen_random_uuid(), ${user.id}, 'EUR', now(), now(), now() - n * interval '1 minute'
    from generate_series(1, 450) n`;
  const [held] = await sql`select id from carts limit 1`;
  const ctx = systemCtx(app.deps, "carts.expire");
  const openCarts = async () => (await sql`select id from carts where status = 'open'`).map(({ id }) => id);
  await sql.begin(async (tx) => {
    await tx`select from carts where id = ${held!.id} for no key update`;
    await HANDLERS["carts.expire"].alone(ctx, {}, new AbortController().signal);
  });
  assertEquals(await openCarts(), [held!.id]);
  await HANDLERS["carts.expire"].alone(ctx, {}, new AbortController().signal);
  assertEquals(await openCarts(), []);
  const [log] =
    await sql`select count(*)::int from events where type = 'cart.expired' and user_id = ${user.id}`;
  assertEquals(log!.count, 450);
});

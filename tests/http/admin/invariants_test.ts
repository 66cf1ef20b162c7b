import { assert, assertEquals } from "@std/assert";
import { type Finding, INVARIANTS } from "../../../src/admin/mod.ts";
import { findBreaks } from "../../../src/admin/invariants/queries.ts";
import { systemCtx } from "../../../src/deps.ts";
import { expireDueOrders } from "../../../src/orders/mod.ts";
import { type Sql, transaction, type Tx } from "../../../src/platform/db.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { addProduct, place, takeThrough, tryToPlace } from "../../support/orders.ts";
import { tryToRefund } from "../../support/payments.ts";
import { addPromotion } from "../../support/promotions.ts";
import { addCampaign, addReward, redeem, settle } from "../rewards/rewards.ts";
import { BROKEN_BOOKS } from "./broken_books.ts";

/** Orders in every status, each with its name as external reference; and stock that staff changed. */
async function openShop(): Promise<TestApp> {
  const app = await startTestApp();
  const staff = await app.user("staff");
  await addProduct(app, { sku: "A", stock: 1000, prices: { EUR: 500 } });
  await addProduct(app, { sku: "B", stock: 1000, prices: { EUR: 250 } });
  await addCampaign(app, staff);
  const order = (name: string) => place(app, staff, { A: 2, B: 1 }, { external_reference: name });
  const ways = {
    pending: [],
    paid: ["PAID"],
    processing: ["PAID", "PROCESSING"],
    shipped: ["PAID", "PROCESSING", "SHIPPED"],
    delivered: ["PAID", "PROCESSING", "SHIPPED", "DELIVERED"],
    cancelled: ["CANCELLED"],
    paid_and_cancelled: ["PAID", "CANCELLED"],
    refunded: ["PAID", "REFUNDED"],
    refunded_later: ["PAID", "PROCESSING", "SHIPPED", "REFUNDED"],
  };
  const go = (id: string, way: string[]) => takeThrough(app, staff, id, way);
  for (const [name, way] of Object.entries(ways)) await go((await order(name)).id, way);
  const partly = await order("refunded_and_cancelled");
  await go(partly.id, ["PAID"]);
  assertEquals((await tryToRefund(app, staff, partly.id, { amount: 300 })).body.status, "succeeded");
  await go(partly.id, ["CANCELLED"]);
  const refunded = await order("partly_cancelled");
  await go(refunded.id, ["PAID"]);
  const items = [{ line: 1, quantity: 1 }];
  assertEquals((await tryToRefund(app, staff, refunded.id, { items })).body.status, "succeeded");
  const { id } = await order("expired");
  await app.deps.sql`update orders set expires_at = now() - interval '1 minute' where id = ${id}`;
  assertEquals((await expireDueOrders(systemCtx(app.deps, "test"))).expired, 1);
  await addPromotion(app, { code: "TEN" });
  const couponed = (name: string) =>
    place(app, staff, { A: 2, B: 1 }, { external_reference: name, coupon_code: "ten" });
  assertEquals((await couponed("cheaper")).discount_total, 125);
  await go((await couponed("cheaper_and_cancelled")).id, ["CANCELLED"]);
  await settle(app);
  assertEquals((await redeem(app, staff, await addReward(app, staff))).status, 201);
  const repeatable = await tryToPlace(app, await app.user(), { A: 1 }, { key: "a-key" });
  assertEquals(repeatable.status, 201, JSON.stringify(repeatable.body));
  const { token } = staff;
  await app.request("PATCH", "/v1/inventory/B", { token, body: { low_stock_threshold: 5 } });
  await app.request("POST", "/v1/inventory/B/adjustments", { token, body: { delta: -5, reason: "Broken" } });
  return app;
}

const breaking = ({ breaks }: Finding) => breaks > 0;

Deno.test("In a shop where nothing went wrong every invariant holds, whatever became of its orders", async () => {
  await using app = await openShop();
  const staff = await app.user("staff");
  const { status, body } = await app.request("GET", "/v1/admin/invariants", { token: staff.token });
  assertEquals(status, 200);
  assertEquals(body.invariants.filter(breaking), []);
  assertEquals([body.ok, body.broken, body.warnings], [true, 0, 0]);
  assertEquals(body.invariants.map(({ name }: Finding) => name), INVARIANTS.map(({ name }) => name));
  const [orders] = body.invariants.filter(({ name }: Finding) => name === "order_status_follows");
  assertEquals(orders.checked, 15);
});

Deno.test("Only staff learn whether the books are right", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  assertEquals((await app.request("GET", "/v1/admin/invariants", { token: user.token })).status, 403);
  assertEquals((await app.request("GET", "/v1/admin/invariants")).status, 401);
});

Deno.test("Whoever asks while the books are being checked gets that answer", async () => {
  await using app = await startTestApp();
  const { token } = await app.user("staff");
  const ask = () => app.request("GET", "/v1/admin/invariants", { token });
  const [one, another] = await Promise.all([ask(), ask()]);
  assertEquals(one.body, another.body, "with the same milliseconds");
});

Deno.test("Each invariant is found broken by its name once something breaks it, with what does", async (t) => {
  await using app = await openShop();
  const { sql } = app.deps;
  await sql.unsafe(UNGUARD);
  assertEquals(Object.keys(BROKEN_BOOKS).sort(), INVARIANTS.map(({ name }) => name).sort());
  for (const invariant of INVARIANTS) {
    for (const [index, corruption] of [BROKEN_BOOKS[invariant.name]!].flat().entries()) {
      await t.step(`${invariant.name} ${index + 1}`, async () => {
        const { breaks, examples } = await undone(sql, async (tx) => {
          assertEquals((await findBreaks(tx, invariant, new Date(), 10)).breaks, 0);
          await tx.unsafe(corruption);
          return await findBreaks(tx, invariant, new Date(), 10);
        });
        assert(breaks > 0);
        assertEquals(examples.length, Math.min(breaks, 10));
        assert(examples.every(({ id, what }) => id && what), JSON.stringify(examples));
      });
    }
  }
});

/** What `work` gives, without any of its effects. */
async function undone<T>(sql: Sql, work: (tx: Tx) => Promise<T>): Promise<T> {
  let result: T;
  const undo = new Error("undo");
  await sql.begin(async (tx) => {
    result = await work(tx);
    throw undo;
  }).catch((error) => {
    if (error !== undo) throw error;
  });
  return result!;
}

/** Takes away what would refuse a contradiction. */
const UNGUARD = `
  do $$ declare each record; begin
    for each in select conrelid::regclass as relation, conname from pg_constraint
                where contype in ('c', 'f') and connamespace = 'public'::regnamespace loop
      execute format('alter table %s drop constraint %I', each.relation, each.conname);
    end loop;
    for each in select oid::regclass as relation from pg_class
                where relkind = 'r' and relnamespace = 'public'::regnamespace loop
      execute format('alter table %s disable trigger user', each.relation);
    end loop;
  end $$`;

Deno.test("Where parallel workers have no room to share, as with a container's /dev/shm, the books are verified without them", async () => {
  await using app = await startTestApp();
  const { sql } = app.deps;
  await sql`
    create function needs_room() returns boolean language plpgsql as $$ begin
      if current_setting('max_parallel_workers_per_gather') <> '0' then
        raise exception 'could not resize shared memory segment' using errcode = 'disk_full';
      end if;
      return true;
    end $$`;
  const invariant = {
    ...INVARIANTS[0]!,
    broken: (tx: Sql | Tx) => tx`select 'a' as id, 'b' as what where needs_room()`,
  };
  const found = await transaction(sql, (tx) => findBreaks(tx, invariant, new Date(), 10));
  assertEquals(found, { breaks: 1, examples: [{ id: "a", what: "b" }] });
});

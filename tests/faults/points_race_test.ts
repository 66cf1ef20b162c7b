import { assert, assertEquals, assertRejects } from "@std/assert";
import { systemCtx } from "../../src/deps.ts";
import { transaction } from "../../src/platform/db.ts";
import { settlePoints } from "../../src/rewards/mod.ts";
import {
  addCampaign,
  addReward,
  givePoints,
  movementsOf,
  pointsOf,
  redeem,
  settle,
} from "../http/rewards/rewards.ts";
import type { Answer, TestApp, TestUser } from "../support/app.ts";
import { countDeadlocks, untilWaiting } from "../support/lock_waits.ts";
import { assertBooksBalance, patch, place, startAnother } from "../support/orders.ts";
import { MINUTE_MS, startPaidShop, tryToRefund } from "../support/payments.ts";
import { Dice } from "../support/random.ts";

const CUSTOMERS = 6;
const ORDERS_EACH = 4;
const WORKERS = 6;
const ROUNDS = 12;
/** What an order of two, at 14.99, earns at two points for each euro. */
const FULL = 59;

type Job = Parameters<typeof settlePoints>[2][number];

function settleNow({ deps }: TestApp, jobs: Job[]): Promise<void> {
  return transaction(deps.sql, (tx) => settlePoints(tx, systemCtx(deps, "test"), jobs));
}

/** An order of two that was paid, of which no job was done. */
async function paidOrder(app: TestApp, staff: TestUser, { id: user_id }: TestUser, sku: string) {
  const { id } = await place(app, staff, { [sku]: 2 }, { user_id });
  const { status, body } = await patch(app, staff, id, { status: "PAID" });
  assertEquals([status, body.status, body.total_price], [200, "PAID", 2998]);
  return body;
}

/** Settles orders together with others, in any order, and is killed at times before it has committed. */
async function work(app: TestApp, orderIds: string[], dice: Dice): Promise<number> {
  let killed = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const jobs = orderIds.filter(() => dice.chance(0.4)).map((order_id) => ({
      order_id,
      first_paid: dice.chance(0.7),
    }));
    jobs.sort(() => dice.chance(0.5) ? 1 : -1);
    const isKilled = dice.chance(0.25);
    const working = transaction(app.deps.sql, async (tx) => {
      await settlePoints(tx, systemCtx(app.deps, "test"), jobs);
      if (isKilled) throw new Error("killed");
    });
    if (isKilled) await assertRejects(() => working, Error, "killed");
    else await working;
    if (isKilled) killed++;
  }
  return killed;
}

Deno.test("Points of the same orders that many workers settle at once, some of them killed, come once and go once, while they are redeemed, adjusted and refunded", async () => {
  await using shop = await startPaidShop();
  const { app, staff, sku } = shop;
  await using other = await startAnother(app);
  await addCampaign(app, staff);
  await addCampaign(app, staff, { name: "More", points: 1, skus: [sku] });
  const reward = await addReward(app, staff, { points: 20 });
  const users = await Promise.all(Array.from({ length: CUSTOMERS }, () => app.user()));
  const orders: { id: string; user: TestUser }[] = [];
  for (let i = 0; i < ORDERS_EACH; i++) {
    for (const user of users) orders.push({ ...await paidOrder(app, staff, user, sku), user });
  }
  const ids = orders.map(({ id }) => id);

  const refundSome = async (dice: Dice) => {
    const answers: Answer[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      answers.push(
        await tryToRefund(app, staff, dice.pick(...ids), { amount: dice.upTo(1500), manual: true }),
      );
    }
    return answers;
  };
  const spend = async (user: TestUser, dice: Dice) => {
    const answers: Answer[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      const points = dice.pick(5, -5, -100);
      const path = `/v1/users/${user.id}/points/adjustments`;
      answers.push(await redeem(dice.pick(app, other), user, reward));
      answers.push(await app.request("POST", path, { token: staff.token, body: { points, reason: "Test" } }));
    }
    return answers;
  };
  const [killed, answers] = await Promise.all([
    Promise.all(Array.from({ length: WORKERS }, (_, i) => work(i % 2 ? app : other, ids, new Dice(i + 1)))),
    Promise.all([refundSome(new Dice(99)), ...users.map((user, i) => spend(user, new Dice(50 + i)))]),
  ]);
  const tally = answers.flat().map(({ status }) => status);
  assertEquals(tally.filter((status) => status !== 201 && status !== 422 && status !== 409), []);
  assert(tally.filter((status) => status === 201).length > CUSTOMERS * ROUNDS / 2, tally.join());
  assert(killed.every((times) => times < ROUNDS) && killed.some((times) => times > 0));
  await settleNow(app, ids.map((order_id) => ({ order_id, first_paid: true })));

  const { sql } = app.deps;
  for (const { id, user } of orders) {
    const { body } = await app.request("GET", `/v1/orders/${id}`, { token: user.token });
    const left = body.amount_paid - body.amount_refunded;
    const expected = [59, 29].map((full) => [Math.floor(full * left / 2998), full]);
    assertEquals(await pointsOf(app, user, { id }), expected as [number, number][]);
  }
  const [moved] = await sql`
    select count(*) filter (where p.points is distinct from m.points)::int as wrong,
           count(*) filter (where m.times > 1)::int as twice
    from order_points p full join (
      select order_id, campaign_id, sum(points)::bigint as points, count(*) filter (where kind = 'earned') as times
      from points_movements where order_id is not null group by order_id, campaign_id
    ) m using (order_id, campaign_id)`;
  assertEquals(moved, { wrong: 0, twice: 0 });
  const chains = await sql`
    select a.user_id from points_accounts a join (
      select user_id, sum(points)::bigint as sum, max(sequence) as latest, count(*)::int as count,
             count(*) filter (where balance <> running)::int as wrong
      from (select *, sum(points) over (partition by user_id order by sequence) as running from points_movements) m
      group by user_id
    ) m using (user_id)
    where a.balance <> m.sum or a.version <> m.latest or m.count <> m.latest or m.wrong > 0`;
  assertEquals([...chains], []);
  await assertBooksBalance(sql);
  assertEquals(await countDeadlocks(app), 0);
});

Deno.test("A worker that does a refund's job waits for the one that is about to give the order its points, and takes them back", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  await addCampaign(app, staff);
  const order = await paidOrder(app, staff, user, sku);
  const { taking } = await transaction(app.deps.sql, async (tx) => {
    const [ctx, first] = [systemCtx(app.deps, "test"), { order_id: order.id, first_paid: true }];
    await settlePoints(tx, ctx, [first]);
    assertEquals((await patch(app, staff, order.id, { status: "REFUNDED" })).status, 200);
    const taking = settleNow(app, [{ ...first, first_paid: false }]);
    await untilWaiting(tx, { text: "points_accounts" });
    return { taking };
  });
  await taking;
  assertEquals(await movementsOf(app, user), [`earned ${FULL} → ${FULL}`, `reversed ${-FULL} → 0`]);
});

Deno.test("A worker that is cut off while it settles has done nothing, and the next one does it once", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, sku } = shop;
  await addCampaign(app, staff);
  await givePoints(app, staff, user, 1);
  const order = await paidOrder(app, staff, user, sku);
  await transaction(app.deps.sql, async (tx) => {
    await tx`select from points_accounts where user_id = ${user.id} for update`;
    const settling = assertRejects(() => settle(app));
    const pids = await untilWaiting(tx, { text: "points_accounts" });
    await tx`select pg_terminate_backend(pid) from unnest(${pids}::int[]) as pid`;
    await settling;
  });
  assertEquals(await pointsOf(app, user, order), []);
  assertEquals(await settle(app), 1);
  assertEquals(await settle(app), 0);
  assertEquals(await movementsOf(app, user), ["adjusted 1 → 1", `earned ${FULL} → ${FULL + 1}`]);
});

Deno.test("Movements that wait for each other say when each had its turn, not when it was asked for", async () => {
  await using shop = await startPaidShop();
  const { app, user, staff, clock, sku } = shop;
  await addCampaign(app, staff);
  await givePoints(app, staff, user, 100);
  const reward = await addReward(app, staff);
  await paidOrder(app, staff, user, sku);
  const { moving } = await transaction(app.deps.sql, async (tx) => {
    await tx`select from points_accounts where user_id = ${user.id} for update`;
    const moving = Promise.all([settle(app), givePoints(app, staff, user, 1), redeem(app, user, reward)]);
    await untilWaiting(tx, { count: 3, text: "points_accounts" });
    clock.at = new Date(clock.at.getTime() + MINUTE_MS);
    return { moving };
  });
  await moving;
  const { body } = await app.request("GET", `/v1/users/${user.id}/points/movements`, { token: user.token });
  const times = body.data.map(({ created_at }: { created_at: string }) =>
    Date.parse(created_at) - clock.at.getTime()
  );
  assertEquals(times, [0, 0, 0, -MINUTE_MS]);
});

Deno.test("Accounts of orders that are settled together are held in the order of their customers' ids, new ones as well", async () => {
  await using shop = await startPaidShop();
  const { app, staff, sku } = shop;
  const { sql } = app.deps;
  await addCampaign(app, staff);
  const users = await Promise.all([app.user(), app.user(), app.user()]);
  users.sort((a, b) => a.id < b.id ? -1 : 1);
  const jobs: Job[] = [];
  for (const user of users.toReversed()) {
    jobs.push({ order_id: (await paidOrder(app, staff, user, sku)).id, first_paid: true });
  }
  const ids = users.map(({ id }) => id);
  const settling = { new: Promise.resolve(), known: Promise.resolve() };

  await transaction(sql, async (tx) => {
    await tx`insert into points_accounts (user_id, updated_at) values (${ids[1]!}, now())`;
    settling.new = settleNow(app, jobs);
    await untilWaiting(tx, { text: "points_accounts" });
    await tx`set local lock_timeout = '200ms'`; // one that the other had would be waited for
    await tx`insert into points_accounts (user_id, updated_at) values (${ids[2]!}, now())`;
  });
  await settling.new;
  await transaction(sql, async (tx) => {
    await tx`select from points_accounts where user_id = ${ids[1]!} for update`;
    settling.known = settleNow(app, jobs);
    await untilWaiting(tx, { text: "points_accounts" });
    const free = await tx`
      select user_id from points_accounts where user_id = any(${ids}::uuid[])
      order by user_id for update skip locked`;
    assertEquals(free.map(({ user_id }) => user_id), ids.slice(1));
  });
  await settling.known;
  for (const user of users) assertEquals(await movementsOf(app, user), [`earned ${FULL} → ${FULL}`]);
});

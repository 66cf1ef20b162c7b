import { assertEquals } from "@std/assert";
import { addReward, balanceOf, givePoints, redeem } from "../http/rewards/rewards.ts";
import { startTestApp, type TestApp, type TestUser } from "../support/app.ts";
import { countDeadlocks, untilWaiting } from "../support/lock_waits.ts";
import { assertBooksBalance, startAnother, tally } from "../support/orders.ts";
import { withConnection } from "../../tools/database_admin.ts";

const REFUSED = "422 reward_refused";

const times = <T>(count: number, each: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => each(index)));

function takePoints(app: TestApp, { token }: TestUser, { id }: { id: string }, points: number) {
  const body = { points: -points, reason: "Test" };
  return app.request("POST", `/v1/users/${id}/points/adjustments`, { token, body });
}

/** Fails the test unless all points come of movements, and all redemptions have their movement, their coupon and their place in a count. */
async function assertCounted({ deps: { sql } }: TestApp, redemptions: number): Promise<void> {
  const accounts = await sql`
    select a.user_id from points_accounts a
    left join points_movements m on m.user_id = a.user_id
    group by a.user_id
    having a.balance is distinct from sum(m.points) or a.version is distinct from count(m)
      or a.version is distinct from max(m.sequence) or min(m.balance) < 0`;
  assertEquals([...accounts], [], "accounts that are not their movements");
  const rewards = await sql`
    select id, redeemed from rewards w
    where redeemed <> (select count(*) from reward_redemptions r where r.reward_id = w.id)`;
  assertEquals([...rewards], [], "rewards that were redeemed more or less often than they say");
  const [row] = await sql<[{ movements: number; coupons: number; told: number }]>`
    select (select count(*)::int from points_movements m join reward_redemptions r
              on r.id = m.redemption_id and r.user_id = m.user_id and r.points = -m.points) as movements,
           (select count(*)::int from promotions p join reward_redemptions r
              on r.promotion_id = p.id and r.user_id = p.user_id) as coupons,
           (select count(*)::int from events where type = 'reward_redemption.created') as told`;
  assertEquals(row, { movements: redemptions, coupons: redemptions, told: redemptions });
  await assertBooksBalance(sql);
}

Deno.test("Of 50 redemptions at once, with points for 3, by two processes, 3 succeed", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const reward = await addReward(app, staff, { points: 30 });
  await givePoints(app, staff, customer, 119);
  const answers = await times(50, (i) => redeem(i % 2 ? app : other, customer, reward));
  assertEquals(tally(answers), { 201: 3, [REFUSED]: 47 });
  assertEquals(await balanceOf(app, customer), 29);
  await assertCounted(app, 3);
});

Deno.test("Of 100 customers who come at once for a reward of which there are 10, by two processes, 10 get it, and the others keep their points", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const staff = await app.user("staff");
  const reward = await addReward(app, staff, { points: 30, max_redemptions: 10 });
  const customers = await times(100, () => app.user());
  await Promise.all(customers.map((customer) => givePoints(app, staff, customer, 30)));
  const answers = await times(100, (i) => redeem(i % 2 ? app : other, customers[i]!, reward));
  assertEquals(tally(answers), { 201: 10, [REFUSED]: 90 });
  const balances = await Promise.all(customers.map((customer) => balanceOf(app, customer)));
  assertEquals(balances, answers.map(({ status }) => status === 201 ? 0 : 30));
  await assertCounted(app, 10);
});

Deno.test("A customer who comes 20 times at once for a reward that each may have twice gets it twice", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const reward = await addReward(app, staff, { points: 1, max_per_customer: 2 });
  await givePoints(app, staff, customer, 20);
  const answers = await times(20, () => redeem(app, customer, reward));
  assertEquals(tally(answers), { 201: 2, [REFUSED]: 18 });
  assertEquals(await balanceOf(app, customer), 18);
  await assertCounted(app, 2);
});

Deno.test("An Idempotency-Key that comes 10 times at once redeems once", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const reward = await addReward(app, staff, { points: 10 });
  await givePoints(app, staff, customer, 100);
  const key = { "Idempotency-Key": "k-1" };
  const answers = await times(10, (i) => redeem(i % 2 ? app : other, customer, reward, key));
  assertEquals(tally(answers), { 201: 10 });
  assertEquals(new Set(answers.map(({ body }) => body.coupon_code)).size, 1);
  assertEquals(await balanceOf(app, customer), 90);
  await assertCounted(app, 1);
});

Deno.test("Points that staff take while they are redeemed go once: for a coupon or away, and never below nothing", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const reward = await addReward(app, staff, { points: 10 });
  await givePoints(app, staff, customer, 105);
  const [redemptions, takings] = await Promise.all([
    times(20, () => redeem(app, customer, reward)),
    times(20, () => takePoints(other, staff, customer, 10)),
  ]);
  const { 201: had = 0, ...refused } = tally(redemptions);
  const { 201: taken = 0, ...kept } = tally(takings);
  assertEquals(had + taken, 10);
  assertEquals([refused, kept], [
    had < 20 ? { [REFUSED]: 20 - had } : {},
    taken < 20 ? { "422 invalid_request": 20 - taken } : {},
  ]);
  assertEquals(await balanceOf(app, customer), 5);
  await assertCounted(app, had);
});

Deno.test("Who redeems while points are taken waits for these, and is told what is left", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const reward = await addReward(app, staff, { points: 10 });
  await givePoints(app, staff, customer, 10);
  const { pending } = await withConnection(app.deps.config.databaseUrl, (sql) =>
    sql.begin(async (tx) => {
      await tx`select from points_accounts where user_id = ${customer.id} for no key update`;
      const taking = takePoints(app, staff, customer, 1);
      await untilWaiting(tx, { text: "points_accounts" });
      const redeeming = redeem(app, customer, reward);
      await untilWaiting(tx, { text: "points_accounts", count: 2 });
      return { pending: Promise.all([taking, redeeming]) };
    }));
  const [taken, refused] = await pending;
  assertEquals([taken.status, taken.body.balance], [201, 9]);
  assertEquals([refused.status, refused.body.errors[0].balance], [422, 9]);
  await assertCounted(app, 0);
});

Deno.test("A limit that staff set waits for a redemption that is under way, and counts it", async () => {
  await using app = await startTestApp();
  const [staff, customer] = [await app.user("staff"), await app.user()];
  const reward = await addReward(app, staff, { points: 10 });
  await givePoints(app, staff, customer, 20);
  assertEquals((await redeem(app, customer, reward)).status, 201);
  const { pending } = await withConnection(app.deps.config.databaseUrl, (sql) =>
    sql.begin(async (tx) => {
      await tx`select from rewards where id = ${reward.id} for no key update`;
      const redeeming = redeem(app, customer, reward);
      await untilWaiting(tx, { text: "rewards" });
      const limiting = app.request("PATCH", `/v1/rewards/${reward.id}`, {
        token: staff.token,
        body: { max_redemptions: 1 },
      });
      await untilWaiting(tx, { text: "rewards", count: 2 });
      return { pending: Promise.all([redeeming, limiting]) };
    }));
  const [redeemed, refused] = await pending;
  assertEquals(redeemed.status, 201);
  assertEquals([refused.status, refused.body.errors[0].redeemed], [422, 2]);
  await assertCounted(app, 2);
});

Deno.test("Customers who redeem two rewards crosswise, while staff change these and redeem for them, never wait in a circle", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const [staff, ada, bob] = [await app.user("staff"), await app.user(), await app.user()];
  const rewards = [await addReward(app, staff, { points: 1 }), await addReward(app, staff, { points: 1 })];
  for (const customer of [ada, bob]) await givePoints(app, staff, customer, 100);
  const answers = await times(60, (i) => {
    const [by, reward] = [i % 2 ? app : other, rewards[(i >> 1) % 2]!];
    const customer = (i >> 2) % 2 ? ada : bob;
    if (i % 3 > 0) return redeem(by, customer, reward);
    if (i % 2 === 0) {
      const path = `/v1/rewards/${reward.id}`;
      return by.request("PATCH", path, { token: staff.token, body: { max_per_customer: 1000 + i } });
    }
    const path = `/v1/rewards/${reward.id}/redemptions`;
    return by.request("POST", path, { token: staff.token, body: { user_id: customer.id } });
  });
  assertEquals(tally(answers), { 200: 10, 201: 50 });
  assertEquals([await balanceOf(app, ada), await balanceOf(app, bob)].reduce((a, b) => a + b), 150);
  await assertCounted(app, 50);
  assertEquals(await countDeadlocks(app), 0);
});

import { assertEquals } from "@std/assert";
import { expireDueCarts } from "../../src/quotes/mod.ts";
import { systemCtx } from "../../src/deps.ts";
import { withConnection } from "../../tools/database_admin.ts";
import { Shopper, unitsOf } from "../http/carts/shopper.ts";
import { startTestApp } from "../support/app.ts";
import { assertEventsValid } from "../support/events.ts";
import { untilWaiting } from "../support/lock_waits.ts";
import { addProduct, eventsOf, startAnother, tally } from "../support/orders.ts";

Deno.test("Of fifty changes of one cart at once, by two processes, none is lost and none refused", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const user = await app.user();
  const skus: string[] = [];
  for (let i = 0; i < 5; i++) skus.push((await addProduct(app)).sku);
  const shoppers = [new Shopper(app, user), new Shopper(other, user)];
  const { id } = await shoppers[0]!.create();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => shoppers[i % 2]!.add(id, skus[i % 5]!, 1)),
  );
  assertEquals(tally(answers), { 200: 50 });
  const { body } = await shoppers[0]!.read(id);
  assertEquals(unitsOf(body).toSorted(), skus.map((sku): [string, number] => [sku, 10]).toSorted());
  assertEquals(body.version, 51);
  assertEquals(
    new Set(answers.map(({ body }) => body.version)).size,
    50,
    "each answers the version that it made",
  );
  assertEquals((await eventsOf(app, "cart", id)).map(({ sequence }) => sequence).length, 51);
  await assertEventsValid(app.deps.sql);
});

Deno.test("Of fifty changes of one version at once exactly one is made, and the others are told", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app);
  const shopper = new Shopper(app, user);
  const { id } = await shopper.create();
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => shopper.set(id, sku, i + 1, { "If-Match": '"1"' })),
  );
  assertEquals(tally(answers), { 200: 1, "412 version_mismatch": 49 });
});

Deno.test("Over a pool of a single connection changes, merges and reads of one cart all come through", async () => {
  await using app = await startTestApp({ DATABASE_POOL_SIZE: "1" });
  const user = await app.user();
  const { sku } = await addProduct(app);
  const shopper = new Shopper(app, user);
  const { id } = await shopper.create({}, { destination: "DE" });
  const guest = new Shopper(app);
  const guests = await guest.create({ [sku]: 1 });
  const known = new Shopper(app, { token: user.token, cartToken: guest.cartToken });
  const answers = await Promise.all(
    Array.from({ length: 15 }, () => [
      shopper.add(id, sku, 2),
      shopper.read(id),
      known.merge(guests.id),
      shopper.call("POST", "", { body: { currency: "USD" } }),
    ]).flat(),
  );
  assertEquals(tally(answers), { 200: 45, 201: 15 });
});

Deno.test("A guest's cart that is merged many times at once, while it is changed, is merged once and loses nothing", async () => {
  await using app = await startTestApp();
  await using other = await startAnother(app);
  const { sku } = await addProduct(app);
  const late = await addProduct(app);
  for (let round = 0; round < 10; round++) {
    const user = await app.user();
    const own = round % 2 ? await new Shopper(app, user).create({ [sku]: 1 }) : undefined;
    const guest = new Shopper(app);
    const cart = await guest.create({ [sku]: 3 });
    const known = [app, other].map((process) =>
      new Shopper(process, { token: user.token, cartToken: guest.cartToken })
    );
    const [added, ...merges] = await Promise.all([
      guest.add(cart.id, late.sku, 1),
      ...Array.from({ length: 8 }, (_, i) => known[i % 2]!.merge(cart.id)),
    ]);
    assertEquals(tally(merges), { 200: 8 });
    assertEquals(new Set(merges.map(({ body }) => body.id)), new Set([own?.id ?? cart.id]));
    const { body } = await new Shopper(app, user).read(own?.id ?? cart.id);
    // Either the line came before the merge and went along, or its guest was told that it came too late.
    const tooLate = own ? 409 : 404;
    assertEquals(
      unitsOf(body),
      added!.status === 200 ? [[sku, 3], [late.sku, 1]] : [[sku, 3]],
    );
    assertEquals([200, tooLate].includes(added!.status), true);
    const ends = (await eventsOf(app, "cart", cart.id)).filter(({ type }) => type === "cart.merged");
    assertEquals(ends.length, own ? 1 : 0);
  }
  await assertEventsValid(app.deps.sql);
});

Deno.test("Of expiry and changes that race for a cart one wins: a changed cart lives on, an expired one is closed", async () => {
  await using app = await startTestApp({ DATABASE_POOL_SIZE: "20" });
  const user = await app.user();
  const { sku } = await addProduct(app);
  const shopper = new Shopper(app, user);
  const ctx = systemCtx(app.deps, "carts.expire");
  const seen = new Set<string>();
  for (let round = 0; round < 10; round++) {
    const carts = await Promise.all(Array.from({ length: 10 }, () => shopper.create({ [sku]: 1 })));
    await app.deps.sql`update carts set expires_at = now() - interval '1 second' where status = 'open'`;
    // In the first round all changes come behind the expiry, and from round to round fewer.
    const change = ({ id }: { id: string }) => shopper.add(id, sku, 1);
    const changes = carts.slice(0, round).map(change);
    if (round % 2) await changes[0];
    const expiry = expireDueCarts(ctx);
    if (round === 0) await expiry;
    changes.push(...carts.slice(round).map(change));
    await expiry;
    const answers = await Promise.all(changes);
    await expireDueCarts(ctx);
    for (const [i, { id }] of carts.entries()) {
      const { body } = await shopper.read(id);
      const changed = answers[i]!.status === 200;
      assertEquals([answers[i]!.status, body.version], [changed ? 200 : 409, 2]);
      assertEquals([body.status, body.items[0].quantity], changed ? ["open", 2] : ["expired", 1]);
      seen.add(body.status);
    }
    await app.deps.sql`update carts set expires_at = now() + interval '1 day' where status = 'open'`;
  }
  assertEquals(seen.has("expired") && seen.has("open"), true, "each of them wins at times");
  await assertEventsValid(app.deps.sql);
});

for (const whose of ["the guest's", "the user's"]) {
  Deno.test(`A merge waits for a change of ${whose} cart that is under way, and takes it along`, async () => {
    await using app = await startTestApp();
    const user = await app.user();
    const [{ sku }, other] = [await addProduct(app), await addProduct(app)];
    const own = await new Shopper(app, user).create({ [sku]: 1 });
    const guest = new Shopper(app);
    const { id } = await guest.create({ [sku]: 2, [other.sku]: 1 });
    const known = new Shopper(app, { token: user.token, cartToken: guest.cartToken });
    const changed = whose === "the guest's" ? id : own.id;
    const merging = await withConnection(app.deps.config.databaseUrl, (holder) =>
      holder.begin(async (tx) => {
        await tx`update carts set items = jsonb_set(items, '{0,quantity}', '9'), version = 2 where id = ${changed}`;
        const answer = known.merge(id);
        await untilWaiting(tx);
        return { answer };
      }));
    const { status, body } = await merging.answer;
    assertEquals([status, body.id, unitsOf(body)], [200, own.id, [[sku, 9], [other.sku, 1]]]);
    const ended = await guest.read(id);
    assertEquals([ended.body.status, ended.body.version], ["merged", changed === id ? 3 : 2]);
  });
}

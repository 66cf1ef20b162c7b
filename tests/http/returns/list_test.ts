import { assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { addExport, checkedOut } from "../../support/checkout.ts";
import { idsOf, newestFirst } from "../../support/pages.ts";
import { deliver } from "../../support/orders.ts";
import { ask, change, get, startShop } from "./support.ts";

Deno.test("Customers list the returns of their own orders, newest first and page by page; staff see everyone's", async () => {
  const shop = await startShop({ quantity: 6 });
  const { app, owner, staff, order } = shop;
  await using _ = app;
  const [other, stranger] = [await app.user(), await app.user()];
  const { sku } = await addExport(app, { stock: 100, prices: { EUR: 1499 } });
  const orders = [
    { user: owner, id: order.id },
    { user: owner, id: (await checkedOut(app, owner, { [sku]: 3 }, "tok_success")).order.id },
    { user: other, id: (await checkedOut(app, other, { [sku]: 3 }, "tok_success")).order.id },
  ];
  for (const { id } of orders.slice(1)) await deliver(app, staff, id);
  const returns: { id: string; of: string; at: string }[] = [];
  for (const { user, id } of [...orders, ...orders, ...orders]) {
    const { status, body } = await ask(app, user, id, 1);
    assertEquals(status, 201, JSON.stringify(body));
    returns.push({ id: body.id, of: user.id, at: body.created_at });
  }
  const of = (id: string) => newestFirst(returns.filter((each) => each.of === id));
  const list = async (user: typeof owner, query = {}) =>
    (await idsOf(app, user, "/v1/returns", { limit: "2", ...query })).flat();

  assertEquals(await list(owner), of(owner.id));
  assertEquals(await list(owner, { user_id: owner.id }), of(owner.id));
  assertEquals(await list(other), of(other.id));
  assertEquals(await list(stranger), []);
  // Of one order they are in the order in which they were asked for, and by pages as well: they may be cancelled, and more asked for.
  const ofOrder = returns.filter((_, i) => i % 3 === 0).map(({ id }) => id);
  assertEquals(await idsOf(app, owner, `/v1/orders/${order.id}/returns`, { limit: "2" }), [
    ofOrder.slice(0, 2),
    ofOrder.slice(2),
  ]);
  assertEquals(await list(staff), newestFirst(returns));
  assertEquals(await list(staff, { user_id: other.id }), of(other.id));

  // By their order, and by when they were asked for: from a time on, and before it.
  assertEquals(await list(staff, { order_id: order.id }), newestFirst(returns.filter((_, i) => i % 3 === 0)));
  assertEquals(await list(other, { order_id: order.id }), [], "of another's order");
  const fourth = returns[3]!.at;
  assertEquals(
    await list(staff, { created_from: fourth }),
    newestFirst(returns.filter(({ at }) => at >= fourth)),
  );
  assertEquals(
    await list(staff, { created_to: fourth }),
    newestFirst(returns.filter(({ at }) => at < fourth)),
  );

  const [first] = of(owner.id);
  await change(app, staff, first!, { status: "approved" });
  assertEquals(await list(owner, { status: "approved" }), [first]);
  assertEquals(await list(owner, { status: "requested" }), of(owner.id).slice(1));
  assertEquals(await list(other, { status: "approved" }), []);
  const [mine] = (await get(app, owner, "/v1/returns?limit=1")).body.data;
  assertEquals(mine, (await get(app, owner, `/v1/returns/${first}`)).body);

  for (const id of [other.id, newId()]) {
    const { status, body } = await get(app, owner, `/v1/returns?user_id=${id}`);
    assertEquals([status, body.code], [403, "forbidden"]);
  }
  assertEquals((await app.request("GET", "/v1/returns")).status, 401);
});

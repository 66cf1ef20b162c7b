import { assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { type Answer, startTestApp, type TestApp } from "../../support/app.ts";
import { addProduct } from "../../support/orders.ts";
import { Shopper } from "./shopper.ts";

/** Everything that can be tried at a cart, by who may not even know of it. */
async function tryAll(shopper: Shopper, id: string, sku: string): Promise<Answer[]> {
  return [
    await shopper.read(id),
    await shopper.patch(id, { note: "Mine" }),
    await shopper.patch(id, { note: "Mine" }, { "If-Match": '"7"' }),
    await shopper.add(id, sku, 1),
    await shopper.add(id, "NONE", 1),
    await shopper.set(id, sku, 7),
    await shopper.remove(id, sku),
    await shopper.giveUp(id),
    await shopper.giveUp(id, { "If-Match": '"1"' }),
  ];
}

/** What an answer tells, without what differs between any two requests. */
function telling({ status, headers, body }: Answer) {
  const { request_id: _, instance: __, ...rest } = body;
  return { status, etag: headers.get("ETag"), rest };
}

// An array of its own: the driver's also holds which connection it came from.
const contents = async (
  { deps: { sql } }: TestApp,
) => [...await sql`select to_json(c) from carts c order by id`];

Deno.test("Another's cart answers like one that is not there, whatever is tried with whatever token", async () => {
  await using app = await startTestApp();
  const [owner, stranger] = [await app.user(), await app.user()];
  const { sku } = await addProduct(app);
  const guest = new Shopper(app);
  const guests = await guest.create({ [sku]: 1 });
  const users = await new Shopper(app, owner).create({ [sku]: 1 });
  const elsewhere = new Shopper(app);
  await elsewhere.create();
  const before = await contents(app);
  const intruders = [
    new Shopper(app),
    new Shopper(app, { cartToken: "" }),
    new Shopper(app, { cartToken: "null" }),
    new Shopper(app, { cartToken: "x".repeat(2000) }),
    new Shopper(app, { cartToken: elsewhere.cartToken }),
    new Shopper(app, { cartToken: guest.cartToken!.toLowerCase() }),
    new Shopper(app, { token: stranger.token }),
    new Shopper(app, { token: stranger.token, cartToken: elsewhere.cartToken }),
  ];
  for (const intruder of intruders) {
    const none = (await tryAll(intruder, newId(), sku)).map(telling);
    assertEquals(none.every(({ status }) => status === 404), true);
    assertEquals((await tryAll(intruder, guests.id, sku)).map(telling), none);
    assertEquals((await tryAll(intruder, users.id, sku)).map(telling), none);
  }
  assertEquals((await new Shopper(app, { cartToken: guest.cartToken }).read(users.id)).status, 404);
  assertEquals(await contents(app), before);
  assertEquals((await new Shopper(app, { token: "a.b.c" }).read(guests.id)).status, 401);
});

Deno.test("A user with a guest's token may use the guest's cart, and a member of staff may read every cart", async () => {
  await using app = await startTestApp();
  const [user, staff, other] = [await app.user(), await app.user("staff"), await app.user()];
  const { sku } = await addProduct(app);
  const guest = new Shopper(app);
  const cart = await guest.create({ [sku]: 1 });
  const known = new Shopper(app, { token: user.token, cartToken: guest.cartToken });
  assertEquals((await known.add(cart.id, sku, 1)).status, 200);
  assertEquals((await guest.read(cart.id)).body.user_id, null);

  const clerk = new Shopper(app, staff);
  const own = await new Shopper(app, user).create();
  assertEquals((await clerk.read(cart.id)).body.items[0].quantity, 2);
  assertEquals((await clerk.read(own.id)).status, 200);
  assertEquals((await clerk.patch(cart.id, { note: "A" })).status, 404);
  assertEquals((await clerk.giveUp(own.id)).status, 404);
  const ids = async (shopper: Shopper, query: string) =>
    (await shopper.call("GET", query)).body.data.map(({ id }: { id: string }) => id);
  assertEquals(await ids(clerk, ""), [own.id, cart.id]);
  assertEquals(await ids(clerk, `?user_id=${user.id}`), [own.id]);
  assertEquals(await ids(new Shopper(app, user), `?user_id=${user.id}`), [own.id]);
  assertEquals(await ids(new Shopper(app, other), ""), []);
  const asked = await new Shopper(app, other).call("GET", `?user_id=${user.id}`);
  assertEquals([asked.status, asked.body.code], [403, "forbidden"]);
  assertEquals((await guest.call("GET", "")).status, 401);
});

Deno.test("A browser of an allowed origin may send the cart's token", async () => {
  await using app = await startTestApp({ CORS_ORIGINS: "https://shop.example" });
  const { headers } = await app.fetch(
    new Request("http://waybill.test/v1/carts", {
      method: "OPTIONS",
      headers: {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "cart-token",
      },
    }),
  );
  assertEquals(headers.get("Access-Control-Allow-Headers")?.split(",").includes("Cart-Token"), true);
});

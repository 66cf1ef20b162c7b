import { assertEquals } from "@std/assert";
import { createWaybill } from "../../../sdk/mod.ts";
import { addProduct } from "../../support/orders.ts";
import { startTestServer } from "../../support/server.ts";

Deno.test("The SDK repeats no call that would do twice what its lost answer has done already", async () => {
  await using server = await startTestServer();
  const { sku } = await addProduct(server.app);
  const { token } = await server.app.user();
  const calm = createWaybill({ baseUrl: server.url, token });
  const { data: cart } = await calm.createCart({
    body: { currency: "EUR" },
    throwOnError: true,
  });
  let calls = 0;
  const losing: typeof fetch = async (...args) => {
    const response = await fetch(...args);
    await response.body?.cancel();
    if (calls++ === 0) throw new TypeError("connection reset");
    return response;
  };
  const waybill = createWaybill({ baseUrl: server.url, token, fetch: losing });
  await waybill.addCartItem({
    path: { id: cart.id },
    body: { sku, quantity: 2 },
  }).catch(() => {});
  const { data: now } = await calm.getCart({
    path: { id: cart.id },
    throwOnError: true,
  });
  assertEquals(now.items.map(({ quantity }) => quantity), [2]);
});

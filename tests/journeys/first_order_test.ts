import { assertEquals } from "@std/assert";
import { createWaybill } from "../../sdk/mod.ts";
import { startTestServer } from "../support/server.ts";

const SHIP_TO = {
  name: "Ada Lovelace",
  lines: ["Hauptstr. 1"],
  city: "Berlin",
  postal_code: "10115",
  country: "DE",
};

Deno.test("A shop front's first day through the SDK: catalogue, stock, register, log in, order, retry, cancel", async () => {
  await using server = await startTestServer();
  const { url: baseUrl } = server;
  const staff = createWaybill({ baseUrl, token: (await server.app.user("staff")).token });
  const mug = { sku: "MUG-BLUE", name: "Blue mug", prices: [{ currency: "EUR", amount: 1499 }] };
  await staff.createProduct({ body: mug, throwOnError: true });
  const stock = { delta: 3, kind: "receipt" as const, reason: "Goods receipt" };
  await staff.adjustStock({ path: { sku: "MUG-BLUE" }, body: stock, throwOnError: true });

  const visitor = createWaybill({ baseUrl });
  const { data: products } = await visitor.listProducts({ query: { q: "mug" }, throwOnError: true });
  assertEquals(products.data.map((product) => product.sku), ["MUG-BLUE"]);
  const account = { email: "ada@example.com", password: "first-order-47-lanterns" };
  const { data: user } = await visitor.register({ body: account, throwOnError: true });
  const { data: tokens } = await visitor.createToken({
    body: { grant_type: "password", username: "ADA@example.com", password: account.password },
    throwOnError: true,
  });
  const customer = createWaybill({ baseUrl, token: tokens.access_token });

  const cart = { items: [{ sku: "MUG-BLUE", quantity: 2 }], currency: "EUR", ship_to: SHIP_TO };
  const headers = { "Idempotency-Key": "the-first-order" };
  const { data: order } = await customer.placeOrder({ body: cart, headers, throwOnError: true });
  assertEquals([order.total_price, order.status, order.user_id], [2998, "PENDING", user.id]);
  const { data: again } = await customer.placeOrder({ body: cart, headers, throwOnError: true });
  assertEquals(again, order);

  const { error } = await customer.placeOrder({ body: cart });
  assertEquals(error?.code, "insufficient_stock");
  assertEquals(error?.errors?.[0]?.available, 1);

  await staff.changeOrder({ path: { id: order.id }, body: { note: "Gift wrap" }, throwOnError: true });
  const { data: read } = await customer.getOrder({ path: { id: order.id }, throwOnError: true });
  assertEquals([read.note, read.version], ["Gift wrap", 2]);
  const { data: cancelled } = await customer.cancelOrder({
    path: { id: order.id },
    body: {},
    throwOnError: true,
  });
  assertEquals(cancelled.status, "CANCELLED");
  const { data: level } = await staff.listStockMovements({ path: { sku: "MUG-BLUE" }, throwOnError: true });
  assertEquals(level.data.map((movement) => movement.kind), ["release", "reservation", "receipt"]);
});

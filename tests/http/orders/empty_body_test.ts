import { assertEquals } from "@std/assert";
import { startTestServer } from "../../support/server.ts";
import { addProduct, tryToPlace } from "../../support/orders.ts";

Deno.test("A cancellation may come with no body, an empty one that is called JSON, its length told or not, null with its line's end or without, or an empty object", async () => {
  await using server = await startTestServer();
  const ada = await server.app.user();
  const { sku } = await addProduct(server.app, { stock: 4 });
  for (const body of [undefined, "", new Blob().stream(), "null", "null\n", "{}"]) {
    const { body: order } = await tryToPlace(server.app, ada, { [sku]: 1 });
    const response = await fetch(`${server.url}/v1/orders/${order.id}/cancellation`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${ada.token}`,
        ...body !== undefined && { "Content-Type": "application/json" },
      },
      body,
    });
    assertEquals([response.status, (await response.json()).status], [200, "CANCELLED"]);
  }
});

Deno.test("A cancellation with a body of no length is one without a body, whatever a client calls that", async () => {
  await using server = await startTestServer();
  const ada = await server.app.user();
  const { sku } = await addProduct(server.app, { stock: 1 });
  const { body: order } = await tryToPlace(server.app, ada, { [sku]: 1 });
  const response = await fetch(`${server.url}/v1/orders/${order.id}/cancellation`, {
    method: "POST",
    headers: { "Authorization": `Bearer ${ada.token}`, "Content-Type": "application/x-www-form-urlencoded" },
    body: "",
  });
  assertEquals([response.status, (await response.json()).status], [200, "CANCELLED"]);
});

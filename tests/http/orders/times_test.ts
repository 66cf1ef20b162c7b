import { assertEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { addProduct, orderBody } from "../../support/orders.ts";

Deno.test("A time is read back as it was stored, whatever its year", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app);
  const [user, staff] = [await app.user(), await app.user("staff")];
  for (
    const placed_at of ["0001-01-01T00:00:00.000Z", "0049-12-31T23:59:59.999Z", "1969-12-31T23:59:59.100Z"]
  ) {
    const body = { ...orderBody({ [sku]: 1 }), user_id: user.id, placed_at };
    const placed = await app.request("POST", "/v1/orders", { token: staff.token, body });
    assertEquals([placed.status, placed.body.placed_at], [201, placed_at], JSON.stringify(placed.body));
    const read = await app.request("GET", `/v1/orders/${placed.body.id}`, { token: staff.token });
    assertEquals(read.body.placed_at, placed_at);
  }
});

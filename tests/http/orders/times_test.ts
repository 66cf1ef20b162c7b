import { assertEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { openBorders } from "../../support/checkout.ts";
import { addProduct, orderBody, place } from "../../support/orders.ts";

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

Deno.test("A list takes any time of RFC 3339 for a bound, whatever its offset and year", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app);
  const user = await app.user();
  await place(app, user, { [sku]: 1 });
  const found = async (path: string, field: string, time: string) => {
    const query = new URLSearchParams({ [field]: time });
    const { status, body } = await app.request("GET", `${path}?${query}`, { token: user.token });
    return [status, body.data?.length];
  };
  for (
    const time of ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00+23:59"]
  ) {
    for (const field of ["created", "placed"]) {
      assertEquals(await found("/v1/orders", `${field}_from`, time), [200, 1], `${field} ${time}`);
      assertEquals(await found("/v1/orders", `${field}_to`, time), [200, 0], `${field} ${time}`);
    }
    assertEquals(await found("/v1/products", "updated_since", time), [200, 1], time);
  }
  const [order] = (await app.request("GET", "/v1/orders", { token: user.token })).body.data;
  const within = order.placed_at.replace("Z", "001Z");
  for (const field of ["created", "placed"]) {
    assertEquals(await found("/v1/orders", `${field}_from`, within), [200, 0], `${field} ${within}`);
    assertEquals(await found("/v1/orders", `${field}_to`, within), [200, 1], `${field} ${within}`);
  }
  assertEquals(await found("/v1/orders", "placed_from", "9999-12-31T23:59:59-00:01"), [422, undefined]);
  assertEquals(await found("/v1/products", "updated_since", "2999-12-31T23:59:59-23:59"), [200, 0]);
});

Deno.test("An order cannot be placed at a time that cannot be kept: the refusal says which field it is", async () => {
  await using app = await startTestApp();
  const { sku } = await addProduct(app);
  const [user, staff] = [await app.user(), await app.user("staff")];
  const refuse = async (placed_at: string, more: Record<string, unknown> = {}) => {
    const body = { ...orderBody({ [sku]: 1 }), user_id: user.id, placed_at, ...more };
    const answer = await app.request("POST", "/v1/orders", { token: staff.token, body });
    return [answer.status, answer.body.errors?.map(({ pointer }: { pointer: string }) => pointer)];
  };
  const times = ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"];
  for (const time of times) assertEquals(await refuse(time), [422, ["/placed_at"]], time);
  // Where the law of that day would be asked for its price.
  await openBorders(app);
  for (const time of times) {
    assertEquals(await refuse(time, { shipping_option: "standard" }), [422, ["/placed_at"]], time);
  }
});

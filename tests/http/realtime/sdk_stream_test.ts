import { assert, assertEquals, assertRejects } from "@std/assert";
import { createWaybill, WaybillError } from "../../../sdk/mod.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { addProduct, place } from "../../support/orders.ts";

function sdk(app: TestApp, token: string) {
  return createWaybill({
    baseUrl: "http://waybill.test",
    token,
    fetch: async (input, init) => await app.fetch(new Request(input, init)),
  });
}

Deno.test("the SDK follows the log by the stream, and hears why it may not", async () => {
  await using app = await startTestApp();
  const user = await app.user();
  const { sku } = await addProduct(app, { stock: 5 });
  const order = await place(app, user, { [sku]: 2 });
  const { stream } = await sdk(app, user.token).streamEvents({ query: { after: 0, type: "order.*" } });
  for await (const { type, aggregate } of stream) {
    assertEquals([type, aggregate.id], ["order.created", order.id]);
    break;
  }

  const { stream: refused } = await sdk(app, "not.a.token").streamEvents();
  const error = await assertRejects(() => refused.next(), WaybillError);
  assertEquals([error.status, error.code], [401, "unauthenticated"]);
  assert(error.request_id.length > 0);
});

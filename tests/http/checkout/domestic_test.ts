import { assertEquals } from "@std/assert";
import { startTestApp } from "../../support/app.ts";
import { addExport, openBorders, quoted, tryCheckOut } from "../../support/checkout.ts";
import { SHIP_TO, tryToPlace } from "../../support/orders.ts";

Deno.test("A Korean shop sells to Koreans without a customs code", async () => {
  await using app = await startTestApp({ SHIP_FROM_COUNTRY: "KR" });
  await openBorders(app);
  const user = await app.user();
  const { sku } = await addExport(app);
  const ship_to = { ...SHIP_TO, city: "Seoul", country: "KR" };
  const { quote } = await quoted(app, user, { [sku]: 1 }, { destination: "KR" });
  const checkout = await tryCheckOut(app, user, quote, { ship_to });
  const order = await tryToPlace(app, user, { [sku]: 1 }, { more: { ship_to, shipping_option: "standard" } });
  assertEquals([checkout.status, order.status], [201, 201], JSON.stringify(order.body.errors));
});

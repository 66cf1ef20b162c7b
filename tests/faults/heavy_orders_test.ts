import { assertEquals } from "@std/assert";
import { startTestApp } from "../support/app.ts";
import { addProduct, tally, tryToPlace } from "../support/orders.ts";

Deno.test("A dozen large orders that arrive at once are all placed, and so is the small one that arrives with them", async () => {
  await using app = await startTestApp();
  const [wholesaler, shopper] = [await app.user(), await app.user()];
  const large: Record<string, number> = {};
  for (let i = 0; i < 1000; i++) large[(await addProduct(app, { stock: 1000 })).sku] = 1;
  const { sku } = await addProduct(app, { stock: 1000 });
  assertEquals((await tryToPlace(app, wholesaler, large)).status, 201); // one alone takes less than a second
  // The first goes at once; the others wait for it and go together.
  const answers = await Promise.all([
    ...Array.from({ length: 12 }, () => tryToPlace(app, wholesaler, large)),
    tryToPlace(app, shopper, { [sku]: 1 }),
  ]);
  assertEquals(answers.at(-1)!.status, 201);
  assertEquals(tally(answers), { "201": 13 });
});

import { assertEquals } from "@std/assert";
import { ADA_IN_LEEDS, addExport, openBorders } from "../support/checkout.ts";
import { kafkaMissing, testKafka } from "../support/kafka.ts";
import { tryToPlace } from "../support/orders.ts";
import { until } from "../support/until.ts";
import { dispatching, startDispatchApp } from "./dispatching.ts";

Deno.test({
  name: "An order of as many lines as it may have, with its explanation, is not too large for Kafka",
  ignore: kafkaMissing !== undefined,
}, async () => {
  await using kafka = testKafka();
  await using app = await startDispatchApp(kafka, { OUTBOX_MAX_ATTEMPTS: "2", OUTBOX_RETRY_DELAY_MS: "10" });
  await openBorders(app);
  const quantities: Record<string, number> = {};
  for (let i = 0; i < 1000; i++) {
    const { sku } = await addExport(app, { sku: `STONEWARE-MUG-BLUE-035-${i}` });
    quantities[sku] = 2;
  }
  await app.deps.sql`update products set weight_grams = 3, name = 'Stoneware mug, blue, 0.35 l'`;
  const { status } = await tryToPlace(app, await app.user(), quantities, {
    more: { shipping_option: "standard", ship_to: ADA_IN_LEEDS },
  });
  assertEquals(status, 201);
  await using _dispatcher = dispatching(app);
  let refused: string[] = [];
  await until(async () => {
    const rows = await app.deps.sql<{ type: string; error: string | null }[]>`
      select e.type, o.error from outbox o join events e using (position) order by position`;
    refused = rows.map(({ type, error }) => `${type}: ${error}`);
    const arrived = refused.length === 0 &&
      await kafka.consumeAll([kafka.name("orders")], (all) => all.length > 0, 1000).catch(() => []);
    return refused.length > 0 || (Array.isArray(arrived) && arrived.length > 0);
  }, "the order has arrived or was refused");
  assertEquals(refused, []);
});

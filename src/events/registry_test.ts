import { assert, assertEquals } from "@std/assert";
import type { z } from "@hono/zod-openapi";
import { AGGREGATES, EVENT_TYPES, typesMatching } from "./registry.ts";

const SOURCE = new URL("../", import.meta.url);

/** Every name of an event that a domain's events.ts writes down. */
async function definedIn(directory: URL): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (isDirectory) found.push(...await definedIn(new URL(`${name}/`, directory)));
    else if (name === "events.ts") {
      const source = await Deno.readTextFile(new URL(name, directory));
      for (const [, type] of source.matchAll(/"([a-z_]+\.[a-z_]+)"/g)) found.push(type!);
    }
  }
  return found;
}

Deno.test("Every event that is defined anywhere is registered, once", async () => {
  const registered = EVENT_TYPES.map(({ type }) => type);
  assertEquals([...new Set(registered)].toSorted(), [...new Set(await definedIn(SOURCE))].toSorted());
  assertEquals(
    new Set(EVENT_TYPES.map(({ type, version }) => `${type} v${version}`)).size,
    registered.length,
  );
});

Deno.test("An event is named after its aggregate, and says what happened in a sentence", () => {
  for (const { type, aggregate, summary } of EVENT_TYPES) {
    assertEquals(type.split(".")[0], aggregate);
    assert(/^[A-Z].+\.$/.test(summary), summary);
  }
  assertEquals([...AGGREGATES].sort(), [
    "api_key",
    "campaign",
    "cart",
    "consignee",
    "dispute",
    "exchange_rates",
    "hs_code",
    "inventory",
    "order",
    "payment",
    "points",
    "product",
    "promotion",
    "quote",
    "refund",
    "return",
    "reward",
    "reward_redemption",
    "shipment",
    "shipping_option",
    "trade_schedule",
    "user",
  ]);
});

Deno.test("What things have had only since there were events of them is not promised of events from before", () => {
  const since: Record<string, string[]> = {
    api_key: ["scopes"],
    payment: ["amount_disputed", "amount_refunded_manually"],
    refund: ["dispute_id", "follows", "manual"],
    shipping_option: ["free_from"],
    user: ["guest"],
  };
  for (const { type, aggregate, schema } of EVENT_TYPES) {
    for (const field of since[aggregate] ?? []) {
      assert(field in (schema as z.ZodObject).shape, `${type}: ${field} is told`);
      assert((schema as z.ZodObject).shape[field]!.safeParse(undefined).success, `${type}: ${field}`);
    }
  }
});

Deno.test("A pattern means a type or all that begin with it and a dot; anything else means none", () => {
  assertEquals(typesMatching("order.created"), ["order.created"]);
  assertEquals(typesMatching("user.*"), ["user.registered", "user.updated"]);
  for (
    const pattern of [
      "",
      "*",
      ".*",
      "order",
      "order.",
      "ord.*",
      "order.c*",
      "ORDER.*",
      "order.none",
      "order.*.*",
    ]
  ) {
    assertEquals(typesMatching(pattern), [], pattern);
  }
});

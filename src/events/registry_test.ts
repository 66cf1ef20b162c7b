import { assert, assertEquals } from "@std/assert";
import { AGGREGATES, EVENT_TYPES, typesMatching } from "./registry.ts";

const SOURCE = new URL("../", import.meta.url);

/** `order.created v1` of every `defineEvent` in the source. */
async function definedIn(directory: URL): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (isDirectory) found.push(...await definedIn(new URL(`${name}/`, directory)));
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) {
      const source = await Deno.readTextFile(new URL(name, directory));
      const calls = source.matchAll(/(?<!function )\bdefineEvent(?:<[^(]*>)?\(\s*(.*?),\s*(.*?),/g);
      for (const [, type, version] of calls) found.push(`${type!.replaceAll('"', "")} v${version}`);
    }
  }
  return found;
}

Deno.test("Every event that is defined anywhere is registered, once", async () => {
  const registered = EVENT_TYPES.map(({ type, version }) => `${type} v${version}`);
  assertEquals(registered.toSorted(), (await definedIn(SOURCE)).toSorted());
  assertEquals(new Set(registered).size, registered.length);
});

Deno.test("An event is named after its aggregate, and says what happened in a sentence", () => {
  for (const { type, aggregate, summary } of EVENT_TYPES) {
    assertEquals(type.split(".")[0], aggregate);
    assert(/^[A-Z].+\.$/.test(summary), summary);
  }
  assertEquals([...AGGREGATES].sort(), ["inventory", "order", "product", "user"]);
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

import { assert, assertEquals } from "@std/assert";
import { dutyRate } from "../../tests/support/trade.ts";
import { matchRule } from "./match_rule.ts";

Deno.test("How long it takes to find the rates of many lines does not grow with the number of rates", () => {
  let read = 0;
  const rates = Array.from({ length: 9000 }, (_, i) => {
    const prefix = String(6_900_000_000 + i);
    return Object.defineProperty(dutyRate(prefix, "0.1"), "hs_prefix", { get: () => (read++, prefix) });
  });
  for (let i = 0; i < 1000; i++) {
    const found = matchRule(rates, String(6_900_000_000 + 7 * i), ({ origin }) => origin, "PT");
    assertEquals(found, rates[7 * i]);
  }
  assert(read < 10 * rates.length, `${read} prefixes were read`);
});

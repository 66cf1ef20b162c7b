import { assert, assertEquals } from "@std/assert";
import {
  exampleDestinations,
  exampleRates,
  exampleSchedule,
  exampleShippingOptions,
} from "../../tests/support/example_trade.ts";
import { askFor, tradeProduct } from "../../tests/support/trade.ts";
import { landedCost } from "./landed_cost.ts";

const DESTINATIONS = ["AU", "CA", "CH", "DE", "FR", "GB", "JP", "KR", "KW", "NO", "NZ", "SG", "US"];

Deno.test("There is an example schedule for each of thirteen destinations, named as its file", () => {
  assertEquals(exampleDestinations(), DESTINATIONS);
  assertEquals(DESTINATIONS.map((country) => exampleSchedule(country).destination), DESTINATIONS);
});

Deno.test("Each prefix and origin, or category, has one rate", () => {
  for (const country of DESTINATIONS) {
    const { duty_rates, rules } = exampleSchedule(country);
    const keys = [
      ...duty_rates.map(({ hs_prefix, origin }) => `duty ${hs_prefix} ${origin}`),
      ...rules.tax.rates.map(({ hs_prefix, category }) => `tax ${hs_prefix} ${category}`),
    ];
    assertEquals(keys.filter((key, index) => keys.indexOf(key) !== index), [], country);
  }
});

Deno.test("With the example rates and options a telephone has a price in every destination and currency", () => {
  const phone = tradeProduct("PHONE", { hs_code: "851713", country_of_origin: "VN" });
  for (const destination of DESTINATIONS) {
    for (const currency of ["EUR", "USD", "GBP", "JPY", "KWD"]) {
      const cost = landedCost(
        askFor([phone], { destination, shipFrom: "CN", currency, shippingOption: "parcel-world" }),
        {
          schedule: exampleSchedule(destination),
          rates: exampleRates(),
          hsCodes: {},
          shippingOptions: exampleShippingOptions(),
        },
      );
      assert(cost.total_price > 0);
      assertEquals(cost.consignee_id !== null, destination === "KR");
    }
  }
});

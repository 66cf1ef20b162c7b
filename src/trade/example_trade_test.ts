import { assert, assertEquals, equal } from "@std/assert";
import {
  exampleRates,
  exampleSchedule,
  exampleSchedules,
  exampleShippingOptions,
} from "../../tests/support/example_trade.ts";
import { askFor, tradeProduct } from "../../tests/support/trade.ts";
import { landedCost } from "./landed_cost.ts";

const DESTINATIONS = ["AU", "CA", "CH", "DE", "FR", "GB", "JP", "KR", "KW", "NO", "NZ", "SG", "US"];

Deno.test("There is an example schedule for each of thirteen destinations, and a later one for two, named as its file", () => {
  const names = [...exampleSchedules()].map(([name, { destination, effective_from }]) => {
    const later = effective_from === "2026-01-01" ? "" : `_${effective_from.slice(0, 7).replace("-", "_")}`;
    assertEquals(name, `${destination.toLowerCase()}${later}.json`);
    return `${destination}${later}`;
  });
  assertEquals(names, [...DESTINATIONS, "DE_2026_07", "FR_2026_07"].sort());
});

Deno.test("The later law of the European Union changes nothing but its flat duty, what tax is on, and anti-dumping", () => {
  const ceramicsOfChina = ["69120021", "69120023", "69120025", "69120029", "691110"];
  for (const country of ["DE", "FR"]) {
    const [before, since] = ["2026-06-30", "2026-07-01"].map((day) => exampleSchedule(country, day));
    assertEquals(before!.rules.duty.low_value, null);
    assertEquals(since!.rules.duty.low_value, {
      up_to: { amount: 15000, basis: "goods" },
      per_subheading: 300,
    });
    const changed = since!.duty_rates.filter((rate, index) => !equal(rate, before!.duty_rates[index]));
    assertEquals(
      changed.map(({ hs_prefix, origin }) => [hs_prefix, origin]).sort(),
      ceramicsOfChina.map((prefix) => [prefix, "CN"]).sort(),
    );
    assertEquals(since!.duty_rates.length, before!.duty_rates.length);
    assertEquals({ ...since!.rules, duty: before!.rules.duty }, {
      ...before!.rules,
      tax: { ...before!.rules.tax, seller_base: ["goods", "shipping"] },
    });
  }
});

Deno.test("Each prefix and origin, or category, has one rate", () => {
  for (const [name, { duty_rates, rules }] of exampleSchedules()) {
    const keys = [
      ...duty_rates.map(({ hs_prefix, origin }) => `duty ${hs_prefix} ${origin}`),
      ...rules.tax.rates.map(({ hs_prefix, category }) => `tax ${hs_prefix} ${category}`),
    ];
    assertEquals(keys.filter((key, index) => keys.indexOf(key) !== index), [], name);
  }
});

Deno.test("With the example rates and options a telephone has a price in every destination and currency", () => {
  const phone = tradeProduct("PHONE", { hs_code: "851713", country_of_origin: "VN" });
  for (const schedule of exampleSchedules().values()) {
    const { destination } = schedule;
    for (const currency of ["EUR", "USD", "GBP", "JPY", "KWD"]) {
      const cost = landedCost(
        askFor([phone], { destination, shipFrom: "CN", currency, shippingOption: "parcel-world" }),
        {
          schedule,
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

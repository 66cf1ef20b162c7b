/** The example schedules, reference rates and shipping options of tools/example_trade, as trade's facts. */
import { readRateFile } from "../../src/trade/rate_file.ts";
import { OptionCode, ScheduleBody, ShippingOptionBody } from "../../src/trade/schemas.ts";
import type { ReferenceRate, Schedule, ShippingOption } from "../../src/trade/facts.ts";

const FOLDER = "tools/example_trade";
/** What the files were written for. */
const DAY = new Date("2026-01-01T00:00:00.000Z");

/** The countries that there is an example schedule of. */
export function exampleDestinations(): string[] {
  return [...Deno.readDirSync(FOLDER)]
    .map(({ name }) => /^([a-z]{2})\.json$/.exec(name)?.[1]?.toUpperCase())
    .filter((country) => country !== undefined)
    .sort();
}

export function exampleSchedule(destination: string): Schedule {
  const body = readJson(`${destination.toLowerCase()}.json`);
  const { destination: country, effective_from, source, duty_rates, ...rules } = ScheduleBody.parse(body);
  return { id: `schedule of ${country}`, destination: country, effective_from, source, rules, duty_rates };
}

export function exampleRates(): ReferenceRate[] {
  return [["exchange_rates.csv", "ECB"], ["exchange_rates_kwd.csv", "example"]].flatMap(([name, source]) =>
    readRateFile("csv", Deno.readTextFileSync(`${FOLDER}/${name}`), DAY).rates
      .map((rate) => ({ ...rate, source: source! }))
  );
}

export function exampleShippingOptions(): ShippingOption[] {
  const options = readJson("shipping_options.json") as Record<string, unknown>[];
  return options.map(({ code, ...body }) => ({
    code: OptionCode.parse(code),
    ...ShippingOptionBody.parse(body),
  }));
}

function readJson(name: string): unknown {
  return JSON.parse(Deno.readTextFileSync(`${FOLDER}/${name}`));
}

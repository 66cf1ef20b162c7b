/** The example schedules, reference rates and shipping options of tools/example_trade, as trade's facts. */
import { readRateFile } from "../../src/trade/rate_file.ts";
import { OptionCode, ScheduleBody, ShippingOptionBody } from "../../src/trade/schemas.ts";
import { RATE_FILES, SCHEDULE_FILE } from "../../tools/demo_trade.ts";
import type { ReferenceRate, Schedule, ShippingOption } from "../../src/trade/facts.ts";

const FOLDER = "tools/example_trade";
/** What the files were written for, but for those that name a later month. */
const DAY = "2026-01-01";

/** Every example schedule, by the name of its file. */
export function exampleSchedules(): Map<string, Schedule> {
  const names = [...Deno.readDirSync(FOLDER)].map(({ name }) => name)
    .filter((name) => SCHEDULE_FILE.test(name)).sort();
  return new Map(names.map((name) => [name, readSchedule(name)]));
}

/** The example schedule of a destination that is in force on a day. */
export function exampleSchedule(destination: string, on = DAY): Schedule {
  const inForce = [...exampleSchedules().values()]
    .filter((each) => each.destination === destination && each.effective_from <= on)
    .sort((a, b) => a.effective_from < b.effective_from ? -1 : 1);
  return inForce.at(-1)!;
}

export function exampleRates(): ReferenceRate[] {
  return Object.entries(RATE_FILES).flatMap(([name, source]) =>
    readRateFile("csv", Deno.readTextFileSync(`${FOLDER}/${name}`), new Date(DAY)).rates
      .map((rate) => ({ ...rate, source }))
  );
}

export function exampleShippingOptions(): ShippingOption[] {
  const options = readJson("shipping_options.json") as Record<string, unknown>[];
  return options.map(({ code, ...body }) => ({
    code: OptionCode.parse(code),
    ...ShippingOptionBody.parse(body),
  }));
}

function readSchedule(name: string): Schedule {
  const { destination, effective_from, source, duty_rates, ...rules } = ScheduleBody.parse(readJson(name));
  return { id: `schedule of ${name}`, destination, effective_from, source, rules, duty_rates };
}

function readJson(name: string): unknown {
  return JSON.parse(Deno.readTextFileSync(`${FOLDER}/${name}`));
}

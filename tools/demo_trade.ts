import type { Ctx } from "../src/platform/ctx.ts";
import {
  importRates,
  importSchedule,
  listSchedules,
  putShippingOption,
  ScheduleBody,
  ShippingOptionBody,
} from "../src/trade/mod.ts";

const FOLDER = new URL("./example_trade/", import.meta.url);
/** `de.json`; a later law of the same destination is named with its month: `de_2026_07.json`. */
export const SCHEDULE_FILE = /^([a-z]{2})(_\d{4}_\d{2})?\.json$/;
const END_OF_TIME = "9999-12-31";

/** What each file of rates says, by its name. The ECB has no rate of the Kuwaiti dinar. */
export const RATE_FILES = { "exchange_rates.csv": "ECB", "exchange_rates_kwd.csv": "example" };

/**
 * Loads the example rates, shipping options and schedules where nobody has written down any law yet; changes nothing
 * where there is a schedule. They show how the files look, and are no advice on customs.
 *
 * @returns of how many destinations
 */
export async function loadExampleTrade(ctx: Ctx): Promise<number> {
  const { data } = await listSchedules(ctx, { on: END_OF_TIME, limit: 1 });
  if (data.length > 0) return 0;
  for (const [name, source] of Object.entries(RATE_FILES)) {
    await importRates(ctx, { format: "csv", text: await readText(name), source });
  }
  for (const { code, ...body } of JSON.parse(await readText("shipping_options.json"))) {
    await putShippingOption(ctx, { option: { code, ...ShippingOptionBody.parse(body) } });
  }
  const names = (await Array.fromAsync(Deno.readDir(FOLDER), ({ name }) => name))
    .filter((name) => SCHEDULE_FILE.test(name)).sort();
  for (const name of names) await importSchedule(ctx, ScheduleBody.parse(JSON.parse(await readText(name))));
  return new Set(names.map((name) => SCHEDULE_FILE.exec(name)![1])).size;
}

function readText(name: string): Promise<string> {
  return Deno.readTextFile(new URL(name, FOLDER));
}

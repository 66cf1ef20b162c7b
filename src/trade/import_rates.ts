import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { appendEvents } from "../platform/events.ts";
import { ratesWereImported } from "./events.ts";
import { type RateFormat, readRateFile } from "./rate_file.ts";
import { insertRates, lockRates } from "./rate_queries.ts";
import type { RateImportSchema } from "./schemas.ts";

/** What became of a file of rates. */
export type RateImport = z.output<typeof RateImportSchema>;

const BATCH_RATES = 20_000;

/**
 * Writes down the rates of a file, all or none. Nothing is ever changed: a rate that differs from the last one of
 * its day is written beside it and counts from then on, so the same file again finds nothing to do.
 *
 * @throws invalid_request with a line and a field for each thing that is wrong
 */
export async function importRates(
  ctx: Ctx,
  input: { format: RateFormat; text: string; source: string },
): Promise<RateImport> {
  const { rates, skipped, skipped_currencies } = readRateFile(input.format, input.text, ctx.clock.now());
  const days = rates.map(({ as_of }) => as_of).sort();
  return await transaction(ctx.sql, async (tx) => {
    await lockRates(tx);
    let imported = 0;
    for (let i = 0; i < rates.length; i += BATCH_RATES) {
      imported += await insertRates(tx, ctx, rates.slice(i, i + BATCH_RATES), input.source);
    }
    const result: RateImport = {
      source: input.source,
      imported,
      unchanged: rates.length - imported,
      skipped,
      skipped_currencies,
      first_day: days[0] ?? null,
      last_day: days.at(-1) ?? null,
    };
    if (imported > 0) await appendEvents(tx, ctx, [ratesWereImported(result)]);
    return result;
  });
}

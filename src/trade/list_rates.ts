import type { Ctx } from "../platform/ctx.ts";
import { type Page, toPage } from "../platform/page.ts";
import { dayOf } from "./day.ts";
import { type ExchangeRate, listLatestRates, listRateHistory } from "./rate_queries.ts";

/** The rate of each currency that counts on a day: the newest on or before it. */
export async function listRates(
  ctx: Ctx,
  { on = dayOf(ctx.clock.now()) }: { on?: string },
): Promise<{ base: "EUR"; on: string; data: ExchangeRate[] }> {
  return { base: "EUR", on, data: await listLatestRates(ctx.sql, on) };
}

/** What was written down of a currency, newest day first; of one day the last correction first. */
export async function listRatesOf(
  ctx: Ctx,
  filter: { currency: string; cursor?: [day: string, id: number]; limit: number },
): Promise<Page<ExchangeRate>> {
  const { data, next } = toPage(
    await listRateHistory(ctx.sql, filter),
    filter.limit,
    (last) => [last.as_of, last.id],
  );
  return { data: data.map(({ id: _, ...rate }) => rate), next };
}

import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../../platform/ctx.ts";
import { transaction } from "../../platform/db.ts";
import { AppError } from "../../platform/errors.ts";
import { balancesOf, totalOf } from "./double_entry.ts";
import { sumAccounts } from "./queries.ts";
import type { LedgerReportSchema, ReportQuery } from "./schemas.ts";
import { spanOf } from "./span.ts";

export type LedgerReport = z.infer<typeof LedgerReportSchema>;

/**
 * What was posted to each account in a span of time, `from` ≤ t < `to`, by currency; of the orders to one destination where
 * that is asked.
 *
 * @throws invalid_request
 */
export async function getLedgerReport(ctx: Ctx, query: z.infer<typeof ReportQuery>): Promise<LedgerReport> {
  const { from, to } = spanOf(query, ctx.clock.now());
  const booked = await transaction(
    ctx.sql,
    (tx) => sumAccounts(tx, { from, to, destination: query.destination }),
  );
  const byCurrency = Map.groupBy(booked, ({ currency }) => currency);
  for (const [currency, sums] of byCurrency) {
    if (sums.some(isInexact) || isInexact(totalOf(sums))) throw tooMuch(currency, from, to);
  }
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    currencies: [...byCurrency].map(([currency, entries]) => {
      const { debit, credit } = totalOf(entries);
      const accounts = balancesOf(entries);
      const cash = entries.filter(({ account }) => account === "cash_at_provider");
      const cash_by_provider = cash.map(({ provider, debit, credit }) => ({
        provider: provider!,
        debit,
        credit,
        balance: debit - credit,
      }));
      return { currency, accounts, cash_by_provider, debit, credit, balanced: debit === credit };
    }),
  };
}

/** Is there more than a number holds exactly? What is less was exact when it was read, and so is its sum. */
function isInexact({ debit, credit }: { debit: number; credit: number }): boolean {
  return Math.max(debit, credit) > Number.MAX_SAFE_INTEGER;
}

function tooMuch(currency: string, from: Date, to: Date): AppError {
  const message =
    `must be later, or query/to earlier: what was booked in ${currency} from ${from.toISOString()} to ` +
    `${to.toISOString()} is more than 2^53 minor units, beyond which no number is exact`;
  return new AppError("invalid_request", `query/from ${message}`, {
    errors: [{ pointer: "query/from", code: "too_much", message }],
  });
}

import { perPool } from "../../platform/batch.ts";
import type { Ctx } from "../../platform/ctx.ts";
import { type Report, verifyDatabase } from "./verify_books.ts";

/** The check that is under way over a pool, if there is one. */
const underWay = perPool((): { report?: Promise<Report> } => ({}));

/** Checks every invariant. Whoever asks while this process is at it already gets that answer. */
export async function getInvariants({ config, sql, clock }: Ctx): Promise<Report> {
  const check = underWay(sql);
  check.report ??= verifyDatabase(config, clock.now()).finally(() => check.report = undefined);
  return await check.report;
}

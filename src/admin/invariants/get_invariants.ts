import type { Ctx } from "../../platform/ctx.ts";
import type { Sql } from "../../platform/db.ts";
import { type Report, verifyDatabase } from "./verify_books.ts";

const running = new WeakMap<Sql, Promise<Report>>();

/** Checks every invariant. Whoever asks while this process is at it already gets that answer. */
export async function getInvariants(ctx: Ctx): Promise<Report> {
  const begun = running.get(ctx.sql);
  if (begun) return await begun;
  const report = verifyDatabase(ctx.config, ctx.clock.now()).finally(() => running.delete(ctx.sql));
  running.set(ctx.sql, report);
  return await report;
}

import { type Ctx, isOwn, isStaff } from "../platform/ctx.ts";
import { notFound } from "../platform/errors.ts";
import { findQuote } from "./queries.ts";
import type { Quote } from "./quote.ts";

/** A quote with what became of it. One whose time is over is `expired` from that moment. @throws not_found */
export async function getQuote(ctx: Ctx, id: string): Promise<Quote> {
  const quote = await findQuote(ctx.sql, id);
  if (!quote || !(isStaff(ctx.actor) || isOwn(ctx.actor, quote.user_id))) throw notFound("quote");
  const isOver = quote.status === "open" && new Date(quote.expires_at) <= ctx.clock.now();
  return isOver ? { ...quote, status: "expired" } : quote;
}

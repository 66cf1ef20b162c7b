import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../../platform/ctx.ts";
import { type Page, toPage } from "../../platform/page.ts";
import { transactionOf } from "./get_ledger.ts";
import { listBookedRows } from "./queries.ts";
import type { BookedTransactionSchema, TransactionsQuery } from "./schemas.ts";
import { spanOf } from "./span.ts";

export type BookedTransaction = z.infer<typeof BookedTransactionSchema>;

/**
 * What was booked in a span of time, of all orders or those to one destination, for staff: oldest first, as a journal is
 * kept. The cursor has the span, since this month may be over before its last page was read.
 *
 * @throws invalid_request
 */
export async function listBookedTransactions(
  ctx: Ctx,
  { cursor, limit, ...query }: z.infer<typeof TransactionsQuery>,
): Promise<Page<BookedTransaction>> {
  const span = spanOf({ from: query.from ?? cursor?.[0], to: query.to ?? cursor?.[1] }, ctx.clock.now());
  const rows = await listBookedRows(ctx.sql, {
    ...span,
    kind: query.kind,
    currency: query.currency,
    destination: query.destination,
    provider: query.provider,
    after: cursor && { at: cursor[2], id: cursor[3] },
    limit,
  });
  const transactions = rows.map((row) => ({
    order_id: row.order_id,
    currency: row.currency,
    ...transactionOf(row, row.actor),
  }));
  return toPage(transactions, limit, ({ occurred_at, id }) => [
    span.from.toISOString(),
    span.to.toISOString(),
    occurred_at,
    id,
  ]);
}

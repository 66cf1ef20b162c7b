import { disputeOf, insertTransactions } from "../../orders/mod.ts";
import type { Ctx } from "../../platform/ctx.ts";
import type { Tx } from "../../platform/db.ts";
import { appendEvents } from "../../platform/events.ts";
import { disputeClosed, disputeCreated, disputeUpdated } from "../events.ts";
import type { StoredPayment } from "../payment.ts";
import type { DisputeState } from "../providers/provider.ts";
import { updatePayments } from "../queries.ts";
import { afterDisputeState, type Dispute, heldAmount, isDecided } from "./dispute.ts";
import { listDisputesOf, writeDisputes } from "./queries.ts";

/**
 * Records what a provider said of a payment's disputes: what banks hold of its money is on its row and in the ledger, and
 * the log tells. The caller holds the rows of order and payment, and books what is lost.
 *
 * @returns the payment then; the same where nothing is new
 */
export async function recordDisputes(
  tx: Tx,
  ctx: Ctx,
  before: StoredPayment,
  told: readonly DisputeState[],
): Promise<StoredPayment> {
  if (told.length === 0) return before;
  const known = await listDisputesOf(tx, before.id);
  const now = ctx.clock.now();
  const news = told.flatMap((state): { was?: Dispute; is: Dispute; taken: number }[] => {
    const was = known.find(({ provider_reference }) => provider_reference === state.reference);
    const is = afterDisputeState(now, before, was, state);
    return is === was ? [] : [{ was, is, taken: heldAmount(is) - (was ? heldAmount(was) : 0) }];
  });
  if (news.length === 0) return before;
  const taken = news.reduce((sum, each) => sum + each.taken, 0);
  const payment = { ...before, amount_disputed: before.amount_disputed + taken };
  await writeDisputes(tx, news.map(({ is }) => is));
  await updatePayments(tx, [payment]);
  const transactions = news.filter((each) => each.taken !== 0).map(({ is, taken }) => ({
    ...disputeOf(is, taken),
    at: is.updated_at,
  }));
  if (transactions.length > 0) await insertTransactions(tx, ctx, transactions);
  await appendEvents(
    tx,
    ctx,
    news.map(({ was, is }) => ({
      event: isDecided(is) ? disputeClosed : was ? disputeUpdated : disputeCreated,
      aggregateId: is.id,
      userId: null,
      data: is,
    })),
  );
  return payment;
}

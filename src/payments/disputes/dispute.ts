import type { z } from "@hono/zod-openapi";
import { newId } from "../../platform/id.ts";
import type { StoredPayment } from "../payment.ts";
import type { DisputeState } from "../providers/provider.ts";
import type { DisputeSchema } from "./schemas.ts";

/** How a dispute stands: of these that follow an `inquiry` in the order in which they can. */
export const DISPUTE_STATUSES = [
  "inquiry",
  "needs_response",
  "under_review",
  "won",
  "lost",
  "closed",
] as const;

/** A dispute as it is stored, answered and told in events. Amounts in minor units. */
export type Dispute = z.output<typeof DisputeSchema>;

type Status = Dispute["status"];

/** Has the bank taken its money until it has decided? */
const HOLDS: readonly Status[] = ["needs_response", "under_review"];
const ENDS: readonly Status[] = ["won", "lost", "closed"];

/** What of its payment's money the bank holds while it has not decided. */
export function heldAmount({ status, amount }: Pick<Dispute, "status" | "amount">): number {
  return HOLDS.includes(status) ? amount : 0;
}

export function isDecided({ status }: Pick<Dispute, "status">): boolean {
  return ENDS.includes(status);
}

/**
 * A dispute after its payment's provider said how it stands. What is said may be older than what is known, so none goes
 * back, and what was decided stays: however often and in whatever order it is told, it ends the same. Pure; the same
 * dispute where nothing is new.
 *
 * @param before undefined: nobody has told of it yet
 */
export function afterDisputeState(
  now: Date,
  payment: Pick<StoredPayment, "id" | "order_id" | "currency">,
  before: Dispute | undefined,
  state: DisputeState,
): Dispute {
  const { status, amount, reason, evidenceDueBy } = state;
  const told = { status, amount, reason, evidence_due_by: evidenceDueBy ?? null };
  const updated_at = now.toISOString();
  if (!before) {
    return {
      id: newId(),
      order_id: payment.order_id,
      payment_id: payment.id,
      provider_reference: state.reference,
      currency: payment.currency,
      ...told,
      version: 1,
      created_at: updated_at,
      updated_at,
    };
  }
  const isOlder = DISPUTE_STATUSES.indexOf(status) < DISPUTE_STATUSES.indexOf(before.status);
  const isNew = amount !== before.amount || status !== before.status || reason !== before.reason ||
    told.evidence_due_by !== before.evidence_due_by;
  if (isDecided(before) || isOlder || !isNew) return before;
  return { ...before, ...told, version: before.version + 1, updated_at };
}

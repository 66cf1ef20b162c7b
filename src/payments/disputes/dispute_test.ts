import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { afterDisputeState, type Dispute, DISPUTE_STATUSES, heldAmount, isDecided } from "./dispute.ts";
import type { DisputeState } from "../providers/provider.ts";

const PAYMENT = { id: "payment", order_id: "order", currency: "EUR" };
const NOW = new Date("2026-02-20T08:00:00.000Z");
const said = (status: Dispute["status"], more: Partial<DisputeState> = {}): DisputeState => ({
  reference: "dp_1",
  status,
  amount: 1000,
  reason: "fraudulent",
  ...more,
});
const told = (states: readonly DisputeState[], before?: Dispute) =>
  states.reduce(
    (dispute, state, i) => afterDisputeState(new Date(NOW.getTime() + i), PAYMENT, dispute, state),
    before,
  );

Deno.test("A bank holds the money of a dispute from when it asks for evidence until it has decided", () => {
  assertEquals(DISPUTE_STATUSES.map((status) => [status, heldAmount(said(status)), isDecided({ status })]), [
    ["inquiry", 0, false],
    ["needs_response", 1000, false],
    ["under_review", 1000, false],
    ["won", 0, true],
    ["lost", 0, true],
    ["closed", 0, true],
  ]);
});

Deno.test("However often and in whatever order a provider tells of a dispute, it goes only on, and what was decided stays", () => {
  fc.assert(fc.property(
    fc.array(fc.constantFrom(...DISPUTE_STATUSES), { minLength: 1, maxLength: 12 }),
    (statuses) => {
      const dispute = told(statuses.map((status) => said(status)))!;
      const rank = (status: Dispute["status"]) => DISPUTE_STATUSES.indexOf(status);
      const decided = statuses.find((status) => isDecided({ status }));
      const furthest = statuses.toSorted((a, b) => rank(b) - rank(a))[0]!;
      assertEquals(dispute.status, decided ?? furthest);
    },
  ));
});

Deno.test("What is told twice is one version; until when evidence is taken, the reason and the amount may change while it is open", () => {
  const first = told([said("inquiry")])!;
  assertEquals(told([said("inquiry"), said("inquiry")], first), first);
  const evidenceDueBy = "2026-03-02T00:00:00.000Z";
  const later = told([said("inquiry"), said("needs_response")])!;
  assertEquals([later.created_at, later.updated_at], [NOW.toISOString(), "2026-02-20T08:00:00.001Z"]);
  const next = told([said("inquiry", { evidenceDueBy }), said("inquiry", { evidenceDueBy })], first)!;
  assertEquals([next.version, next.evidence_due_by, next.created_at], [2, evidenceDueBy, first.created_at]);
  const held = told([said("needs_response", { evidenceDueBy })], next)!;
  const other = told([said("needs_response", { evidenceDueBy, reason: "duplicate" })], held)!;
  assertEquals([other.version, other.reason], [4, "duplicate"]);
  const more = told([said("needs_response", { evidenceDueBy, amount: 1500, reason: "duplicate" })], other)!;
  assertEquals([more.version, more.amount, more.reason, heldAmount(more)], [5, 1500, "duplicate", 1500]);
  const lost = told([said("lost", { amount: 1500 }), said("lost", { amount: 9 })], more)!;
  assertEquals([lost.version, lost.amount, lost.status], [6, 1500, "lost"]);
});

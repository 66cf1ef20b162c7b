import type { Dispute } from "./disputes/dispute.ts";
import { MANUAL, type Payment, paymentRefused, wrongState } from "./payment.ts";
import type { Refund } from "./refunds/refund.ts";

/** The document's example of a payment … */
export const EXAMPLE_PAYMENT: Payment = {
  id: "0192f0c2-1b2c-7d3e-8f40-5a6b7c8d9e01",
  order_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  provider: "sandbox",
  status: "captured",
  currency: "EUR",
  amount: 2998,
  capture_method: "automatic",
  amount_authorised: 2998,
  amount_captured: 2998,
  amount_refunding: 0,
  amount_refunded: 0,
  amount_refunded_manually: 0,
  amount_disputed: 0,
  provider_reference: "sandbox_0192f0c2-1b2c-7d3e-8f40-5a6b7c8d9e02",
  redirect_url: null,
  failure_code: null,
  failure_message: null,
  version: 2,
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:01.000Z",
};

/** … of one that came by bank … */
export const EXAMPLE_MANUAL_PAYMENT: Payment = {
  ...EXAMPLE_PAYMENT,
  id: "0192f0c2-1b2c-7d3e-8f40-5a6b7c8d9e03",
  provider: MANUAL,
  amount: 1500,
  amount_authorised: 1500,
  amount_captured: 1500,
  provider_reference: "2026-02-02/0042",
};

/** … of a refund … */
export const EXAMPLE_REFUND: Refund = {
  id: "0192f0c3-2c3d-7e4f-9051-6b7c8d9e0f12",
  order_id: EXAMPLE_PAYMENT.order_id,
  payment_id: EXAMPLE_PAYMENT.id,
  return_id: null,
  dispute_id: null,
  follows: null,
  currency: "EUR",
  amount: 1499,
  goods_amount: 1499,
  shipping_amount: 0,
  duty_amount: 0,
  tax_amount: 0,
  items: [{ line: 1, sku: "MUG-BLUE", quantity: 1 }],
  reason: "Arrived broken",
  manual: false,
  status: "succeeded",
  provider_reference: "refund_0192f0c3-2c3d-7e4f-9051-6b7c8d9e0f13",
  failure_message: null,
  attempts: 1,
  next_attempt_at: null,
  version: 2,
  created_at: "2026-02-03T09:00:00.000Z",
  updated_at: "2026-02-03T09:00:01.000Z",
};

/** … and of a dispute. */
export const EXAMPLE_DISPUTE: Dispute = {
  id: "0192f0c4-3d4e-7f50-a162-7c8d9e0f1a23",
  order_id: EXAMPLE_PAYMENT.order_id,
  payment_id: EXAMPLE_PAYMENT.id,
  provider_reference: "dp_1Pz3",
  status: "needs_response",
  currency: "EUR",
  amount: 2998,
  reason: "fraudulent",
  evidence_due_by: "2026-03-02T23:59:59.000Z",
  version: 1,
  created_at: "2026-02-20T08:00:00.000Z",
  updated_at: "2026-02-20T08:00:00.000Z",
};

/** What is answered to another payment of an order that is being paid … */
export const EXAMPLE_UNDER_WAY = paymentRefused({
  pointer: "",
  code: "nothing_due",
  message: `A payment under way, ${EXAMPLE_PAYMENT.id}, may bring in all that is due: void it first, ` +
    "POST /v1/payments/{id}/void, or see it through.",
  payable: 0,
  payments: [{ payment_id: EXAMPLE_PAYMENT.id, status: "requires_action", promised: EXAMPLE_PAYMENT.amount }],
});

/** … to a capture of more than is reserved … */
export const EXAMPLE_TOO_MUCH = paymentRefused({
  pointer: "/amount",
  code: "more_than_authorised",
  message: "998 are reserved and not captured.",
  capturable: 998,
});

/** … and to whoever would void what is captured, or is not theirs to void. */
export const EXAMPLE_VOIDED_LATE = wrongState({
  pointer: "path/id",
  code: "not_open",
  message: "A payment that is captured cannot be voided.",
  status: "captured",
});
export const EXAMPLE_STAFF_ONLY = paymentRefused({
  pointer: "path/id",
  code: "staff_only",
  message: "Only staff let go of a payment that is authorised; so does cancelling its order.",
  status: "authorised",
});

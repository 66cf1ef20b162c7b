import { z } from "@hono/zod-openapi";

/**
 * What went wrong, in words the caller may read. `message` and `errors` go out as they are; `cause` is only
 * logged. Anything that is not an AppError leaves the API as a bare 500.
 */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;
  readonly errors: FieldError[];
  /** Seconds after which the same request may succeed; becomes `Retry-After`. */
  readonly retryAfterSeconds?: number;

  constructor(
    code: ErrorCode,
    message: string,
    options: { errors?: FieldError[]; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.errors = options.errors ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

const Money = z.int().optional();
const Units = z.int().optional();
const Text = z.string().optional();

/** One of several payments that a refusal names. */
const ErrorPayment = z.object({
  payment_id: z.string(),
  status: Text.openapi({ description: "`nothing_due`, `more_than_due`" }),
  promised: Money.openapi({ description: "`nothing_due`, `more_than_due`: what it may bring in yet" }),
  refundable: Money.openapi({ description: "`no_payment_with_enough`: what it has left" }),
}).openapi("ProblemErrorPayment");

const ErrorRule = z.object({
  hs_prefix: z.string().nullable(),
  category: z.string().nullable(),
  source: z.string().openapi({ description: "Where it is said" }),
}).openapi("ProblemErrorRule", { description: "`restricted`: the rule that keeps the goods out" });

/**
 * One thing wrong with one part of the request: where, what, and the facts that a program can act on. This is the list of
 * them all, and the contract's; what is not in it is not answered.
 */
export const FieldErrorSchema = z.object({
  pointer: z.string().openapi({
    description: "JSON Pointer into the body, empty for all of it, or `query/…`, `path/…`, `header/…`.",
    example: "/items/0/sku",
  }),
  code: z.string().openapi({
    description: "What is wrong there. New ones come without a new version of the API.",
    example: "insufficient_stock",
  }),
  message: z.string(),

  sku: Text.openapi({ description: "The product that it is about" }),
  product_id: Text.openapi({ description: "The same, where it was named by its id" }),
  line: z.int().optional().openapi({
    description: "The line that it is about: of the order, of the return, or of an imported file",
  }),
  status: Text.openapi({ description: "What the order, the shipment, the return or the payment is by now" }),
  allowed: z.array(z.string()).optional().openapi({
    description: "`invalid_transition`: what it can become instead",
  }),
  currency: Text.openapi({ description: "Of the amounts beside it; `no_price`: the one without a price" }),
  destination: Text.openapi({ description: "The country where it cannot be sent" }),

  requested: Units.openapi({ description: "Units that were asked for, of all lines together" }),
  available: Units.openapi({ description: "`insufficient_stock`: units that can be had" }),
  quantity: Units.openapi({ description: "`too_many`: what would be in the cart" }),
  on_hand: Units.openapi({ description: "`stock_changed`: units that are there now" }),
  unshipped: Units.openapi({ description: "Units of the line that can leave yet" }),
  returnable: Units.openapi({
    description:
      "`more_than_returnable`: units of the line that can come back; `returned`: that left and are not to",
  }),
  asked: Units.openapi({ description: "`more_than_asked`: units that were to come back" }),
  received: Units.openapi({ description: "`more_than_asked`, `more_than_received`: units that came back" }),

  quoted_total: Money.openapi({ description: "`quote_not_open`: the total that was quoted" }),
  new_total: Money.nullable().openapi({
    description: "`quote_not_open`: what the same would cost now; null: it cannot be had, see `refusal`",
  }),
  refusal: Text.openapi({ description: "`quote_not_open`: why the same cannot be had now" }),
  payable: Money.openapi({ description: "What can be paid beside the `payments` that are under way" }),
  capturable: Money.openapi({ description: "`more_than_authorised`: what is reserved and not captured" }),
  amount: Money.openapi({ description: "`capture_under_way`: what is being captured" }),
  refundable: z.int().optional().openapi({
    description: "What is left to be refunded: an amount; of a line (`too_many`), units",
  }),
  disputed: Money.openapi({
    description: "What of the rest the customer's bank holds in a dispute",
  }),
  refunding: Money.openapi({
    description: "What is being refunded already, and not counted as `refundable`",
  }),
  payments: z.array(ErrorPayment).optional().openapi({
    description: "The payments under way, those that were asked, or the one that has the reference",
  }),
  providers: z.array(z.string()).optional().openapi({
    description: "`unknown_provider`: those that there are",
  }),

  order_id: Text.nullable().openapi({
    description: "The order that the cart or the quote became, or that has the reference already",
  }),
  cart_id: Text.openapi({ description: "The cart that would be merged into" }),
  merged_into: Text.openapi({ description: "The cart that took over the lines of this one" }),
  quoted: Text.openapi({ description: "`not_quoted`: the destination that was quoted" }),

  coupon_code: Text.openapi({ description: "`coupon_…`: the code that cannot be used" }),
  starts_at: Text.openapi({ description: "`coupon_not_started`, `reward_not_started`: when it can be used" }),
  ends_at: Text.openapi({ description: "`coupon_expired`, `reward_expired`: until when it could be used" }),
  currencies: z.array(z.string()).optional().openapi({
    description: "`coupon_not_in_currency`: those in which it can be used",
  }),
  minimum_subtotal: Money.openapi({
    description: "`coupon_minimum_not_met`: what the goods that it applies to must cost",
  }),
  redeemed: Units.openapi({ description: "`too_few`: times that it is redeemed already" }),
  points: Units.openapi({ description: "`insufficient_points`: what the reward costs" }),
  balance: z.int().optional().openapi({ description: "`insufficient_points`: what the customer has" }),

  shipping_option: Text.openapi({ description: "`shipping_not_available`: the one that was asked for" }),
  available_options: z.array(z.string()).optional().openapi({
    description: "`shipping_not_available`, `required`: the shipping options that can be had, by their codes",
  }),
  verdict: z.enum(["forbidden", "licence_required"]).optional().openapi({ description: "`restricted`" }),
  reason: Text.openapi({ description: "`restricted`: why" }),
  rule: ErrorRule.optional(),
  hs_code: Text.nullable().openapi({ description: "`no_duty_rate`, `no_tax_rate`: of these goods" }),
  country_of_origin: Text.nullable().openapi({
    description: "`no_duty_rate`, `no_tax_rate`: of these goods",
  }),
  category: Text.nullable().openapi({ description: "`no_duty_rate`, `no_tax_rate`: of these goods" }),
  source: Text.openapi({ description: "`no_duty_rate`, `no_tax_rate`: the schedule that was looked in" }),
  from: Text.openapi({ description: "`no_exchange_rate`: the currency to convert …" }),
  to: Text.openapi({ description: "`no_exchange_rate`: … and the one to convert into" }),
});
export type FieldError = z.infer<typeof FieldErrorSchema>;

/** Every code the API can answer with, and its HTTP status. Codes are part of the contract: add, never rename. */
export const ERROR_STATUS = {
  malformed_json: 400,
  invalid_signature: 400,
  unauthenticated: 401,
  invalid_credentials: 401,
  invalid_grant: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  email_taken: 409,
  sku_taken: 409,
  code_taken: 409,
  reference_taken: 409,
  insufficient_stock: 409,
  stock_changed: 409,
  invalid_transition: 409,
  capture_under_way: 409,
  quote_not_open: 409,
  cart_closed: 409,
  document_incomplete: 409,
  idempotency_in_progress: 409,
  last_admin: 409,
  version_mismatch: 412,
  payload_too_large: 413,
  unsupported_media_type: 415,
  invalid_request: 422,
  order_refused: 422,
  cart_refused: 422,
  shipment_refused: 422,
  refund_refused: 422,
  return_refused: 422,
  payment_refused: 422,
  quote_refused: 422,
  reward_refused: 422,
  weak_password: 422,
  unsupported_grant_type: 422,
  idempotency_key_reused: 422,
  rate_limited: 429,
  internal: 500,
  unavailable: 503,
  provider_unavailable: 503,
} as const satisfies Record<string, number>;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** The refusal of a request for what its schema could not say. */
export function invalidRequest(errors: FieldError[]): AppError {
  const { pointer, message } = errors[0]!;
  return new AppError("invalid_request", `The request is not valid: ${pointer} ${message}`, { errors });
}

/** The refusal of a header, whose name its message goes on from. */
export function invalidHeader(name: string, message: string, code = "invalid"): AppError {
  return new AppError("invalid_request", `${name} ${message}`, {
    errors: [{ pointer: `header/${name.toLowerCase()}`, code, message }],
  });
}

/** Is a thing still at the version that its caller means to change (`If-Match`), if they said? @throws version_mismatch */
export function requireVersion(thing: string, version: number, expected: number | undefined): void {
  if (expected === undefined || expected === version) return;
  throw new AppError("version_mismatch", `The ${thing} is at version ${version} by now.`);
}

/**
 * Refuses a thing that is not, as it is answered now, what its caller means to change (`If-Match`), if they said; undefined
 * where there is none. For what has no version, or also changes without a new one. @throws version_mismatch
 */
export type RequireSame = (now: object | undefined) => void;

/** The identical answer for what does not exist and for what the caller may not know of. */
export function notFound(what: string): AppError {
  return new AppError("not_found", `There is no such ${what}, or it is not yours to see.`);
}

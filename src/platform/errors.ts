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

/** One thing wrong with one part of the request. */
export interface FieldError {
  /** JSON Pointer (RFC 6901) into the body, or `query/limit`, `header/if-match`, `path/id`. */
  pointer: string;
  code: string;
  message: string;
  /** Facts a program can act on, such as `{ sku, requested, available }`. */
  [fact: string]: unknown;
}

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

import { type FieldError, invalidRequest } from "../platform/errors.ts";

/** When something can be had. */
export interface Period {
  starts_at: string;
  /** Null: for ever. */
  ends_at: string | null;
}

/** What can be had for a while, and so often. */
export interface Running extends Period {
  active: boolean;
  max_redemptions: number | null;
  max_per_customer: number | null;
}

/** How often it was had already, when somebody else comes. */
export interface Uses {
  at: Date;
  redeemed: number;
  redeemedByCustomer: number;
}

/** Why whoever comes is too early, too late or too often: a code, and the rest of a sentence. Undefined: they are not. */
export function whyNot(
  { active, starts_at, ends_at, max_redemptions, max_per_customer }: Running,
  { at, redeemed, redeemedByCustomer }: Uses,
): { reason: string; what: string; facts?: Partial<FieldError> } | undefined {
  if (!active) return { reason: "inactive", what: "cannot be used any more" };
  if (at < new Date(starts_at)) {
    return { reason: "not_started", what: "cannot be used yet", facts: { starts_at } };
  }
  if (ends_at !== null && at >= new Date(ends_at)) {
    return { reason: "expired", what: "has expired", facts: { ends_at } };
  }
  if (max_redemptions !== null && redeemed >= max_redemptions) {
    return { reason: "used_up", what: "has been used up" };
  }
  if (max_per_customer !== null && redeemedByCustomer >= max_per_customer) {
    return { reason: "used_before", what: "was used by this customer as often as it may be" };
  }
}

/** A period in UTC. @param named the field that is wrong if it ends before it starts @throws invalid_request */
export function periodOf({ starts_at, ends_at }: Period, named: "starts_at" | "ends_at"): Period {
  const [start, end] = [new Date(starts_at), ends_at === null ? null : new Date(ends_at)];
  if (end !== null && end <= start) {
    const message = named === "ends_at"
      ? `must be after starts_at, ${start.toISOString()}`
      : `must be before ends_at, ${end.toISOString()}`;
    throw invalidRequest([{ pointer: `/${named}`, code: "ends_before_start", message }]);
  }
  return { starts_at: start.toISOString(), ends_at: end?.toISOString() ?? null };
}

/** What runs, with changes to it. @throws invalid_request for a period that ends before it starts, or fewer uses than there are */
export function withChanges<T extends Period & { max_redemptions?: number | null; redeemed?: number }>(
  before: T,
  changes: Partial<T>,
): T {
  const changed = { ...before, ...changes };
  const { max_redemptions, redeemed = 0 } = changed;
  if (max_redemptions != null && max_redemptions < redeemed) {
    const message = `must be at least ${redeemed}: so often it is redeemed already`;
    throw invalidRequest([{ pointer: "/max_redemptions", code: "too_few", message, redeemed }]);
  }
  return { ...changed, ...periodOf(changed, changes.ends_at === undefined ? "starts_at" : "ends_at") };
}

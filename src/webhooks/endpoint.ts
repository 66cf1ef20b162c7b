import { AppError } from "../platform/errors.ts";
import { checkedAddresses, ForbiddenTargetError } from "./target.ts";

/** Where another system wants to be told of events. Its secrets are kept apart. */
export interface Endpoint {
  id: string;
  url: string;
  description: string | null;
  event_types: string[];
  status: "enabled" | "disabled";
  /** Why Waybill itself disabled it; null where staff did, or nobody. */
  disabled_reason: string | null;
  /** Until when the secret before the last rotation signs along. */
  previous_secret_until: string | null;
  version: number;
  created_at: string;
  updated_at: string;
}

/** An endpoint with its secret, readable: only for the answer that made the secret. */
export type EndpointWithSecret = Endpoint & { secret: string };

/** What staff may set. */
export interface EndpointChanges {
  url?: string;
  description?: string | null;
  event_types?: string[];
  status?: "enabled" | "disabled";
}

/** @throws invalid_request for a URL that does not lead to a public https address, unless private ones are allowed */
export async function requirePublicUrl(url: string, allowPrivateAddresses: boolean): Promise<void> {
  if (allowPrivateAddresses) return;
  try {
    await checkedAddresses(new URL(url), { allowPrivateAddresses });
  } catch (error) {
    if (!(error instanceof ForbiddenTargetError)) throw error;
    throw new AppError("invalid_request", `url ${error.message}`, {
      errors: [{ pointer: "/url", code: "invalid", message: error.message }],
    });
  }
}

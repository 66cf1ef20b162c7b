import type { z } from "@hono/zod-openapi";
import { AppError } from "../platform/errors.ts";
import type { ChangeEndpointBody, EndpointSchema, EndpointWithSecretSchema } from "./schemas.ts";
import { checkedAddresses, ForbiddenTargetError } from "./target.ts";

/** Where another system wants to be told of events. Its secrets are kept apart. */
export type Endpoint = z.infer<typeof EndpointSchema>;

/** An endpoint with its secret, readable: only for the answer that made the secret. */
export type EndpointWithSecret = z.infer<typeof EndpointWithSecretSchema>;

/** What staff may set. */
export type EndpointChanges = z.infer<typeof ChangeEndpointBody>;

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

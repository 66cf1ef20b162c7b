import type { z } from "@hono/zod-openapi";
import type { AttemptSchema, DeliverySchema } from "./schemas.ts";

/** One event (or a ping) for one endpoint. */
export type Delivery = z.infer<typeof DeliverySchema>;

/** One try of a delivery. */
export type Attempt = z.infer<typeof AttemptSchema>;

/** What a ping is called; no event is. */
export const PING = "webhook.ping";

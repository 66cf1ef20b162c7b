import { z } from "@hono/zod-openapi";
import { defineEvent } from "../platform/events.ts";

/** Tells that there is a consignee, and nothing of who it is. */
export const consigneeRecorded = defineEvent(
  "consignee.recorded",
  1,
  "consignee",
  "Who receives an order's goods was recorded for customs.",
  z.object({ order_id: z.uuid(), id_type: z.string(), user_id: z.uuid() }),
);

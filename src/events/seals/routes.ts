import type { z } from "@hono/zod-openapi";
import { pageSchema, pageView } from "../../http/pagination.ts";
import { endpoint, json, router } from "../../http/router.ts";
import { listSeals } from "./list_seals.ts";
import { SealSchema, SealsQuery } from "./schemas.ts";

const EXAMPLE: z.infer<typeof SealSchema> = {
  position: 4711,
  since: 4242,
  events: 469,
  hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  sealed_at: "2026-01-31T12:00:00.000Z",
};

export const sealRoutes = router();

sealRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/admin/event-seals",
    operationId: "listEventSeals",
    tags: ["Operations"],
    summary: "By what can it be proved that the log was not rewritten?",
    description:
      "Every minute the events since are sealed: each seal hashes the one before and all of its events. Keep a copy of the " +
      "latest one elsewhere; `GET /v1/admin/invariants` and `deno task verify` read events again and compare.",
    request: { query: SealsQuery },
    responses: {
      200: json(pageSchema(SealSchema).openapi("EventSealPage"), "One page, the latest first.", {
        data: [EXAMPLE],
        next_cursor: null,
      }),
    },
  }),
  async (c) => c.json(pageView(await listSeals(c.get("ctx"), c.req.valid("query"))), 200),
);

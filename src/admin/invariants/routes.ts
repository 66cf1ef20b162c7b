import { endpoint, json, router } from "../../http/router.ts";
import { getInvariants } from "./get_invariants.ts";
import { ReportSchema } from "./schemas.ts";

export const invariantRoutes = router();

invariantRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/admin/invariants",
    operationId: "getInvariants",
    tags: ["Administration"],
    summary: "Does everything in the database agree?",
    description:
      "Checks every invariant over the whole database as it is at one moment: stock and its movements, orders and their " +
      "lines, the ledger, payments, the log. Reads only, and takes a minute where there are millions of orders; whoever " +
      "asks meanwhile gets the same answer. `deno task verify` does it from the command line.",
    responses: {
      200: json(ReportSchema, "The invariants, each with what breaks it.", {
        ok: true,
        broken: 0,
        warnings: 0,
        checked_at: "2026-01-31T12:00:00.000Z",
        ms: 420,
        invariants: [{
          name: "stock_levels_are_sums_of_movements",
          holds: "Every level is the sum of its movements.",
          severity: "broken",
          checked: 1000,
          breaks: 0,
          examples: [],
          ms: 12,
        }],
      }),
    },
  }),
  async (c) => c.json(await getInvariants(c.get("ctx")), 200),
);

import { z } from "@hono/zod-openapi";
import { Timestamp } from "../../http/schemas.ts";
import { SEVERITIES } from "./invariant.ts";

const Count = z.int().min(0);

const FindingSchema = z.object({
  name: z.string().openapi({ example: "stock_levels_are_sums_of_movements" }),
  holds: z.string().openapi({
    description: "What must hold",
    example: "Every level is the sum of its movements.",
  }),
  severity: z.enum(SEVERITIES).openapi({
    description: "`broken`: a break is a contradiction in the books; `warning`: somebody should look",
  }),
  checked: Count.openapi({ description: "Rows that were looked at" }),
  breaks: Count.openapi({ description: "Rows that break it" }),
  examples: z.array(
    z.object({
      id: z.string().openapi({ example: "MUG-1@default" }),
      what: z.string().openapi({ example: "level 5/1, movements 5/0 (on hand/reserved)" }),
    }).openapi("InvariantExample"),
  ).openapi({ description: "The first ten of them" }),
  ms: Count.openapi({ description: "How long it took" }),
}).openapi("InvariantFinding");

export const ReportSchema = z.object({
  ok: z.boolean().openapi({ description: "Nothing is broken; there may be warnings" }),
  broken: Count.openapi({ description: "Invariants that are broken" }),
  warnings: Count.openapi({ description: "Invariants that warn" }),
  checked_at: Timestamp,
  ms: Count,
  invariants: z.array(FindingSchema),
}).openapi("InvariantReport");

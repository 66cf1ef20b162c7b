/** The plans that the API's own statements get, taken by auto_explain from the connection that runs them. */

import postgres from "postgres";
import { listOrderRows } from "../src/orders/list_queries.ts";
import { findPlacingFacts } from "../src/orders/placing_queries.ts";
import { findOrder, listTimeline } from "../src/orders/queries.ts";
import type { ListOrders } from "../src/orders/list_orders.ts";
import { ONE_GOOD_PLAN, type Sql } from "../src/platform/db.ts";

/** Tables that grow with the orders: no statement may read one from end to end. */
const GROWING = ["orders", "order_items", "events", "idempotency_keys", "stock_movements"];

export interface StatementPlan {
  name: string;
  ms: number;
  /** Growing tables that it reads without an index. */
  sequential: string[];
  plan: PlanNode;
}

interface PlanNode {
  "Node Type": string;
  "Relation Name"?: string;
  Plans?: PlanNode[];
}

export async function explainAll(databaseUrl: string, sql: postgres.Sql): Promise<StatementPlan[]> {
  const [sample] = await sql<{ id: string; user_id: string; number: string; at: string }[]>`
    select id, user_id, number, placed_at::text as at from orders order by id desc offset 20000 limit 1`;
  const { id, user_id, number } = sample!;
  const placed = new Date(sample!.at).toISOString();
  const list = (filter: Partial<ListOrders>) => (explained: Sql) =>
    listOrderRows(explained, { sort: "-created_at", limit: 20, ...filter });
  const statements: Record<string, (explained: Sql) => Promise<unknown>> = {
    "get": (explained) => findOrder(explained, id),
    "timeline": (explained) => listTimeline(explained, { orderId: id, after: 0, limit: 20 }),
    "facts for placing": (explained) =>
      findPlacingFacts(explained, {
        skus: ["BENCH-0001", "BENCH-0500"],
        productIds: [],
        ownerIds: [user_id],
        references: [],
        keys: [{ actor: `user:${user_id}`, route: "POST /v1/orders", key: "none", requestHash: "" }],
      }),
    "list": list({}),
    "list, oldest first": list({ sort: "created_at" }),
    "list, far page": list({ cursor: ["-created_at", id] }),
    "by placed_at": list({ sort: "-placed_at" }),
    "by placed_at, far page": list({ sort: "-placed_at", cursor: ["-placed_at", placed, id] }),
    "status": list({ status: "PENDING" }),
    "status and user": list({ status: "PAID", user_id }),
    "status, by placed_at": list({ status: "PENDING", sort: "-placed_at" }),
    "user": list({ user_id }),
    "user, by placed_at": list({ user_id, sort: "-placed_at" }),
    "payment status": list({ payment_status: "PAID" }),
    "fulfilment status": list({ fulfilment_status: "SHIPPED" }),
    "refunded": list({ payment_status: "REFUNDED" }),
    "paid, not sent": list({ payment_status: "PAID", fulfilment_status: "UNFULFILLED" }),
    "sku": list({ sku: "BENCH-0042" }),
    "sku and status": list({ sku: "BENCH-0042", status: "PENDING" }),
    "sku that nobody bought": list({ sku: "NONE" }),
    "number": list({ number }),
    "external reference": list({ external_reference: "none" }),
    "created_from, created_to": list({ created_from: placed, created_to: new Date().toISOString() }),
    "placed_from, placed_to": list({
      sort: "-placed_at",
      placed_from: placed,
      placed_to: new Date().toISOString(),
    }),
    "placed_to a year ago": list({
      sort: "-placed_at",
      placed_to: new Date(Date.now() - 364 * 86_400_000).toISOString(),
    }),
  };
  const plans: StatementPlan[] = [];
  for (const [name, run] of Object.entries(statements)) {
    const { ms, plan } = await explain(databaseUrl, run);
    plans.push({ name, ms, plan, sequential: [...new Set(sequentialScans(plan))] });
  }
  return plans;
}

/** Runs the statement twice on a connection of its own, planned as the API plans, and returns the second run's plan. */
async function explain(
  databaseUrl: string,
  run: (explained: Sql) => Promise<unknown>,
): Promise<{ ms: number; plan: PlanNode }> {
  const notices: string[] = [];
  const explained = postgres(databaseUrl, {
    max: 1,
    onnotice: ({ message }) => notices.push(message ?? ""),
    transform: { undefined: null },
    connection: ONE_GOOD_PLAN as never,
  });
  try {
    await explained.unsafe("load 'auto_explain'");
    for (const [setting, value] of Object.entries(EXPLAIN_SETTINGS)) {
      await explained.unsafe(`set ${setting} = ${value}`);
    }
    await run(explained as unknown as Sql);
    notices.length = 0;
    await run(explained as unknown as Sql);
  } finally {
    await explained.end();
  }
  const found = notices.flatMap((notice) =>
    /^duration: ([\d.]+) ms\s+plan:\s*(\{.*\})\s*$/s.exec(notice) ?? []
  );
  if (found.length === 0) throw new Error("auto_explain said nothing.");
  return { ms: Number(found[1]), plan: JSON.parse(found[2]!).Plan };
}

const EXPLAIN_SETTINGS = {
  "auto_explain.log_min_duration": 0,
  "auto_explain.log_analyze": "on",
  "auto_explain.log_format": "json",
  "client_min_messages": "log",
};

function sequentialScans(node: PlanNode): string[] {
  const own = node["Node Type"].includes("Seq Scan") && GROWING.includes(node["Relation Name"] ?? "")
    ? [node["Relation Name"]!]
    : [];
  return [...own, ...(node.Plans ?? []).flatMap(sequentialScans)];
}

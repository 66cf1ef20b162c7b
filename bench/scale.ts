/**
 * `deno task bench:scale [N]`: is a million orders as quick as none? Two databases on one server, with 2,000 orders and
 * with N, an API process on each, asked in turns; then the plan of each statement, as the API has it prepared.
 */

import { inDatabase, withConnection } from "../tools/database_admin.ts";
import { fillOrders } from "./fill.ts";
import { explainAll } from "./plans.ts";
import { median, table, writeResults } from "./report.ts";
import { openStage, orderOf, ROOT, type Server, type Stage } from "./stage.ts";
import postgres from "postgres";

const FEW = 2000;
const ROUNDS = 5;
const REQUESTS = 40;
const WARM_UP_REQUESTS = 40;
const PAGE = 20;
const FAR_PAGE = 1000;
const AIM = 1.5;

/** One side of the comparison. */
interface Side {
  api: Server;
  sql: postgres.Sql;
  ids: string[];
  next: number;
}

type Request = (side: Side) => { path: string; body?: string };

const count = Number(Deno.args[0] ?? 1_000_000);
if (!Number.isSafeInteger(count) || count <= FAR_PAGE * PAGE) {
  console.error(`deno task bench:scale [how many orders, more than ${FAR_PAGE * PAGE}]`);
  Deno.exit(2);
}
const stage = await openStage(console.log);
let failed = false;
try {
  await fillOrders(stage.sql, FEW, () => {});
  const manyUrl = inDatabase(stage.adminUrl, "waybill_many");
  await withConnection(stage.adminUrl, async (sql) => {
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = 'waybill'`;
    await sql`create database waybill_many template waybill`;
  });
  const many = postgres(manyUrl, { max: 1, onnotice: () => {} });
  try {
    const start = performance.now();
    await fillOrders(many, count, console.log);
    const fillSeconds = (performance.now() - start) / 1000;
    console.log(`Filled with ${count} orders in ${Math.round(fillSeconds)} s`);
    const timings = await compare(stage, many, manyUrl);
    const plans = await explainAll(manyUrl, many);
    console.log(`\n${
      table([
        ["statement", "ms", "scans without an index"],
        ...plans.map((plan) => [
          plan.name,
          plan.ms.toFixed(2),
          plan.sequential.join(", ") || "none",
        ]),
      ])
    }`);
    console.log(
      `\n${await writeResults(`${ROOT}bench/results`, { count, fillSeconds, timings, plans }, "scale")}`,
    );
    failed = timings.some(({ ratio }) => ratio > AIM) ||
      plans.some(({ sequential }) => sequential.length > 0);
  } finally {
    await many.end();
  }
} finally {
  await stage.stop();
}
if (failed) Deno.exit(1);

async function compare(stage: Stage, many: postgres.Sql, manyUrl: string) {
  const apis = [await stage.startApi(), await stage.startApi(manyUrl)];
  try {
    const sides = [await sideOf(apis[0]!, stage.sql), await sideOf(apis[1]!, many)] as const;
    const requests = await requestsOf(stage, many);
    const [token] = await stage.signTokens([stage.customers[0]!], "admin");
    const rows = [["request", `${FEW} orders, ms`, `${count} orders, ms`, "ratio"]];
    const timings = [];
    for (const [name, [few, lots]] of Object.entries(requests)) {
      await time(sides[0], few, token!, WARM_UP_REQUESTS);
      await time(sides[1], lots, token!, WARM_UP_REQUESTS);
      const rounds: { few: number; many: number }[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        rounds.push({
          few: await time(sides[0], few, token!, REQUESTS),
          many: await time(sides[1], lots, token!, REQUESTS),
        });
      }
      const timing = {
        name,
        few: median(rounds.map((each) => each.few)),
        many: median(rounds.map((each) => each.many)),
        ratio: median(rounds.map((each) => each.many / each.few)),
      };
      timings.push(timing);
      rows.push([name, timing.few.toFixed(2), timing.many.toFixed(2), timing.ratio.toFixed(2)]);
    }
    console.log(`\n${table(rows)}\n\nMedians, one request after the other. Aim: ${AIM} at the most.`);
    return timings;
  } finally {
    for (const api of apis) await api.stop();
  }
}

/** Orders in random order: each is read once, so none comes from the cache. */
async function sideOf(api: Server, sql: postgres.Sql): Promise<Side> {
  const rows = await sql<{ id: string }[]>`select id from orders order by md5(id::text) limit ${FEW}`;
  return { api, sql, ids: rows.map(({ id }) => id), next: 0 };
}

/** By name, what to ask the small side and what the large one: the same, save where only the large one has the page. */
async function requestsOf(stage: Stage, many: postgres.Sql): Promise<Record<string, [Request, Request]>> {
  const list = (query: string): Request => () => ({ path: `/v1/orders?limit=${PAGE}${query}` });
  const both = (query: string): [Request, Request] => [list(query), list(query)];
  /** For what few rows match among few orders: beside a full page of them, as the large side answers one. */
  const besideAFullPage = (query: string): [Request, Request] => [list(""), list(query)];
  const offset = (FAR_PAGE - 1) * PAGE - 1;
  const [byId] = await many<
    { id: string }[]
  >`select id from orders order by id desc offset ${offset} limit 1`;
  const [byPlacing] = await many<{ id: string; at: Date }[]>`
    select id, placed_at as at from orders order by placed_at desc, id desc offset ${offset} limit 1`;
  const cursor = (...position: string[]) =>
    `&cursor=${
      new TextEncoder().encode(JSON.stringify(position)).toBase64({
        alphabet: "base64url",
        omitPadding: true,
      })
    }`;
  const place: Request = () => ({
    path: "/v1/orders",
    body: JSON.stringify(orderOf([0, 1].map((i) => stage.skus[Math.floor(Math.random() * 500) + i * 500]!))),
  });
  const get: Request = (side) => ({ path: `/v1/orders/${side.ids[side.next++ % side.ids.length]}` });
  const user = stage.customers[1]!;
  const monthAgo = new Date(Date.now() - 30 * 86_400_000).toISOString();
  return {
    "get, not cached": [get, get],
    "place": [place, place],
    "list, page 1": both(""),
    [`list, page ${FAR_PAGE}`]: [list(""), list(cursor("-created_at", byId!.id))],
    "by placed_at, page 1": both("&sort=-placed_at"),
    [`by placed_at, page ${FAR_PAGE}`]: [
      list("&sort=-placed_at"),
      list(`&sort=-placed_at${cursor("-placed_at", byPlacing!.at.toISOString(), byPlacing!.id)}`),
    ],
    "status": both("&status=PENDING"),
    "status and user": besideAFullPage(`&status=PAID&user_id=${user}`),
    "user": both(`&user_id=${user}`),
    "payment status": both("&payment_status=PAID"),
    "sku": besideAFullPage("&sku=BENCH-0042"),
    "sku and status": besideAFullPage("&sku=BENCH-0042&status=DELIVERED"),
    "number": both("&number=WB-100500"),
    "created_to": both(`&created_to=${monthAgo}`),
    "placed_to": both(`&placed_to=${monthAgo}`),
    "placed_to, by placed_at": both(`&placed_to=${monthAgo}&sort=-placed_at`),
  };
}

/** The median time of so many requests in a row, in milliseconds. */
async function time(side: Side, request: Request, token: string, times: number): Promise<number> {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const { path, body } = request(side);
    const headers: Record<string, string> = { Authorization: `Bearer ${token}` };
    if (body) {
      Object.assign(headers, { "Content-Type": "application/json", "Idempotency-Key": crypto.randomUUID() });
    }
    const start = performance.now();
    const response = await fetch(`http://127.0.0.1:${side.api.port}${path}`, {
      method: body ? "POST" : "GET",
      headers,
      body,
    });
    const answer = await response.text();
    taken.push(performance.now() - start);
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${answer}`);
  }
  return median(taken);
}

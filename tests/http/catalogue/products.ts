import { assertEquals } from "@std/assert";
import type { Answer, TestApp } from "../../support/app.ts";

export const CSV = "text/csv";
export const NDJSON = "application/x-ndjson";

/** Where a product is, by its id or SKU. */
export const at = (ref: string) => `/v1/products/${encodeURIComponent(ref)}`;

/** Adds a product through the API and returns it. */
// deno-lint-ignore no-explicit-any
export async function create(app: TestApp, token: string, product: Record<string, unknown>): Promise<any> {
  const answer = await app.request("POST", "/v1/products", { token, body: { name: "Mug", ...product } });
  assertEquals(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

/** Sends a file to the import. */
export async function sendFile(app: TestApp, token: string, type: string, file: string): Promise<Answer> {
  return await app.request("POST", "/v1/products/import", {
    token,
    body: file,
    headers: { "Content-Type": type },
  });
}

/** Objects as the lines of an NDJSON file. */
export function ndjson(lines: unknown[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** The number of rows of a table. */
export async function count({ deps: { sql } }: TestApp, table: string): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*) from ${sql(table)}`;
  return row!.count;
}

/** An import's report without errors. */
export const report = (counts: Partial<Record<"created" | "updated" | "unchanged", number>>) => ({
  created: 0,
  updated: 0,
  unchanged: 0,
  failed: 0,
  errors: [],
  error_count: 0,
  ...counts,
});

/** A page of products. */
export const list = (app: TestApp, query: Record<string, string | number>, token?: string) =>
  app.request(
    "GET",
    `/v1/products?${new URLSearchParams(Object.entries(query).map(([k, v]) => [k, `${v}`]))}`,
    {
      token,
    },
  );

import { assertEquals } from "@std/assert";
import { newId } from "../../src/platform/id.ts";
import type { TestApp, TestUser } from "./app.ts";

export type Query = Record<string, string>;

/** An id (UUIDv7) as if it had been made at this time. */
export function idAt(time: number): string {
  const hex = time.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${newId().slice(15)}`;
}

/** The ids of all entries of a list, page by page, however many pages it takes. */
export async function idsOf(
  app: TestApp,
  user: TestUser,
  path: string,
  query: Query = {},
  onPage: () => Promise<unknown> = () => Promise.resolve(),
): Promise<string[][]> {
  const pages: string[][] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const search = new URLSearchParams({ ...query, ...cursor !== "" && { cursor } });
    const { status, body } = await app.request("GET", `${path}?${search}`, { token: user.token });
    assertEquals(status, 200, `${search}: ${JSON.stringify(body)}`);
    pages.push(body.data.map(({ id }: { id: string }) => id));
    cursor = body.next_cursor;
    await onPage();
  }
  return pages;
}

export const newestFirst = (rows: readonly { id: string }[]) => rows.map(({ id }) => id).sort().reverse();

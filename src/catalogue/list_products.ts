import { type Ctx, requireStaff } from "../platform/ctx.ts";
import { transaction } from "../platform/db.ts";
import { type Page, toPage } from "../platform/page.ts";
import { keyOfList, readList } from "../platform/read_through.ts";
import { takingTurns } from "../platform/turns.ts";
import type { Product, ProductFilter } from "./product.ts";
import { type ListedProduct, listProducts as selectProducts } from "./queries.ts";

/** How old a list may be, in milliseconds. */
export const LIST_TTL_MS = 60_000;

/**
 * Searches, and looks for what is in stock, under way at a time in a process: anybody can make slow ones, some tenths of a
 * second for tens of thousands of products, and a hundred at once would have every connection to themselves, before orders.
 * Others wait, up to so many.
 */
const SEARCHES = 2;
const WAITING = 64;
const inTurn = takingTurns({
  atATime: SEARCHES,
  waiting: WAITING,
  refusal: "Too many searches are under way just now.",
});

/** Where a list is cached. The filter says all that it depends on; who may ask for it is decided apart. */
export const listKey = (filter: ProductFilter) => keyOfList("products:list", filter);

/** A page of products, at most a minute old. @throws unauthenticated, forbidden for what only staff may list, unavailable */
export async function listProducts(ctx: Ctx, filter: ProductFilter): Promise<Page<Product>> {
  if (filter.status !== "active") {
    requireStaff(ctx.actor, "Only staff may list products that are not active.");
  }
  return await readList(ctx, listKey(filter), LIST_TTL_MS, async () => {
    const find = () => transaction(ctx.sql, (tx) => selectProducts(tx, filter));
    const isSlow = filter.q !== undefined || filter.in_stock !== undefined;
    const rows = await (isSlow ? inTurn(find) : find());
    const page = toPage(rows, filter.limit, (last) => positionOf(filter, last));
    return { ...page, data: page.data.map(({ sort_key: _, ...product }) => product) };
  });
}

function positionOf({ sort }: ProductFilter, { sort_key, id }: ListedProduct): (string | number)[] {
  return sort_key === null ? [sort, id] : [sort, sort_key, id];
}

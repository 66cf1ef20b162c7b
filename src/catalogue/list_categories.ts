import type { z } from "@hono/zod-openapi";
import type { Ctx } from "../platform/ctx.ts";
import { type Page, toPage } from "../platform/page.ts";
import { keyOfList, readList } from "../platform/read_through.ts";
import { LIST_TTL_MS } from "./list_products.ts";
import { type Category, listCategories as selectCategories } from "./queries.ts";
import type { CategoriesQuery } from "./schemas.ts";

type Asked = z.output<typeof CategoriesQuery>;

/** Where a page of categories is cached. */
export const categoriesKey = (asked: Asked) => keyOfList("products:categories", asked);

/** The categories of the products that are for sale, by name, at most a minute old. */
export async function listCategories(ctx: Ctx, asked: Asked): Promise<Page<Category>> {
  return await readList(ctx, categoriesKey(asked), LIST_TTL_MS, async () => {
    const rows = await selectCategories(ctx.sql, { after: asked.cursor?.[0], limit: asked.limit });
    return toPage(rows, asked.limit, (last) => [last.name]);
  });
}

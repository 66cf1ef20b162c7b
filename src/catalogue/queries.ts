import type { Fragment, Sql, Tx } from "../platform/db.ts";
import { boundMs } from "../platform/made_within.ts";
import { isProductId, type Product, type ProductFilter } from "./product.ts";

const productColumns = (sql: Sql | Tx) =>
  sql`
    p.id, p.sku, p.name, p.description, p.category,
    (select coalesce(json_agg(json_build_object('currency', currency, 'amount', amount) order by currency), '[]')
     from product_prices where product_id = p.id) as prices,
    p.weight_grams, p.hs_code, p.country_of_origin, p.status, p.attributes, p.version, p.created_at, p.updated_at`;

const isNamed = (sql: Sql | Tx, ref: string) => isProductId(ref) ? sql`p.id = ${ref}` : sql`p.sku = ${ref}`;

/** A product by its id or its SKU, whatever its status. */
export async function findProduct(sql: Sql | Tx, ref: string): Promise<Product | undefined> {
  const [product] = await sql<Product[]>`
    select ${productColumns(sql)} from products p where ${isNamed(sql, ref)}`;
  return product;
}

export async function listProductsBySku(sql: Sql | Tx, skus: string[]): Promise<Product[]> {
  return await sql<Product[]>`select ${productColumns(sql)} from products p where p.sku = any(${skus})`;
}

/**
 * Holds the product's row until the transaction ends, but not its key: placing an order, which refers to it, does
 * not wait. Read the product in the next statement: this one would show prices as they were before it waited.
 *
 * @returns false if there is no such product
 */
export async function lockProduct(tx: Tx, ref: string): Promise<boolean> {
  return (await tx`select 1 from products p where ${isNamed(tx, ref)} for no key update`).length > 0;
}

/**
 * The same for many, always in the order of their SKUs, so that two imports never wait for each other in a circle.
 *
 * @returns those that there are, and that are held. One that is added right after this is not.
 */
export async function lockProductsBySku(tx: Tx, skus: string[]): Promise<string[]> {
  const rows = await tx<{ sku: string }[]>`
    select sku from products where sku = any(${skus}) order by sku for no key update`;
  return rows.map(({ sku }) => sku);
}

/**
 * Has the statements of this transaction planned for their values and for the tables as they are now. The plans that
 * connections keep are made for any values: good for looking up a row, ruinous for a list by whichever filter, or for
 * an import that makes a small table large.
 */
export async function planForValues(tx: Tx): Promise<void> {
  await tx`set local plan_cache_mode = force_custom_plan`;
}

/** A listed product with what it was sorted by, in a form that loses nothing; null where its id says it. */
export type ListedProduct = Product & { sort_key: string | number | null };

/** Of more products than these some soon come along, in whichever order the catalogue is looked through. */
const FEW = 1000;

/**
 * The ids of what a search and an HS code find together; undefined if those are not few, or neither is asked for. The
 * planner takes a word that hardly any product has for one in hundreds, and products of a code for spread evenly: it would
 * look for a page of them through the whole catalogue.
 */
async function listFewMatches(
  tx: Tx,
  filter: Pick<ProductFilter, "q" | "hs_code">,
): Promise<string[] | undefined> {
  if (filter.q === undefined && filter.hs_code === undefined) return undefined;
  const rows = await tx<{ id: string }[]>`
    select p.id from products p where ${isMatch(tx, filter)} limit ${FEW + 1}`;
  return rows.length > FEW ? undefined : rows.map(({ id }) => id);
}

/**
 * The products that pass the filter, `limit + 1` of them after the cursor. One text for all filters, so that callers cannot
 * fill the connections with prepared statements; planned for their values, those that are null cost nothing.
 */
export async function listProducts(tx: Tx, filter: ProductFilter): Promise<ListedProduct[]> {
  await planForValues(tx);
  const matches = await listFewMatches(tx, filter);
  const by = sortKey(tx, filter.sort);
  const [direction, beyond] = filter.sort.startsWith("-") ? [tx`desc`, tx`<`] : [tx`asc`, tx`>`];
  const status = filter.status === "any" ? null : filter.status;
  const { skus = null, category = null, country_of_origin = null, in_stock = null, currency, cursor } =
    filter;
  // As a number: PostgreSQL's text has no year 0, and no offset of 16 hours or more.
  const updatedSince = filter.updated_since === undefined ? null : boundMs(filter.updated_since);
  return await tx<ListedProduct[]>`
    select ${productColumns(tx)}, ${by?.text ?? tx`null`} as sort_key
    from products p
    ${
    currency === undefined ? tx`` : tx`
      join product_prices price on price.product_id = p.id and price.currency = ${currency}
        and price.amount between ${filter.price_min ?? 0} and ${filter.price_max ?? Number.MAX_SAFE_INTEGER}`
  }
    where (${status}::text is null or p.status = ${status})
      and (${skus}::text[] is null or p.sku = any(${skus}::text[]))
      and (${category}::text is null or p.category = ${category})
      and (${country_of_origin}::text is null or p.country_of_origin = ${country_of_origin})
      and (${updatedSince}::float8 is null or p.updated_at >= to_timestamp(${updatedSince}::float8 / 1000))
      and (${in_stock}::boolean is null
           or exists (select from stock_levels s where s.sku = p.sku and s.available > 0) = ${in_stock})
      and ${isMatch(tx, filter)}
      and (${matches ?? null}::uuid[] is null or p.id = any(${matches ?? null}::uuid[]))
      ${cursor === undefined ? tx`` : isBeyond(cursor)}
    order by ${by ? tx`${by.key} ${direction},` : tx``} p.id ${direction}
    limit ${filter.limit + 1}`;

  function isBeyond(position: NonNullable<ProductFilter["cursor"]>): Fragment {
    const id = position.at(-1)!;
    return by
      ? tx`and (${by.key}, p.id) ${beyond} (${position[1]}::${by.cast}, ${id})`
      : tx`and p.id ${beyond} ${id}`;
  }
}

/** A category, and how many products of it are for sale. */
export interface Category {
  name: string;
  products: number;
}

/** By name, `limit + 1` of them after the cursor. */
export async function listCategories(
  sql: Sql,
  { after, limit }: { after?: string; limit: number },
): Promise<Category[]> {
  return await sql<Category[]>`
    select category as name, count(*)::int as products from products
    where status = 'active' and category is not null ${
    after === undefined ? sql`` : sql`and category > ${after}`
  }
    group by category order by category limit ${limit + 1}`;
}

/** What a sort goes by before the id: nothing for the time of creation, as ids are UUIDv7. */
function sortKey(
  sql: Tx,
  sort: ProductFilter["sort"],
): { key: Fragment; text: Fragment; cast: Fragment } | undefined {
  switch (sort) {
    case "created_at":
    case "-created_at":
      return undefined;
    case "name":
    case "-name":
      return { key: sql`lower(p.name)`, text: sql`lower(p.name)`, cast: sql`text` };
    case "updated_at":
    case "-updated_at":
      return {
        key: sql`p.updated_at`,
        text: sql`to_char(p.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
        cast: sql`timestamptz`,
      };
    case "price":
    case "-price":
      return { key: sql`price.amount`, text: sql`price.amount`, cast: sql`bigint` };
  }
}

/** Is of this HS code and found by this search, as far as they are asked for. */
function isMatch(tx: Tx, filter: Pick<ProductFilter, "q" | "hs_code">): Fragment {
  const hsCodes = filter.hs_code === undefined ? null : `${filter.hs_code}%`;
  const search = filter.q === undefined ? null : searchParts(filter.q);
  const query = (words: string | null) => tx`websearch_to_tsquery('simple', without_accents(${words}))`;
  return tx`
    (${hsCodes}::text is null or p.hs_code like ${hsCodes})
    and (${search && search.words}::text is null or p.search_plain @@ (
      ${query(search && search.words)}
      || (${query(search && search.others)} && to_tsquery('simple', without_accents(${
    search && search.beginning
  })))
    ))`;
}

/**
 * What people type, cut up for a text search: like a web search, but the last word may be only the beginning of one
 * (`beginning`, for to_tsquery, in quotes so that nothing in it is syntax, and with a blank, as nothing may be left of it but
 * accents). Empty parts match what the rest matches.
 */
function searchParts(words: string): { words: string; others: string; beginning: string } {
  const last = words.includes('"') ? undefined : /(?:^|\s)([^\s-]\S*)$/.exec(words)?.[1];
  if (last === undefined) return { words, others: words, beginning: "" };
  return {
    words,
    others: words.slice(0, words.length - last.length),
    beginning: `' ${last.replaceAll("\\", "\\\\").replaceAll("'", "''")}':*`,
  };
}

/**
 * Adds those whose SKU, whatever its case, is not there yet, with their prices, and returns their SKUs. A SKU that
 * another transaction is adding just now is waited for. Written in the order of SKUs, so that two imports never
 * wait for each other in a circle.
 */
export async function insertProducts(tx: Tx, products: Product[]): Promise<string[]> {
  const rows = await tx<{ sku: string }[]>`
    with input as materialized (select * from ${recordset(tx, products)}),
    added as (
      insert into products (id, sku, name, description, category, weight_grams, hs_code, country_of_origin, status,
                            attributes, version, created_at, updated_at)
      select id, sku, name, description, category, weight_grams, hs_code, country_of_origin, status,
             attributes, version, created_at, updated_at
      from input order by lower(sku)
      on conflict do nothing
      returning id, sku
    ),
    priced as (
      insert into product_prices (product_id, currency, amount)
      select input.id, price.currency, price.amount
      from added join input using (id), ${pricesOf(tx)}
    )
    select sku from added`;
  return rows.map(({ sku }) => sku);
}

/** Writes locked products' next versions with their prices. */
export async function updateProducts(tx: Tx, products: Product[]): Promise<void> {
  await tx`
    with input as materialized (select * from ${recordset(tx, products)}),
    changed as (
      update products p
      set name = input.name, description = input.description, category = input.category,
          weight_grams = input.weight_grams, hs_code = input.hs_code, country_of_origin = input.country_of_origin,
          status = input.status, attributes = input.attributes, version = input.version, updated_at = input.updated_at
      from input where p.id = input.id
    ),
    wanted as materialized (
      select input.id as product_id, price.currency, price.amount from input, ${pricesOf(tx)}
    ),
    removed as (
      delete from product_prices old using input
      where old.product_id = input.id
        and not exists (select from wanted where (wanted.product_id, wanted.currency) = (old.product_id, old.currency))
    )
    insert into product_prices as old (product_id, currency, amount) select * from wanted
    on conflict (product_id, currency) do update set amount = excluded.amount where old.amount <> excluded.amount`;
}

const recordset = (tx: Tx, products: Product[]) =>
  tx`
    jsonb_to_recordset(${tx.json(products as never)}) as product (
      id uuid, sku text, name text, description text, category text, prices jsonb, weight_grams integer, hs_code text,
      country_of_origin text, status text, attributes jsonb, version integer, created_at timestamptz,
      updated_at timestamptz)`;

const pricesOf = (tx: Tx) => tx`jsonb_to_recordset(input.prices) as price (currency text, amount bigint)`;

import { z } from "@hono/zod-openapi";
import { cursor, CursorTime, Limit, LimitOfSkus, pageSchema, withLimit } from "../http/pagination.ts";
import { fieldErrors } from "../http/problem.ts";
import { Amount, Country, Currency, entries, Id, Sku, Skus, text, Timestamp } from "../http/schemas.ts";
import { MAX_ENTRIES } from "../platform/entries.ts";
import { HS_CODE_RULE, parseHsCode } from "./hs_code.ts";
import { isProductId, PRODUCT_STATUSES } from "./product.ts";

const MAX_PRICES = 200;
const MAX_INT4 = 2_147_483_647;

/** Text on one line: names end up in order confirmations and customs papers. */
function line(max: number) {
  return text(1, max).refine(
    (value) => !/\p{Cc}/u.test(value),
    "must not hold line breaks or other control characters",
  );
}

const ProductSku = Sku.refine((sku) => !isProductId(sku), "must not look like an id (UUID)")
  .openapi({
    description: "Stock keeping unit; unique whatever its case, and never changed",
    example: "MUG-BLUE",
  });

const Status = z.enum(PRODUCT_STATUSES).openapi({
  description:
    "`draft`: only staff see it; `active`: for sale; `archived`: not for sale or in lists any more, still found by id or SKU",
  example: "active",
});

/** As it is written, dotted or not; its digits come out. */
export const HsCode = z.string().max(20).transform((written, context) => {
  const digits = parseHsCode(written);
  if (digits !== undefined) return digits;
  context.addIssue({ code: "custom", message: HS_CODE_RULE });
  return z.NEVER;
}).openapi({
  type: "string",
  maxLength: 20,
  description: "Harmonized System code, dotted or not; kept as digits",
  example: "6912.00.23",
});

const WeightGrams = z.int().min(0).max(MAX_INT4).openapi({
  description: "Of one unit, in grams",
  example: 350,
});

const PriceSchema = z.strictObject({ currency: Currency, amount: Amount }).openapi("Price");

/** Amounts of which each is in another currency. */
export const PricesByCurrency = z.array(PriceSchema).max(MAX_PRICES).superRefine((prices, context) => {
  prices.forEach(({ currency }, i) => {
    if (prices.findIndex((other) => other.currency === currency) < i) {
      context.addIssue({
        code: "custom",
        path: [i, "currency"],
        message: `there is a price in ${currency} already`,
      });
    }
  });
});

const Prices = PricesByCurrency.openapi({
  description:
    "One price for each currency, without the tax and duty that schedules add; the list replaces the one before",
});

export const AttributeKey = z.string().regex(
  /^[\p{L}\p{N}][\p{L}\p{N} _.:/-]{0,63}$/u,
  "must be 1 to 64 letters, digits, blanks or any of _.:/- and begin with a letter or digit",
);
const AttributeValue = z.union([text(0, 1000), z.number(), z.boolean()], {
  error: "must be text of up to 1,000 characters, a number, true, false or null",
});

const Attributes = entries(AttributeKey, AttributeValue.nullable()).refine(
  (attributes) => Object.keys(attributes).length <= MAX_ENTRIES,
  `must have at most ${MAX_ENTRIES} keys`,
).openapi({
  description: `Facts of your own, up to ${MAX_ENTRIES}; merged into what is there, null removes one`,
  example: { colour: "blue", dishwasher_safe: true },
});

/** What staff may set. Null clears. */
const fields = {
  name: line(300).openapi({ example: "Mug, blue" }),
  description: text(0, 20_000).nullable().openapi({ example: "Stoneware, 0.3 l" }),
  category: line(100).nullable().openapi({ example: "Kitchen" }),
  prices: Prices.nullable(),
  weight_grams: WeightGrams.nullable(),
  hs_code: HsCode.nullable().openapi({ type: ["string", "null"] }),
  country_of_origin: Country.nullable(),
  status: Status,
  attributes: Attributes.nullable(),
};

export const ChangeProductBody = z.strictObject(fields).partial().openapi("ChangeProduct");

export const NewProductBody = z.strictObject({ sku: ProductSku, ...fields })
  .partial().required({ sku: true, name: true }).openapi("CreateProduct");

/** A line of an import: as a new product, or for a product that is there already only what changes. */
export const ImportedProduct = z.strictObject({ sku: ProductSku, ...fields }).partial().required({
  sku: true,
});

const MinorUnits = z.string().regex(/^\d{1,15}$/, "must be whole minor units, such as 1499").transform(Number)
  .openapi({
    type: "integer",
    minimum: 0,
    maximum: 999_999_999_999_999,
    description: "In minor units of `currency`, which must be given",
    example: 1000,
  });

/** The same as CSV has it: all is text, prices and attributes stand by currency and key. */
export const ImportedCsvProduct = ImportedProduct.extend({
  prices: z.record(Currency, MinorUnits.nullable()).optional(),
  weight_grams: z.string().regex(/^\d{1,15}$/, "must be whole grams").transform(Number).pipe(WeightGrams)
    .nullable().optional(),
  attributes: z.record(AttributeKey, text(0, 1000).nullable()).optional(),
});

/** What is wrong, where: JSON Pointers and messages. */
export function wrongFields(error: z.ZodError): { pointer: string; message: string }[] {
  return fieldErrors(error, "json");
}

export const ProductSchema = z.object({
  id: Id,
  sku: Sku,
  name: z.string().openapi({ example: "Mug, blue" }),
  description: z.string().openapi({ example: "Stoneware, 0.3 l" }),
  category: z.string().nullable().openapi({ example: "Kitchen" }),
  prices: z.array(PriceSchema).openapi({ description: "In the order of their currencies" }),
  weight_grams: z.int().nullable().openapi({ description: "Of one unit, in grams", example: 350 }),
  hs_code: z.string().nullable().openapi({
    description: "Harmonized System code, digits only",
    example: "69120023",
  }),
  country_of_origin: Country.nullable(),
  status: Status,
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .openapi({ example: { colour: "blue", dishwasher_safe: true } }),
  version: z.int().openapi({ description: "Counts the changes; also the ETag", example: 1 }),
  created_at: Timestamp,
  updated_at: Timestamp,
}).openapi("Product");

export const ProductPage = pageSchema(ProductSchema).openapi("ProductPage");

/** A product's id or its SKU; ids in small letters. */
const ProductRef = Sku.transform((ref) => isProductId(ref) ? ref.toLowerCase() : ref)
  .openapi({
    type: "string",
    description: "The product's id or SKU; a slash in a SKU is sent as `%2F`",
    example: "MUG-BLUE",
  });

export const ProductParam = z.object({ id_or_sku: ProductRef });

const CursorId = z.uuid();
/** Where a page ended, beginning with its sort, so that no other sort can take it for its own. */
const Cursor = cursor(z.union([
  z.tuple([z.enum(["created_at", "-created_at"]), CursorId]),
  z.tuple([z.enum(["name", "-name"]), z.string().max(1000).regex(/^[^\0]*$/), CursorId]),
  z.tuple([z.enum(["updated_at", "-updated_at"]), CursorTime, CursorId]),
  z.tuple([z.enum(["price", "-price"]), z.int().min(0), CursorId]),
]));

export const ListQuery = z.strictObject({
  q: text(1, 200).optional().openapi({
    description:
      "Words in SKU, name, category or description, whatever their case and accents: `cafe` finds Café. The last one may be the " +
      "beginning of a word. " +
      '`"a phrase"`, `or` and `-without` work as in web searches.',
    example: "blue mu",
  }),
  skus: Skus.optional(),
  category: line(100).optional().openapi({ description: "Only this category" }),
  status: z.enum([...PRODUCT_STATUSES, "any"]).default("active").openapi({
    description: "Other than `active`: staff only",
  }),
  in_stock: z.enum(["true", "false"]).transform((value) => value === "true").optional().openapi({
    description:
      "`true`: only products of which units can be sold; `false`: only those that are sold out. How many units there are " +
      "says `GET /v1/inventory?skus=…`",
  }),
  currency: Currency.optional().openapi({ description: "Only products with a price in this currency" }),
  price_min: MinorUnits.optional(),
  price_max: MinorUnits.optional(),
  country_of_origin: Country.optional(),
  hs_code: z.string().transform((written) => written.replace(/[. ]/g, ""))
    .refine((digits) => /^\d{2,10}$/.test(digits), "must be the first 2 to 10 digits of an HS code")
    .optional()
    .openapi({
      type: "string",
      description: "The first digits of the HS code: chapter, heading …",
      example: "6912",
    }),
  updated_since: Timestamp.optional().openapi({
    description:
      "Changed at this time or later. A change may be seen seconds after its time: to miss none, follow " +
      "`product.*` in `GET /v1/events`",
  }),
  sort: z.enum([
    "-created_at",
    "created_at",
    "name",
    "-name",
    "updated_at",
    "-updated_at",
    "price",
    "-price",
  ]).default("-created_at")
    .openapi({ description: "A leading `-` means descending. `price` needs `currency`." }),
  limit: LimitOfSkus,
  cursor: Cursor,
}).superRefine((query, context) => {
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: "custom", path: [field], message });
  if (query.currency === undefined) {
    if (query.price_min !== undefined) refuse("price_min", "needs currency");
    if (query.price_max !== undefined) refuse("price_max", "needs currency");
    if (query.sort === "price" || query.sort === "-price") refuse("sort", "by price needs currency");
  }
  if (query.cursor !== undefined && query.cursor[0] !== query.sort) {
    refuse("cursor", `belongs to a list with sort=${query.cursor[0]}`);
  }
}).transform(withLimit);

export const CategoriesQuery = z.strictObject({
  cursor: cursor(z.tuple([line(100)])),
  limit: Limit,
});

export const CategoryPage = pageSchema(
  z.object({
    name: z.string().openapi({ example: "Kitchen" }),
    products: z.int().openapi({ description: "How many products of it are active", example: 12 }),
  }).openapi("Category"),
).openapi("CategoryPage");

export const ImportReportSchema = z.object({
  created: z.int(),
  updated: z.int(),
  unchanged: z.int().openapi({ description: "Already as the line says" }),
  failed: z.int().openapi({ description: "Lines that were not imported" }),
  errors: z.array(
    z.object({
      line: z.int().openapi({ description: "Counted from 1, a CSV header included" }),
      sku: z.string().nullable(),
      field: z.string().nullable().openapi({
        description: "JSON Pointer or column; null for the line as a whole",
      }),
      message: z.string(),
    }).openapi("ImportError"),
  ).openapi({ description: "What is wrong with the failed lines: the first 1,000 entries" }),
  error_count: z.int().openapi({ description: "How many entries there would be without that limit" }),
}).openapi("ImportReport");

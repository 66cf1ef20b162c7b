import { expectedVersion, isUnchanged, setEtag } from "../http/etag.ts";
import { pageView } from "../http/pagination.ts";
import { endpoint, json, markReplay, router } from "../http/router.ts";
import { changeProduct } from "./change_product.ts";
import { createProduct } from "./create_product.ts";
import { getProduct, productKey } from "./get_product.ts";
import { importProducts } from "./import_products.ts";
import { categoriesKey, listCategories } from "./list_categories.ts";
import { listKey, listProducts } from "./list_products.ts";
import {
  CategoriesQuery,
  CategoryPage,
  ChangeProductBody,
  ImportReportSchema,
  ListQuery,
  NewProductBody,
  ProductPage,
  ProductParam,
  ProductSchema,
} from "./schemas.ts";

const tags = ["Catalogue"];

const EXAMPLE = {
  id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  sku: "MUG-BLUE",
  name: "Mug, blue",
  description: "Stoneware, 0.3 l",
  category: "Kitchen",
  prices: [{ currency: "EUR", amount: 1499 }, { currency: "GBP", amount: 1299 }],
  weight_grams: 350,
  hs_code: "69120023",
  country_of_origin: "PT",
  status: "active" as const,
  attributes: { colour: "blue", dishwasher_safe: true },
  version: 1,
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:00.000Z",
};

const NDJSON_EXAMPLE = `{"sku":"MUG-BLUE","name":"Mug, blue","prices":[{"currency":"EUR","amount":1499}]}
{"sku":"MUG-RED","status":"archived"}
`;
const CSV_EXAMPLE = `sku,name,price_EUR,price_GBP,attributes.colour
MUG-BLUE,"Mug, blue",1499,1299,blue
`;

export const catalogueRoutes = router();

catalogueRoutes.openapi(
  endpoint({ policy: "staff", idempotent: true, errors: ["sku_taken"] }, {
    method: "post",
    path: "/v1/products",
    operationId: "createProduct",
    tags,
    summary: "Add a product",
    description: "For sale at once unless its `status` says otherwise. Its stock level comes with it, at 0.",
    request: {
      body: json(NewProductBody, "The product.", {
        sku: "MUG-BLUE",
        name: "Mug, blue",
        prices: EXAMPLE.prices,
        weight_grams: 350,
        hs_code: "6912.00.23",
        country_of_origin: "PT",
        attributes: EXAMPLE.attributes,
      }),
    },
    responses: { 201: json(ProductSchema, "The product as it was added.", EXAMPLE) },
  }),
  async (c) => {
    const product = markReplay(
      c,
      await createProduct(c.get("ctx"), c.req.valid("json"), c.get("idempotency")),
    );
    c.header("Location", `/v1/products/${product.id}`);
    setEtag(c, product.version);
    return c.json(product, 201);
  },
);

catalogueRoutes.openapi(
  endpoint({
    policy: "public",
    cacheKey: (c) => {
      const query = ListQuery.safeParse(c.req.query());
      return query.success ? listKey(query.data) : undefined;
    },
  }, {
    method: "get",
    path: "/v1/products",
    operationId: "listProducts",
    tags,
    summary: "List products",
    description:
      "At most 60 s old. Only active ones, unless staff ask for others. Filters hold together (and).",
    request: { query: ListQuery },
    responses: { 200: json(ProductPage, "One page.", { data: [EXAMPLE], next_cursor: null }) },
  }),
  async (c) => c.json(pageView(await listProducts(c.get("ctx"), c.req.valid("query"))), 200),
);

catalogueRoutes.openapi(
  endpoint({
    policy: "public",
    cacheKey: (c) => {
      const query = CategoriesQuery.safeParse(c.req.query());
      return query.success ? categoriesKey(query.data) : undefined;
    },
  }, {
    method: "get",
    path: "/v1/categories",
    operationId: "listCategories",
    tags,
    summary: "List the categories of what is for sale",
    description:
      "By name, at most 60 s old. `GET /v1/products?category=…` lists the products of one. A category is there as long as an " +
      "active product names it.",
    request: { query: CategoriesQuery },
    responses: {
      200: json(CategoryPage, "One page.", { data: [{ name: "Kitchen", products: 12 }], next_cursor: null }),
    },
  }),
  async (c) => c.json(pageView(await listCategories(c.get("ctx"), c.req.valid("query"))), 200),
);

catalogueRoutes.openapi(
  endpoint({
    policy: "public",
    errors: ["not_found"],
    cacheKey: (c) => {
      const param = ProductParam.safeParse(c.req.param());
      return param.success ? productKey(param.data.id_or_sku) : undefined;
    },
  }, {
    method: "get",
    path: "/v1/products/{id_or_sku}",
    operationId: "getProduct",
    tags,
    summary: "Get a product by its id or SKU",
    description:
      "A change by staff is seen at once. Archived products too, as orders refer to them; drafts: staff only.",
    request: { params: ProductParam },
    responses: {
      200: json(ProductSchema, "The product.", EXAMPLE),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const product = await getProduct(c.get("ctx"), c.req.valid("param").id_or_sku);
    return isUnchanged(c, product.version) ? c.body(null, 304) : c.json(product, 200);
  },
);

catalogueRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found"] }, {
    method: "patch",
    path: "/v1/products/{id_or_sku}",
    operationId: "changeProduct",
    tags,
    summary: "Change, archive or bring back a product",
    description:
      "Fields that are left out stay, null clears (RFC 7396); `prices` replaces the list. Products are never deleted: " +
      '`{"status": "archived"}` takes one out of the lists and off sale, `{"status": "active"}` brings it back. The SKU ' +
      "cannot change.",
    request: {
      params: ProductParam,
      body: json(ChangeProductBody, "What changes.", {
        name: "Mug, sky blue",
        category: null,
        attributes: { colour: "sky blue" },
      }),
    },
    responses: { 200: json(ProductSchema, "The product after it.", { ...EXAMPLE, version: 2 }) },
  }),
  async (c) => {
    const product = await changeProduct(c.get("ctx"), {
      ref: c.req.valid("param").id_or_sku,
      changes: c.req.valid("json"),
      expectedVersion: expectedVersion(c),
    });
    setEtag(c, product.version);
    return c.json(product, 200);
  },
);

catalogueRoutes.openapi(
  endpoint({ policy: "staff", maxBodyBytes: null }, {
    method: "post",
    path: "/v1/products/import",
    operationId: "importProducts",
    tags,
    summary: "Add and change many products",
    description:
      `By SKU: new ones are added, the others changed as a PATCH would. Read as it arrives, so files may be \
large: up to 1,000,000 lines of 65,536 characters, 1 GiB, 30 minutes. UTF-8. A bad line is reported and stops nothing; of \
lines with the same SKU the first one counts. The same file again changes nothing, so after a failure send it again.

**NDJSON** (\`application/x-ndjson\`): one JSON object a line with the fields of a new product, for a product that is there \
only those that change.

**CSV** (\`text/csv\`, RFC 4180, with commas): a header with \`sku\` and any of \`name\`, \`description\`, \`category\`, \
\`weight_grams\`, \`hs_code\`, \`country_of_origin\`, \`status\`, \`price_EUR\` (and so on: one column for each currency), \
\`attributes.colour\` (and so on: text). Prices are in minor units here as everywhere: 1499 for 14.99 EUR. An empty cell \
clears (a price or an attribute: removes it; name and status stay), a column that is not there changes nothing.`,
    request: {
      body: {
        description: "The file.",
        content: {
          "application/x-ndjson": { schema: { type: "string" }, example: NDJSON_EXAMPLE },
          "text/csv": { schema: { type: "string" }, example: CSV_EXAMPLE },
        },
      },
    },
    responses: {
      200: json(ImportReportSchema, "What became of the lines.", {
        created: 1,
        updated: 0,
        unchanged: 0,
        failed: 1,
        errors: [{ line: 2, sku: "MUG-RED", field: "/name", message: "is needed for a new product" }],
        error_count: 1,
      }),
    },
  }),
  async (c) => {
    const format = c.req.header("Content-Type")!.toLowerCase().startsWith("text/csv") ? "csv" : "ndjson";
    return c.json(
      await importProducts(c.get("ctx"), { format, body: c.req.raw.body ?? new Blob().stream() }),
      200,
    );
  },
);

export { createProduct } from "./create_product.ts";
export { productCreated, productUpdated } from "./events.ts";
export { HS_CODE_RULE, parseHsCode } from "./hs_code.ts";
export type { Price, Product } from "./product.ts";

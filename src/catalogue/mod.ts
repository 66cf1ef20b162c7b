export { createProduct } from "./create_product.ts";
export { productCreated, productUpdated } from "./events.ts";
export { getProduct } from "./get_product.ts";
export { HsCode, PricesByCurrency } from "./schemas.ts";

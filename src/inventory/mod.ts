export { adjustStock } from "./adjust_stock.ts";
export { DEFAULT_LOCATION, type OrderMove } from "./level.ts";
export { inventoryUpdated } from "./events.ts";
export { moveOrderStock, stockMoves } from "./queries.ts";

export { adjustStock } from "./adjust_stock.ts";
export { DEFAULT_LOCATION } from "./level.ts";
export { inventoryUpdated } from "./events.ts";
export { insufficientStock, shortageOf } from "./shortage.ts";
export { lockLevels, moveStock, type StockHolder, stockMoves } from "./queries.ts";

export { DEFAULT_LOCATION, type Demand, type OrderMove, sumDemand } from "./level.ts";
export { inventoryUpdated } from "./events.ts";
export { moveOrderStock, stockMoves } from "./queries.ts";

export { orderCancelled, orderCreated, orderExpired, orderProcessed, orderUpdated } from "./events.ts";
export { expireDueOrders } from "./expire_orders.ts";
export { forgetChangedOrders, mayRead, orderKey } from "./get_order.ts";
export { expireOrders, processOrder } from "./jobs.ts";
export type { Order, OrderItem } from "./order.ts";
export { processOrders } from "./process_orders.ts";
export { findOrder } from "./queries.ts";
export { OrderSchema } from "./schemas.ts";

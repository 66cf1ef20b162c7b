export { orderCancelled, orderCreated, orderUpdated } from "./events.ts";
export type { Order, OrderItem } from "./order.ts";

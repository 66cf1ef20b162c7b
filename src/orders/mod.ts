export { changingOrder } from "./changing_order.ts";
export { orderCancelled, orderCreated, orderExpired, orderProcessed, orderUpdated } from "./events.ts";
export { expireDueOrders } from "./expire_orders.ts";
export {
  forgetChangedOrders,
  forgetToldOrders,
  getReadableOrder,
  lockReadableOrder,
  mayRead,
  mayReadOrder,
} from "./get_order.ts";
export { expireOrders, processOrder } from "./jobs.ts";
export {
  captureOf,
  disputeOf,
  type LedgerTransaction,
  refundOf,
  type RefundParts,
} from "./ledger/entries.ts";
export { findRefundable, insertTransactions } from "./ledger/queries.ts";
export { MAX_LINES, MAX_QUANTITY, type NewOrder, newOrder, type Order, type OrderItem } from "./order.ts";
export { commitOrders, linesOf } from "./place_order.ts";
export { consigneeNeeded, landedItem } from "./pricing.ts";
export { processOrders } from "./process_orders.ts";
export { firstOrder, type PlacedOrder } from "./placing_queries.ts";
export { findOrder, lockOrder, lockOrdersWithItems } from "./queries.ts";
export { OrderSchema, ShipTo } from "./schemas.ts";
export { cancelUnits } from "./shipments/cancel_units.ts";
export { getShipment } from "./shipments/get_shipments.ts";
export { shipmentCancelled, shipmentCreated, shipmentUpdated } from "./shipments/events.ts";
export { findShipment, getParcel, listReturnableLines, type Parcel } from "./shipments/queries.ts";
export { ToldSku } from "./shipments/schemas.ts";
export {
  type LineUnits,
  type ReturnableLine,
  type Shipment,
  shippableLines,
  stockOf,
  unshippedLines,
  withoutUnits,
} from "./shipments/shipment.ts";
export { booked, type OrderWrite, writeOrders } from "./write_orders.ts";
export { orderView } from "./view.ts";
export { EXAMPLE_ORDER } from "./example.ts";

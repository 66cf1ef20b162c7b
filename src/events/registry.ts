import { cartCheckedOut, cartCreated, cartExpired, cartMerged, cartUpdated } from "../carts/mod.ts";
import { productCreated, productUpdated } from "../catalogue/mod.ts";
import { apiKeyCreated, apiKeyRevoked, userRegistered, userUpdated } from "../identity/mod.ts";
import { inventoryUpdated } from "../inventory/mod.ts";
import {
  orderCancelled,
  orderCreated,
  orderExpired,
  orderProcessed,
  orderUpdated,
  shipmentCancelled,
  shipmentCreated,
  shipmentUpdated,
} from "../orders/mod.ts";
import { promotionCreated, promotionUpdated } from "../promotions/mod.ts";
import {
  exchangeRatesImported,
  hsCodeOverridden,
  shippingOptionUpdated,
  tradeScheduleCreated,
} from "../trade/mod.ts";
import { consigneeRecorded } from "../consignees/mod.ts";
import { PAYMENT_EVENTS } from "../payments/mod.ts";
import { quoteCreated, quoteReleased } from "../quotes/mod.ts";
import { RETURN_EVENTS } from "../returns/mod.ts";
import { REWARD_EVENTS } from "../rewards/mod.ts";
import type { EventType } from "../platform/events.ts";

/** Every type of event that the log can hold. */
export const EVENT_TYPES: readonly EventType[] = [
  apiKeyCreated,
  apiKeyRevoked,
  userRegistered,
  userUpdated,
  productCreated,
  productUpdated,
  inventoryUpdated,
  promotionCreated,
  promotionUpdated,
  exchangeRatesImported,
  tradeScheduleCreated,
  hsCodeOverridden,
  shippingOptionUpdated,
  cartCreated,
  cartUpdated,
  cartMerged,
  cartExpired,
  cartCheckedOut,
  orderCreated,
  orderUpdated,
  orderCancelled,
  orderExpired,
  orderProcessed,
  shipmentCreated,
  shipmentUpdated,
  shipmentCancelled,
  quoteCreated,
  quoteReleased,
  consigneeRecorded,
  ...PAYMENT_EVENTS,
  ...RETURN_EVENTS,
  ...REWARD_EVENTS,
];

/** The kinds of thing that events tell of. */
export const AGGREGATES: readonly string[] = [...new Set(EVENT_TYPES.map(({ aggregate }) => aggregate))];

/** Does a pattern, `order.created` itself or `order.*`, mean this type? */
export function matches(pattern: string, type: string): boolean {
  return pattern.endsWith(".*") ? type.startsWith(pattern.slice(0, -1)) : type === pattern;
}

/** The types that a pattern means; none for one that means nothing. */
export function typesMatching(pattern: string): string[] {
  const matching = EVENT_TYPES.filter(({ type }) => matches(pattern, type));
  return [...new Set(matching.map(({ type }) => type))];
}

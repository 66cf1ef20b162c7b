import { productCreated, productUpdated } from "../catalogue/mod.ts";
import { userRegistered, userUpdated } from "../identity/mod.ts";
import { inventoryUpdated } from "../inventory/mod.ts";
import { orderCancelled, orderCreated, orderExpired, orderProcessed, orderUpdated } from "../orders/mod.ts";
import type { EventType } from "../platform/events.ts";

/** Every type of event that the log can hold. */
export const EVENT_TYPES: readonly EventType[] = [
  userRegistered,
  userUpdated,
  productCreated,
  productUpdated,
  inventoryUpdated,
  orderCreated,
  orderUpdated,
  orderCancelled,
  orderExpired,
  orderProcessed,
];

/** The kinds of thing that events tell of. */
export const AGGREGATES: readonly string[] = [...new Set(EVENT_TYPES.map(({ aggregate }) => aggregate))];

/** The types that a pattern means: `order.created` itself, or `order.*`; none for one that means nothing. */
export function typesMatching(pattern: string): string[] {
  const prefix = pattern.endsWith(".*") ? pattern.slice(0, -1) : undefined;
  const matching = EVENT_TYPES.filter(({ type }) =>
    prefix === undefined ? type === pattern : type.startsWith(prefix)
  );
  return [...new Set(matching.map(({ type }) => type))];
}

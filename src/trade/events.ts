import { z } from "@hono/zod-openapi";
import { defineEvent, type NewEvent } from "../platform/events.ts";
import type { HsCodeOverride } from "./override_hs_code.ts";
import type { RateImport } from "./import_rates.ts";
import type { ScheduleSummary } from "./schedule.ts";
import { RateImportSchema, ShippingOptionSchema } from "./schemas.ts";
import type { StoredShippingOption } from "./shipping_options/shipping_option.ts";

/** Reference rates were written down. The aggregate is their source. */
export const exchangeRatesImported = defineEvent(
  "exchange_rates.imported",
  1,
  "exchange_rates",
  "Reference rates of one source came in.",
  RateImportSchema,
);

/** The head of a new schedule; the whole of it is read by its id. */
export const tradeScheduleCreated = defineEvent(
  "trade_schedule.created",
  1,
  "trade_schedule",
  "The law of a destination was written down, in force from a day on.",
  z.object({
    id: z.uuid(),
    destination: z.string(),
    effective_from: z.string(),
    source: z.string(),
    duty_rate_count: z.int(),
    created_at: z.string(),
  }),
);

/** A destination's own HS code for a product. The aggregate is `<sku>@<destination>`. */
export const hsCodeOverridden = defineEvent(
  "hs_code.overridden",
  1,
  "hs_code",
  "A destination classifies a product otherwise, or (null) as the product itself says again.",
  z.object({
    product_id: z.uuid(),
    sku: z.string(),
    destination: z.string(),
    hs_code: z.string().nullable(),
  }),
);

/** A shipping option, as events tell it, those too from before it could be free. */
const ToldShippingOption = z.object({
  ...ShippingOptionSchema.shape,
  free_from: ShippingOptionSchema.shape.free_from.optional().openapi({
    description: "Left out in events from before options could be free",
  }),
}).openapi("ToldShippingOption");

/** The whole shipping option as it is now. */
export const shippingOptionUpdated = defineEvent(
  "shipping_option.updated",
  1,
  "shipping_option",
  "A shipping option was added, changed, withdrawn or brought back.",
  ToldShippingOption,
);

export function ratesWereImported(data: RateImport): NewEvent<typeof exchangeRatesImported.schema> {
  return { event: exchangeRatesImported, aggregateId: data.source, userId: null, data };
}

export function scheduleWasCreated(schedule: ScheduleSummary): NewEvent<typeof tradeScheduleCreated.schema> {
  const { id, destination, effective_from, source, duty_rate_count, created_at } = schedule;
  const data = { id, destination, effective_from, source, duty_rate_count, created_at };
  return { event: tradeScheduleCreated, aggregateId: id, sequence: 1, userId: null, data };
}

export function hsCodeWasOverridden(
  { product_id, sku, destination }: HsCodeOverride,
  hs_code: string | null,
): NewEvent<typeof hsCodeOverridden.schema> {
  const data = { product_id, sku, destination, hs_code };
  return { event: hsCodeOverridden, aggregateId: `${sku}@${destination}`, userId: null, data };
}

export function shippingOptionWasUpdated(
  option: StoredShippingOption,
): NewEvent<typeof shippingOptionUpdated.schema> {
  return {
    event: shippingOptionUpdated,
    aggregateId: option.code,
    sequence: option.version,
    userId: null,
    data: option,
  };
}

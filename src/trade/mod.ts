export { discountCharge, explainCharge } from "./charge.ts";
export { EU_TERRITORY } from "./customs_territory.ts";
export {
  exchangeRatesImported,
  hsCodeOverridden,
  shippingOptionUpdated,
  tradeScheduleCreated,
} from "./events.ts";
export type { ExplanationEntry, LandedCostInput, ProductFacts, TradeFacts } from "./facts.ts";
export { importRates } from "./import_rates.ts";
export { importSchedule } from "./import_schedule.ts";
export { landedCost } from "./landed_cost.ts";
export { listSchedules } from "./list_schedules.ts";
export { productFacts } from "./queries.ts";
export { putShippingOption } from "./shipping_options/put_shipping_option.ts";
export { readTradeFacts } from "./read_trade_facts.ts";
export { quoteRefused } from "./refusals.ts";
export { findRestrictions } from "./restrictions.ts";
export { ExplanationSchema, ScheduleBody, ShippingOptionBody } from "./schemas.ts";

import { z } from "@hono/zod-openapi";
import { HsCode } from "../catalogue/mod.ts";
import { COUNTRIES } from "../settings.ts";
import { cursor, Limit, pageSchema } from "../http/pagination.ts";
import { MAX_TOTAL } from "../platform/money.ts";
import { Amount, Country, Currency, Id, Sku, text, Timestamp } from "../http/schemas.ts";

/** A calendar day, as laws and reference rates name theirs. */
const Day = z.iso.date().refine((day) => !day.startsWith("0000"), "must be in the year 1 or later")
  .openapi({ description: "Calendar day (ISO 8601)", example: "2026-01-01" });

/** A fraction as a decimal number in text, so that no digit is lost: 0.12 is 12 %, and 12 is a mistake. */
const fraction = (whole: string) =>
  z.string().regex(
    new RegExp(`^${whole}(\\.\\d{1,6})?$`),
    "must be a decimal fraction in text, such as 0.12 for 12 %",
  ).openapi({ description: "A decimal fraction: 0.12 is 12 %", example: "0.12" });

const HsPrefix = z.string().regex(
  /^(\d{2,10})?$/,
  "must be the first 2 to 10 digits of an HS code, or empty for all goods",
).openapi({ description: "The first digits of the HS code; empty: all goods", example: "6912" });

const Category = text(1, 100).openapi({ description: "The product's category" });

/** A limit in minor units of the schedule's currency, and what of a consignment it is compared with. */
const Threshold = z.strictObject({
  amount: Amount,
  basis: z.enum(["goods", "goods_and_shipping"]).openapi({
    description: "What is compared with it: the value of the goods alone, or with their shipping",
  }),
});

/** The duty on consignments of little value, whatever their goods would bear by the rates. */
const LowValueDuty = z.strictObject({
  up_to: Threshold.openapi({ description: "Up to and including this; of more the duty is by its rates" }),
  per_subheading: z.int().min(1).openapi({
    description:
      "For each 6-digit HS subheading in the consignment, whatever the quantity, in minor units of the schedule's " +
      "currency",
    example: 300,
  }),
});

export const DutyRateSchema = z.strictObject({
  hs_prefix: HsPrefix,
  origin: Country.nullable().default(null).openapi({
    description: "Only for goods of this origin; null: of any",
  }),
  ad_valorem: fraction("\\d").default("0").openapi({ description: "Of the customs value" }),
  per_kg: Amount.default(0).openapi({
    description: "Minor units of the schedule's currency for each kilogram, on top of `ad_valorem`",
  }),
  note: text(1, 500).nullable().default(null),
}).openapi("DutyRate");

const TaxRate = z.strictObject({
  hs_prefix: HsPrefix.default(""),
  category: Category.nullable().default(null),
  rate: fraction("0"),
  note: text(1, 500).nullable().default(null),
}).openapi("TaxRate");

const TaxBase = z.array(z.enum(["goods", "shipping", "duty"])).min(1);

const Restriction = z.strictObject({
  hs_prefix: HsPrefix.nullable().default(null),
  category: Category.nullable().default(null),
  verdict: z.enum(["forbidden", "licence_required"]),
  reason: text(1, 500),
}).refine((each) => (each.hs_prefix === null) !== (each.category === null), {
  path: ["hs_prefix"],
  message: "give either hs_prefix or category",
}).openapi("TradeRestriction");

/** The law of a destination but for its duty rates, as it is stored in trade_schedules.rules. */
export const TradeRulesSchema = z.strictObject({
  currency: Currency.openapi({ description: "What its thresholds and rates per kilogram are in" }),
  customs_territory: z.string().regex(/^[A-Z]{2,20}$/, "must be 2 to 20 capital letters, such as EU").openapi(
    {
      description:
        "Between places of one territory there is no duty: `EU`, or a country, mostly the destination",
      example: "EU",
    },
  ),
  duty: z.strictObject({
    valuation: z.enum(["fob", "cif"]).openapi({
      description: "The customs value: `fob` is the goods alone, `cif` has their shipping too",
    }),
    de_minimis: Threshold.nullable().openapi({
      description: "Up to and including this there is no duty; null: always",
    }),
    low_value: LowValueDuty.nullable().default(null).openapi({
      description:
        "A flat duty instead of that by rates on consignments of little value; null: there is none",
    }),
  }).refine((duty) => duty.de_minimis === null || duty.low_value === null, {
    path: ["low_value"],
    message:
      "must be null where there is a de_minimis: consignments of little value bear either no duty or a flat one",
  }),
  tax: z.strictObject({
    name: text(1, 40).openapi({ example: "VAT" }),
    rates: z.array(TaxRate).max(1000).openapi({
      description: "The longest HS prefix that fits counts, a category before none",
    }),
    base: TaxBase.openapi({ description: "What it is charged on" }),
    de_minimis: Threshold.nullable().openapi({
      description: "Up to and including this imports are free of it",
    }),
    collected_by_seller_up_to: Threshold.nullable().openapi({
      description:
        "Up to and including this the seller collects it at checkout whatever the incoterm (EU: IOSS)",
    }),
    seller_base: TaxBase.nullable().default(null).openapi({
      description: "What it is charged on where the seller collects it; null: on `base`",
    }),
    scheme: text(1, 40).nullable().openapi({ description: "The name of that rule", example: "IOSS" }),
  }).refine((tax) => tax.seller_base === null || tax.collected_by_seller_up_to !== null, {
    path: ["seller_base"],
    message: "must be null where the seller collects nothing: collected_by_seller_up_to is null",
  }),
  restrictions: z.array(Restriction).max(10_000),
  consignee_id: z.strictObject({
    required: z.boolean(),
    name: text(1, 200).openapi({
      description: "What the number is called there",
      example: "Personal customs code (PCCC)",
    }),
  }).nullable().openapi({ description: "What customs want to know of who receives the goods" }),
}).openapi("TradeRules");

/** A destination's schedule as staff import it. */
export const ScheduleBody = z.strictObject({
  ...TradeRulesSchema.shape,
  // A typing error would have goods from within the territory bear duty. What is stored already stays readable.
  customs_territory: TradeRulesSchema.shape.customs_territory.refine(
    (territory) => territory === "EU" || COUNTRIES.has(territory),
    "must be EU or an ISO 3166-1 alpha-2 country code: who is in another union is not known here",
  ),
  destination: Country,
  effective_from: Day,
  source: text(1, 1000).openapi({ description: "Where all this is said: a law, an address" }),
  duty_rates: z.array(DutyRateSchema).max(50_000),
}).openapi("ImportTradeSchedule");

export const ScheduleSchema = z.object({ ...ScheduleBody.shape, id: Id, created_at: Timestamp })
  .openapi("TradeSchedule");

const HsDigits = z.string().openapi({ description: "Digits only", example: "69120023" });
const On = Day.optional().openapi({ description: "As things stand on this day; today (UTC) unless said" });
const Source = text(1, 200).openapi({ description: "Who says so", example: "ECB" });
const Version = z.int().openapi({ description: "Counts the changes; also the ETag", example: 1 });

export const RateImportQuery = z.strictObject({ source: Source.default("ECB") });

export const RateImportSchema = z.object({
  source: Source,
  imported: z.int().openapi({ description: "Rates that are new, or not what was last known of their day" }),
  unchanged: z.int().openapi({ description: "Rates that were known already" }),
  skipped: z.int().openapi({ description: "Rates of currencies that ISO 4217 knows no more" }),
  skipped_currencies: z.array(z.string()).openapi({ example: ["CYP", "TRL"] }),
  first_day: Day.nullable(),
  last_day: Day.nullable(),
}).openapi("ExchangeRateImport");

export const RateSchema = z.object({
  currency: Currency,
  rate: z.string().openapi({ description: "Units of the currency for one euro", example: "1.0874" }),
  as_of: Day,
  source: Source,
  recorded_at: Timestamp,
}).openapi("ExchangeRate");

export const RatesQuery = z.strictObject({ on: On });
export const RatesSchema = z.object({
  base: z.literal("EUR"),
  on: Day,
  data: z.array(RateSchema).openapi({ description: "One for each currency that there is one of" }),
}).openapi("ExchangeRates");

export const RateParam = z.object({ currency: Currency });
export const RateHistoryQuery = z.strictObject({ cursor: cursor(z.tuple([Day, z.int()])), limit: Limit });
export const RatePage = pageSchema(RateSchema).openapi("ExchangeRatePage");

export const ScheduleSummarySchema = z.object({
  ...TradeRulesSchema.shape,
  id: Id,
  destination: Country,
  effective_from: Day,
  source: z.string(),
  duty_rate_count: z.int().openapi({ description: "How many there are; GET the schedule to see them" }),
  created_at: Timestamp,
}).openapi("TradeScheduleSummary");

export const SchedulesQuery = z.strictObject({
  destination: Country.optional(),
  on: On,
  cursor: cursor(z.tuple([Country])),
  limit: Limit,
});
export const SchedulePage = pageSchema(ScheduleSummarySchema).openapi("TradeSchedulePage");

export const DutyRateQuery = z.strictObject({
  destination: Country,
  hs_code: HsCode,
  origin: Country.optional().openapi({ description: "Where the goods come from; nowhere known unless said" }),
  on: On,
});
export const DutyRateAnswerSchema = z.object({
  schedule: z.object({ id: Id, destination: Country, effective_from: Day, source: z.string() }),
  hs_code: HsDigits,
  origin: Country.nullable(),
  rate: z.union([DutyRateSchema, z.null()]).openapi({
    description: "The one that applies; null: the schedule has none, so nothing is known",
  }),
  reason: z.string().openapi({ description: "Why this one, for a person to read" }),
  candidates: z.array(DutyRateSchema).openapi({
    description: "All rates of the schedule whose prefix the code begins with, of whichever origin",
  }),
}).openapi("DutyRateAnswer");

export const HsCodeParam = z.object({ destination: Country, sku: Sku });
export const HsCodeBody = z.strictObject({ hs_code: HsCode }).openapi("OverrideHsCode");
export const HsCodeSchema = z.object({
  product_id: Id,
  sku: Sku,
  destination: Country,
  hs_code: HsDigits,
  updated_at: Timestamp,
}).openapi("HsCodeOverride");
export const HsCodesParam = z.object({ destination: Country });
export const HsCodePage = pageSchema(HsCodeSchema).openapi("HsCodeOverridePage");

const MAX_INT4 = 2_147_483_647;
const MAX_BANDS = 200;
const MAX_DAYS = 365;

const Band = z.strictObject({
  up_to_grams: z.int().min(1).max(MAX_INT4).openapi({ description: "Up to and including", example: 1000 }),
  price: Amount.openapi({ description: "In minor units of the option's currency", example: 590 }),
}).openapi("ShippingBand");

const Bands = z.array(Band).min(1).max(MAX_BANDS).superRefine((bands, context) => {
  bands.forEach(({ up_to_grams }, i) => {
    if (i === 0 || up_to_grams > bands[i - 1]!.up_to_grams) return;
    const message = `must be more than that of the band before, ${bands[i - 1]!.up_to_grams}`;
    context.addIssue({ code: "custom", path: [i, "up_to_grams"], message });
  });
}).openapi({ description: "In the order of weight. Heavier than the last: not offered." });

const Countries = z.array(Country).min(1).max(300).transform((codes) => [...new Set(codes)].sort()).openapi({
  type: "array",
  items: { type: "string" },
  minItems: 1,
  maxItems: 300,
  description: "Where it delivers to",
  example: ["AT", "DE"],
});

const shippingOption = {
  name: text(1, 200).openapi({ example: "Parcel, tracked" }),
  carrier: text(1, 100).nullable().openapi({ example: "DHL" }),
  currency: Currency,
  bands: Bands,
  free_from: z.int().min(1).max(MAX_TOTAL).nullable().openapi({
    description:
      "Goods that cost so much or more after discounts are sent for nothing: in minor units of `currency`, into which " +
      "what they cost is converted; null: none are",
    example: 5000,
  }),
  min_days: z.int().min(0).max(MAX_DAYS).nullable().openapi({ description: "On the way", example: 2 }),
  max_days: z.int().min(0).max(MAX_DAYS).nullable().openapi({ description: "On the way", example: 4 }),
};

export const OptionCode = z.string().regex(
  /^[a-z0-9][a-z0-9_-]{0,39}$/,
  "must be 1 to 40 small letters, digits, dashes or underscores, beginning with a letter or digit",
).openapi({ description: "What quotes name it by", example: "parcel-eu" });

export const ShippingOptionBody = z.strictObject({
  ...shippingOption,
  countries: Countries,
  carrier: shippingOption.carrier.default(null),
  free_from: shippingOption.free_from.default(null),
  min_days: shippingOption.min_days.default(null),
  max_days: shippingOption.max_days.default(null),
}).refine(({ min_days, max_days }) => min_days === null || max_days === null || min_days <= max_days, {
  path: ["max_days"],
  message: "must not be less than min_days",
}).openapi("PutShippingOption");

export const ShippingOptionSchema = z.object({
  code: OptionCode,
  ...shippingOption,
  countries: z.array(Country),
  active: z.boolean().openapi({ description: "Offered; false once it was withdrawn" }),
  version: Version,
  created_at: Timestamp,
  updated_at: Timestamp,
}).openapi("ShippingOption");

export const OptionParam = z.object({ code: OptionCode });
export const OffersQuery = z.strictObject({
  destination: Country,
  weight_grams: z.string().regex(/^\d{1,10}$/, "must be a whole number of grams").transform(Number)
    .pipe(z.int().max(MAX_INT4)).openapi({
      type: "integer",
      minimum: 0,
      maximum: MAX_INT4,
      description: "Of all goods together",
      example: 840,
    }),
  cursor: cursor(z.tuple([OptionCode])),
  limit: Limit,
});
export const OfferSchema = z.object({
  code: OptionCode,
  name: shippingOption.name,
  carrier: shippingOption.carrier,
  price: Amount.openapi({ description: "Of the band that the weight falls into", example: 590 }),
  currency: Currency,
  free_from: shippingOption.free_from,
  min_days: shippingOption.min_days,
  max_days: shippingOption.max_days,
}).openapi("ShippingOffer");
export const OfferPage = pageSchema(OfferSchema).openapi("ShippingOfferPage");

/** One amount of a price and how it came to be. */
export const ExplanationSchema = z.object({
  line: z.int().nullable().openapi({ description: "Counted from 1; null: the consignment as a whole" }),
  kind: z.enum(["goods", "discount", "shipping", "duty", "tax"]),
  amount: z.int().openapi({
    description: "In minor units of the currency; negative: a `discount`",
    example: 1499,
  }),
  collected: z.boolean().openapi({ description: "Part of the total; otherwise due on delivery" }),
  rule: z.string().openapi({
    description: "Which rule said so, in words",
    example: "VAT: 19 % of goods, shipping and duty",
  }),
  rate: z.string().nullable().openapi({
    description: 'A fraction, "1.50 EUR/kg", "0.096 + 1.20 EUR/kg" or "3.00 EUR/item"',
    example: "0.19",
  }),
  basis: Amount.nullable().openapi({ description: "What the rate was applied to" }),
  exchange: z.object({
    from: Currency,
    to: Currency,
    rate: z.string().openapi({ description: "Units of `to` for one of `from`", example: "1.1623" }),
    as_of: z.string().openapi({ example: "2026-11-20" }),
    source: z.string().openapi({ example: "ECB" }),
  }).nullable(),
  rounding: z.enum(["exact", "half_even", "largest_remainder"]),
  source: z.string().nullable().openapi({
    description: "Where the rule is written; of shipping, the carrier",
  }),
}).openapi("PriceExplanation");

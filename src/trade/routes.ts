import { expecting, isSame } from "../http/etag.ts";
import { PageQuery, pageView } from "../http/pagination.ts";
import { endpoint, json, markReplay, router } from "../http/router.ts";
import { IdParam } from "../http/schemas.ts";
import { getSchedule } from "./get_schedule.ts";
import { importRates } from "./import_rates.ts";
import { importSchedule } from "./import_schedule.ts";
import { listRates, listRatesOf } from "./list_rates.ts";
import { listSchedules } from "./list_schedules.ts";
import { lookUpDutyRate } from "./look_up_duty_rate.ts";
import { getHsCode, listHsCodes, overrideHsCode, removeHsCode } from "./override_hs_code.ts";
import {
  DutyRateAnswerSchema,
  DutyRateQuery,
  HsCodeBody,
  HsCodePage,
  HsCodeParam,
  HsCodeSchema,
  HsCodesParam,
  RateHistoryQuery,
  RateImportQuery,
  RateImportSchema,
  RatePage,
  RateParam,
  RatesQuery,
  RatesSchema,
  ScheduleBody,
  SchedulePage,
  ScheduleSchema,
  SchedulesQuery,
  ScheduleSummarySchema,
} from "./schemas.ts";
import { shippingRoutes } from "./shipping_options/routes.ts";

const MAX_RATE_FILE_BYTES = 4 * 1024 * 1024;
const MAX_SCHEDULE_BYTES = 16 * 1024 * 1024;
/** One of as many duty rates, restrictions and rates of tax as there may be has 355,000, if nothing is left out of them. */
const MAX_SCHEDULE_VALUES = 400_000;

const tags = ["Trade"];

const CSV_EXAMPLE = `Date, USD, JPY, GBP, 
20 November 2026, 1.0874, 163.21, 0.8412, 
`;
const XML_EXAMPLE = `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <Cube><Cube time='2026-11-20'><Cube currency='USD' rate='1.0874'/></Cube></Cube>
</gesmes:Envelope>
`;
const RATE = {
  currency: "USD",
  rate: "1.0874",
  as_of: "2026-11-20",
  source: "ECB",
  recorded_at: "2026-11-20T15:30:00.000Z",
};
const DUTY_RATE = { hs_prefix: "6912", origin: null, ad_valorem: "0.05", per_kg: 0, note: null };
const RULES = {
  currency: "EUR",
  customs_territory: "EU",
  duty: {
    valuation: "cif" as const,
    de_minimis: null,
    low_value: { up_to: { amount: 15000, basis: "goods" as const }, per_subheading: 300 },
  },
  tax: {
    name: "VAT",
    rates: [{ hs_prefix: "", category: null, rate: "0.19", note: null }],
    base: ["goods" as const, "shipping" as const, "duty" as const],
    de_minimis: null,
    collected_by_seller_up_to: { amount: 15000, basis: "goods" as const },
    seller_base: ["goods" as const, "shipping" as const],
    scheme: "IOSS",
  },
  restrictions: [],
  consignee_id: null,
};
const HEAD = {
  destination: "DE",
  effective_from: "2026-07-01",
  source: "https://taxation-customs.ec.europa.eu",
};
const STORED = {
  ...RULES,
  ...HEAD,
  id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  created_at: "2026-06-30T08:00:00.000Z",
};
const SUMMARY = { ...STORED, duty_rate_count: 1 };
const HS_CODE = {
  product_id: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
  sku: "MUG-BLUE",
  destination: "US",
  hs_code: "6912004400",
  updated_at: "2026-01-31T12:00:00.000Z",
};

export const tradeRoutes = router();

tradeRoutes.openapi(
  endpoint({ policy: "staff", maxBodyBytes: MAX_RATE_FILE_BYTES }, {
    method: "post",
    path: "/v1/trade/exchange-rates",
    operationId: "importExchangeRates",
    tags,
    summary: "Import reference rates",
    description:
      `A file as the European Central Bank publishes them, up to 4 MiB and as CSV 20,000 lines: \`eurofxref.csv\` or \
\`eurofxref-hist.csv\` (\`text/csv\`), \`eurofxref-daily.xml\` or \`eurofxref-hist-90d.xml\` (\`application/xml\`). One bad \
line refuses the whole file. Nothing is ever overwritten: a rate that differs from the last one of its day is written beside it and counts from \
then on, so the same file again changes nothing. Currencies that ISO 4217 knows no more are passed over.`,
    request: {
      query: RateImportQuery,
      body: {
        description: "The file.",
        content: {
          "text/csv": { schema: { type: "string" }, example: CSV_EXAMPLE },
          "application/xml": { schema: { type: "string" }, example: XML_EXAMPLE },
        },
      },
    },
    responses: {
      200: json(RateImportSchema, "What became of it.", {
        source: "ECB",
        imported: 2,
        unchanged: 1,
        skipped: 0,
        skipped_currencies: [],
        first_day: "2026-11-20",
        last_day: "2026-11-20",
      }),
    },
  }),
  async (c) => {
    const format = c.req.header("Content-Type")!.toLowerCase().startsWith("text/csv") ? "csv" : "xml";
    const { source } = c.req.valid("query");
    return c.json(await importRates(c.get("ctx"), { format, text: await c.req.text(), source }), 200);
  },
);

tradeRoutes.openapi(
  endpoint({ policy: "user" }, {
    method: "get",
    path: "/v1/trade/exchange-rates",
    operationId: "listExchangeRates",
    tags,
    summary: "Which exchange rates count on a day?",
    description: "For each currency the newest on or before the day.",
    request: { query: RatesQuery },
    responses: { 200: json(RatesSchema, "The rates.", { base: "EUR", on: "2026-11-21", data: [RATE] }) },
  }),
  async (c) => c.json(await listRates(c.get("ctx"), c.req.valid("query")), 200),
);

tradeRoutes.openapi(
  endpoint({ policy: "user" }, {
    method: "get",
    path: "/v1/trade/exchange-rates/{currency}",
    operationId: "listExchangeRateHistory",
    tags,
    summary: "See a currency's rates through time",
    description: "Newest day first. A correction stands before what it corrects.",
    request: { params: RateParam, query: RateHistoryQuery },
    responses: { 200: json(RatePage, "One page.", { data: [RATE], next_cursor: null }) },
  }),
  async (c) => {
    const page = await listRatesOf(c.get("ctx"), { ...c.req.valid("param"), ...c.req.valid("query") });
    return c.json(pageView(page), 200);
  },
);

tradeRoutes.openapi(
  endpoint({
    policy: "staff",
    idempotent: true,
    maxBodyBytes: MAX_SCHEDULE_BYTES,
    maxBodyValues: MAX_SCHEDULE_VALUES,
  }, {
    method: "post",
    path: "/v1/trade/schedules",
    operationId: "importTradeSchedule",
    tags,
    summary: "Write down the law of a destination",
    description:
      `All of it in one go, up to 16 MiB and 400,000 values: duties, taxes, thresholds, restrictions. In force from its \
day on; of several the one with the latest day counts, of several for one day the last. What is written stays: to \
change something, write the whole schedule again.`,
    request: {
      body: json(ScheduleBody, "The schedule.", { ...HEAD, ...RULES, duty_rates: [DUTY_RATE] }),
    },
    responses: { 201: json(ScheduleSummarySchema, "The schedule, without its duty rates.", SUMMARY) },
  }),
  async (c) => {
    const outcome = await importSchedule(c.get("ctx"), c.req.valid("json"), c.get("idempotency"));
    const schedule = markReplay(c, outcome);
    c.header("Location", `/v1/trade/schedules/${schedule.id}`);
    return c.json(schedule, 201);
  },
);

tradeRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/trade/schedules",
    operationId: "listTradeSchedules",
    tags,
    summary: "Which law is in force where?",
    description: "One schedule for each destination, by destination, without their duty rates.",
    request: { query: SchedulesQuery },
    responses: { 200: json(SchedulePage, "One page.", { data: [SUMMARY], next_cursor: null }) },
  }),
  async (c) => c.json(pageView(await listSchedules(c.get("ctx"), c.req.valid("query"))), 200),
);

tradeRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/trade/schedules/{id}",
    operationId: "getTradeSchedule",
    tags,
    summary: "Get a schedule with all its duty rates",
    description: "In force or not.",
    request: { params: IdParam },
    responses: {
      200: json(ScheduleSchema, "The schedule.", { ...STORED, duty_rates: [DUTY_RATE] }),
    },
  }),
  async (c) => c.json(await getSchedule(c.get("ctx"), c.req.valid("param").id), 200),
);

tradeRoutes.openapi(
  endpoint({ policy: "user", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/trade/duty-rates",
    operationId: "lookUpDutyRate",
    tags,
    summary: "Which duty rate applies, and why?",
    description:
      "The longest prefix of the code counts, and of equal ones that for the origin before that for any. 404 where no " +
      "schedule is in force: then nothing is known, which is not the same as no duty. A consignment of little value may " +
      "be free of it, or bear a flat duty instead: the schedule's `duty` says so.",
    request: { query: DutyRateQuery },
    responses: {
      200: json(DutyRateAnswerSchema, "The rate.", {
        schedule: { id: STORED.id, ...HEAD },
        hs_code: "69120023",
        origin: "PT",
        rate: DUTY_RATE,
        reason:
          "It is for goods whose code begins with 6912, of any origin. Of the rates that fit, the longest prefix counts; of " +
          "equal ones, that for the origin before that for any.",
        candidates: [DUTY_RATE],
      }),
    },
  }),
  async (c) => c.json(await lookUpDutyRate(c.get("ctx"), c.req.valid("query")), 200),
);

tradeRoutes.openapi(
  endpoint({ policy: "staff" }, {
    method: "get",
    path: "/v1/trade/hs-codes/{destination}",
    operationId: "listHsCodeOverrides",
    tags,
    summary: "What does a destination classify otherwise?",
    description: "Oldest product first.",
    request: { params: HsCodesParam, query: PageQuery },
    responses: { 200: json(HsCodePage, "One page.", { data: [HS_CODE], next_cursor: null }) },
  }),
  async (c) => {
    const page = await listHsCodes(c.get("ctx"), { ...c.req.valid("param"), ...c.req.valid("query") });
    return c.json(pageView(page), 200);
  },
);

tradeRoutes.openapi(
  endpoint({ policy: "staff", errors: ["not_found"] }, {
    method: "get",
    path: "/v1/trade/hs-codes/{destination}/{sku}",
    operationId: "getHsCodeOverride",
    tags,
    summary: "Get a destination's HS code of a product",
    description: "404 where the product's own counts.",
    request: { params: HsCodeParam },
    responses: {
      200: json(HsCodeSchema, "The code.", HS_CODE),
      304: { description: "Unchanged since your ETag." },
    },
  }),
  async (c) => {
    const found = await getHsCode(c.get("ctx"), c.req.valid("param"));
    return isSame(c, found) ? c.body(null, 304) : c.json(found, 200);
  },
);

tradeRoutes.openapi(
  endpoint({ policy: "staff", conditional: true, errors: ["not_found"] }, {
    method: "put",
    path: "/v1/trade/hs-codes/{destination}/{sku}",
    operationId: "overrideHsCode",
    tags,
    summary: "Have a destination classify a product otherwise",
    description: "For quotes from now on, instead of the product's own code.",
    request: {
      params: HsCodeParam,
      body: json(HsCodeBody, "The code.", { hs_code: "6912.00.44.00" }),
    },
    responses: { 200: json(HsCodeSchema, "The code.", HS_CODE) },
  }),
  async (c) => {
    const written = await overrideHsCode(c.get("ctx"), {
      ...c.req.valid("param"),
      ...c.req.valid("json"),
      requireSame: expecting(c, "HS code"),
    });
    isSame(c, written);
    return c.json(written, 200);
  },
);

tradeRoutes.openapi(
  endpoint({ policy: "staff", conditional: "ends", errors: ["not_found"] }, {
    method: "delete",
    path: "/v1/trade/hs-codes/{destination}/{sku}",
    operationId: "removeHsCodeOverride",
    tags,
    summary: "Classify a product by its own code again",
    description: "For quotes from now on.",
    request: { params: HsCodeParam },
    responses: { 204: { description: "Removed." } },
  }),
  async (c) => {
    await removeHsCode(c.get("ctx"), { ...c.req.valid("param"), requireSame: expecting(c, "HS code") });
    return c.body(null, 204);
  },
);

tradeRoutes.route("/", shippingRoutes);

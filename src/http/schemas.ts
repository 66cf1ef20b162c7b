import { z } from "@hono/zod-openapi";
import { COUNTRIES } from "../settings.ts";
import { MAX_ENTRIES } from "../platform/entries.ts";
import { LAST_TIME } from "../platform/made_within.ts";
import { isCurrency } from "../platform/money.ts";

/** Text that PostgreSQL and JSON can hold: no NUL, no half of a surrogate pair. Outer white space is cut off. */
export function text(min: number, max: number) {
  return storable(z.string().trim(), min, max);
}

/** Text that is there only once: kept in Unicode's normal form NFC, or one name could be written in two ways. */
export function uniqueText(max: number) {
  return storable(z.string().trim().normalize("NFC"), 1, max);
}

function storable(written: z.ZodString, min: number, max: number) {
  return written.min(min).max(max).refine(
    (value) => !value.includes("\0") && value.isWellFormed(),
    "must not hold NUL characters or broken surrogate pairs",
  );
}

/** A UUID, in lower case whatever it was sent in. */
export const Id = z.uuid().toLowerCase().openapi({
  description: "UUID",
  example: "0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11",
});

/** The path of one thing: `/v1/…/{id}`. */
export const IdParam = z.object({ id: Id });

export const Currency = z.string().refine(
  isCurrency,
  "must be an ISO 4217 currency code in capitals, such as EUR",
)
  .openapi({ description: "ISO 4217 code", example: "EUR" });

/** Money: whole minor units (cents, pence; JPY has none, KWD has three digits) beside a currency. */
export const Amount = z.int().min(0).openapi({
  description: "In minor units of the currency",
  example: 1499,
});

export const Country = z.string().refine(
  (code) => COUNTRIES.has(code),
  "must be an ISO 3166-1 alpha-2 country code in capitals, such as DE",
).openapi({ description: "ISO 3166-1 alpha-2 code", example: "DE" });

export const Incoterm = z.enum(["DAP", "DDP"]).openapi({
  description:
    "Incoterms 2020. DDP: duty and taxes are in the total. DAP: whoever receives the goods pays them on delivery",
  example: "DDP",
});

export const Sku = z.string().regex(
  /^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$/,
  "must be 1 to 64 letters, digits, dots, dashes, underscores or slashes, beginning with a letter or digit",
).openapi({ description: "Stock keeping unit", example: "MUG-BLUE" });

const MAX_SKUS = 100;
const SKUS = z.array(Sku).max(MAX_SKUS);
/** Several SKUs as one parameter of a query; none holds a comma. */
export const Skus = z.string().transform((list, context) => {
  const skus = SKUS.safeParse(list.split(","));
  if (skus.success) return skus.data;
  context.addIssue({ code: "custom", message: `must be up to ${MAX_SKUS} SKUs with commas between them` });
  return z.NEVER;
}).openapi({
  type: "string",
  description: `Only these SKUs: up to ${MAX_SKUS}, with commas between them`,
  example: "MUG-BLUE,TSHIRT-M",
});

const FIRST_TIME = Date.parse("0000-01-01T00:00:00.000Z");

/** In UTC, too, a time has a year of four digits: else no answer could hold it. */
export const Timestamp = z.iso.datetime({
  offset: true,
  error: "must be an RFC 3339 time, such as 2026-01-31T12:00:00Z",
}).refine((time) => !(Date.parse(time) > LAST_TIME), "must be in the year 9999 at the latest, in UTC")
  .refine((time) => !(Date.parse(time) < FIRST_TIME), "must be in the year 0 at the earliest, in UTC")
  .openapi({ format: "date-time", example: "2026-01-31T12:00:00.000Z" });

/** Values by keys of the caller's own. zod leaves out `__proto__` without a word: here it is refused, as what is sent is kept. */
export function entries<Value extends z.ZodType>(key: z.ZodString, value: Value) {
  return z.preprocess((sent, context) => {
    const names = sent instanceof Object ? Object.keys(sent) : [];
    for (const name of names.filter((name) => name.trim() === "__proto__")) {
      context.addIssue({ code: "custom", path: [name], message: "cannot be kept under this name" });
    }
    return sent;
  }, z.record(key, value));
}

const MetadataKey = text(1, 40);
const MetadataValue = text(0, 500);

/** Notes of the caller's own, which Waybill keeps and gives back. */
export const Metadata = entries(MetadataKey, MetadataValue).refine(
  (value) => Object.keys(value).length <= MAX_ENTRIES,
  `must have at most ${MAX_ENTRIES} keys`,
).openapi({
  description: `Up to ${MAX_ENTRIES} keys with text values, kept for the caller`,
  example: { channel: "web" },
});

/** What to change of them. */
export const MetadataChange = entries(MetadataKey, MetadataValue.nullable()).openapi({
  description: "Merged into what is there; null removes a key (RFC 7396)",
});

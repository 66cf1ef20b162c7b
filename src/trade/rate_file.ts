import type { FieldError } from "../platform/errors.ts";
import { isCurrency } from "../platform/money.ts";
import { dayOf, isDay } from "./day.ts";
import { readCsvQuotes } from "./rate_csv.ts";
import { refusal, wrong } from "./rate_quote.ts";
import { readXmlQuotes } from "./rate_xml.ts";

/** Units of `currency` for one euro on a day. `rate` is a decimal number in text. */
export interface PublishedRate {
  currency: string;
  as_of: string;
  rate: string;
}

/** What a file says. */
interface RateFile {
  rates: PublishedRate[];
  /** How many rates are of currencies that ISO 4217 knows no more, and which these are. */
  skipped: number;
  skipped_currencies: string[];
}

export type RateFormat = "csv" | "xml";

const DAY_MS = 24 * 60 * 60 * 1000;
const MONTHS = "January February March April May June July August September October November December".split(
  " ",
);
/** numeric(20, 8) */
const RATE = /^\d{1,12}(\.\d{1,8})?$/;

/**
 * Reads a file of reference rates as the European Central Bank publishes them.
 *
 * @throws invalid_request with a line and a field for each thing that is wrong: then nothing of the file counts
 */
export function readRateFile(format: RateFormat, text: string, now: Date): RateFile {
  const quotes = format === "csv" ? readCsvQuotes(text) : readXmlQuotes(text);
  const lastDay = dayOf(new Date(now.getTime() + DAY_MS));
  const errors: FieldError[] = [];
  const rates: PublishedRate[] = [];
  const skipped: string[] = [];
  const seen = new Set<string>();
  const days = new Map<string, string | undefined>();
  const note = (error: FieldError) => {
    if (errors.at(-1)?.pointer !== error.pointer) errors.push(error);
  };
  for (const { line, day, currency, rate } of quotes) {
    if (!days.has(day)) days.set(day, parseDay(day));
    const asOf = days.get(day);
    const fault = dayFault(asOf, lastDay) ?? currencyFault(currency) ?? rateFault(rate, currency);
    const key = `${asOf} ${currency}`;
    if (fault) note(wrong(line, ...fault));
    else if (seen.has(key)) note(wrong(line, currency, `is there twice for ${asOf}`));
    else if (isCurrency(currency)) rates.push({ currency, as_of: asOf!, rate });
    else skipped.push(currency);
    seen.add(key);
  }
  if (errors.length > 0) throw refusal(errors);
  if (rates.length + skipped.length === 0) throw refusal([wrong(1, "", "has no rates")]);
  return { rates, skipped: skipped.length, skipped_currencies: [...new Set(skipped)].sort() };
}

/** `2026-11-20` or `21 November 2026`, as the one form or the other of the files has it. */
function parseDay(written: string): string | undefined {
  const [, day, month, year] = /^(\d{1,2}) ([A-Z][a-z]+) (\d{4})$/.exec(written) ?? [];
  const number = MONTHS.indexOf(month ?? "") + 1;
  const iso = day === undefined
    ? written
    : `${year}-${String(number).padStart(2, "0")}-${day.padStart(2, "0")}`;
  return isDay(iso) ? iso : undefined;
}

type Fault = [field: string, message: string];

function dayFault(asOf: string | undefined, lastDay: string): Fault | undefined {
  if (asOf === undefined) return ["Date", "must be a day such as 2026-11-20 or 20 November 2026"];
  if (asOf > lastDay) return ["Date", "must not be in the future"];
}

function currencyFault(currency: string): Fault | undefined {
  if (currency === "EUR") return ["EUR", "has no rate: all rates are what one euro is worth"];
  if (!/^[A-Z]{3}$/.test(currency)) return [currency || "currency", "must be three capitals (ISO 4217)"];
}

function rateFault(rate: string, currency: string): Fault | undefined {
  if (RATE.test(rate) && /[1-9]/.test(rate)) return undefined;
  return [currency, "must be a decimal number above 0 with at most 8 decimals, such as 1.0874"];
}

import { CsvError, parse } from "csv-parse/sync";
import { type Quote, refusal, wrong } from "./rate_quote.ts";

const NONE = "N/A";
/** Of a file and of a line: the ECB's whole history since 1999 has 7,000 lines of 300 characters. */
const MAX_LINES = 20_000;
const MAX_LINE_LENGTH = 5_000;

interface Row {
  record: string[];
  info: { lines: number };
}

/**
 * eurofxref.csv and eurofxref-hist.csv: `Date, USD, JPY, …`, then a line for each day. Each line ends in a comma.
 *
 * @throws invalid_request for a broken file, another header, lines of another length, or too much
 */
export function readCsvQuotes(text: string): Quote[] {
  const [header, ...rows] = readRows(text);
  const [date, ...currencies] = header?.record ?? [];
  if (date?.toLowerCase() !== "date" || currencies.length === 0) {
    throw refusal([wrong(header?.info.lines ?? 1, "", "must be a header such as Date, USD, JPY")]);
  }
  const seen = new Set<string>();
  const twice = currencies.find((currency) => seen.size === seen.add(currency).size);
  if (twice !== undefined) throw refusal([wrong(header!.info.lines, twice, "stands in the header twice")]);

  const odd = rows.filter(({ record }) => record.length !== currencies.length + 1);
  if (odd.length > 0) {
    throw refusal(
      odd.map(({ record, info }) =>
        wrong(info.lines, "", `has ${record.length} cells where the header has ${currencies.length + 1}`)
      ),
    );
  }
  return rows.flatMap(({ record: [day, ...rates], info: { lines: line } }) =>
    rates.flatMap((rate, i) => rate === NONE ? [] : [{ line, day: day!, currency: currencies[i]!, rate }])
  );
}

function readRows(text: string): Row[] {
  refuseTooMuch(text);
  try {
    const rows = parse(text, {
      bom: true,
      trim: true,
      skip_empty_lines: true,
      relax_column_count: true,
      info: true,
    }) as unknown as Row[];
    return rows.map(({ record, info }) => ({
      record: record.at(-1) === "" ? record.slice(0, -1) : record,
      info,
    }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw refusal([wrong(Number(error.lines ?? 1), "", "has a quote in the wrong place, or lacks one")]);
  }
}

/** The parser makes an error of each line that is odd, and takes its time over lines without end. */
function refuseTooMuch(text: string): void {
  const lines = text.trimEnd().split(/\r?\n|\r/, MAX_LINES + 1);
  const long = lines.findIndex(({ length }) => length > MAX_LINE_LENGTH);
  if (long >= 0) throw refusal([wrong(long + 1, "", `has more than ${MAX_LINE_LENGTH} characters`)]);
  if (lines.length > MAX_LINES) {
    throw refusal([wrong(lines.length, "", `is more than the ${MAX_LINES} lines that a file may have`)]);
  }
}

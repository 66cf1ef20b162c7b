import { CsvError, parse } from "csv-parse/stream";
import { isoCountry } from "./countries.ts";
import type { Reason } from "./reasons.ts";
import { type Category, readStockCode } from "./stock_codes.ts";

/** A line of an invoice, or of a credit note that cancels one; nothing else is played. */
export interface TradeRow {
  kind: "sale" | "cancellation";
  /** The row's number in the file, as a spreadsheet shows it: the header is 1. */
  row: number;
  /** As in the file; a cancellation's begins with C. */
  invoiceNo: string;
  sku: string;
  category: Category;
  description: string;
  /** Always positive, also on a cancellation. */
  units: number;
  /** In pence. */
  unitPrice: number;
  /** RFC 3339, in UTC. */
  at: string;
  /** Absent for a guest. */
  customerId?: string;
  /** ISO 3166-1 alpha-2. */
  country: string;
}

/** A row that is not played, and why. */
export interface SetAsideRow {
  kind: "set_aside";
  row: number;
  invoiceNo: string;
  reason: Reason;
  /** Quantity times price in pence, with its sign, so far as the row states both; else 0. */
  amount: number;
}

/** What became of one row of the file. */
export type ClassifiedRow = TradeRow | SetAsideRow;

/** The file is not in the Online Retail layout at all, so that no row of it can be judged. */
export class FileError extends Error {
  override name = "FileError";
}

const HEADER = [
  "InvoiceNo",
  "StockCode",
  "Description",
  "Quantity",
  "InvoiceDate",
  "UnitPrice",
  "CustomerID",
  "Country",
];

/** A longer row means a quotation mark that was opened and never closed. */
const MAX_ROW_CHARS = 10_000;

/**
 * Reads a CSV file in the Online Retail layout, compressed if its name ends in .gz, and says of every row what it is.
 *
 * @throws {FileError} if the file is no such CSV
 */
export async function* readOnlineRetail(path: string): AsyncGenerator<ClassifiedRow> {
  let row = 0;
  try {
    for await (const cells of openCsv((await Deno.open(path)).readable, path.endsWith(".gz"))) {
      row++;
      if (row === 1) assertHeader(cells);
      else yield classifyRow(cells, row);
    }
  } catch (error) {
    if (!(error instanceof CsvError) && !(error instanceof TypeError)) throw error;
    throw new FileError(`${path} is not readable as CSV in UTF-8: ${error.message}`, { cause: error });
  }
  if (row === 0) throw new FileError(`${path} is empty`);
}

/** Rows as arrays of cells. Bytes that are not UTF-8, or not gzip, end in a TypeError. */
function openCsv(bytes: ReadableStream<Uint8Array<ArrayBuffer>>, gzipped: boolean): ReadableStream<string[]> {
  return (gzipped ? bytes.pipeThrough(new DecompressionStream("gzip")) : bytes)
    .pipeThrough(new TextDecoderStream("utf-8", { fatal: true }))
    .pipeThrough(new TextEncoderStream()) // csv-parse takes bytes, and would itself mend bad ones in silence
    .pipeThrough(parse({
      skip_empty_lines: true,
      relax_column_count: true,
      relax_quotes: true,
      max_record_size: MAX_ROW_CHARS,
    }));
}

function assertHeader(cells: string[]): void {
  if (cells.length === HEADER.length && HEADER.every((name, i) => cells[i] === name)) return;
  throw new FileError(`the first row must be ${HEADER.join(",")}, but is ${cells.join(",")}`);
}

/** Says what one row is. A row is judged by itself: one that is set aside does not take its invoice with it. */
export function classifyRow(cells: string[], row: number): ClassifiedRow {
  const [
    invoiceNo = "",
    stockCode = "",
    description = "",
    quantity = "",
    date = "",
    price = "",
    customerId = "",
    name = "",
  ] = cells.map((cell) => cell.trim());
  const units = parseUnits(quantity);
  const unitPrice = parsePence(price);
  const amount = (units ?? 0) * (unitPrice ?? 0);
  const aside = (reason: Reason): SetAsideRow => ({ kind: "set_aside", row, invoiceNo, reason, amount });

  if (cells.length !== HEADER.length) return aside("malformed:columns");
  const code = readStockCode(stockCode);
  if ("reason" in code) return aside(code.reason);
  if (!/^C?\d{6}$/.test(invoiceNo)) return aside("malformed:invoice_no");
  if (units === undefined) return aside("malformed:quantity");
  if (!DECIMAL.test(price)) return aside("malformed:price");
  if (unitPrice === undefined) return aside("price:not_whole_pence");
  const at = parseLondonTime(date);
  if (at === undefined) return aside("malformed:date");
  if (!/^\d*$/.test(customerId)) return aside("malformed:customer");
  const country = isoCountry(name);
  if (country === undefined) return aside("country:unknown");
  if (country === null) return aside("country:no_iso_code");

  const kind = invoiceNo.startsWith("C") ? "cancellation" : "sale";
  if (kind === "sale" && units <= 0) return aside("no_sale:stock_correction");
  if (kind === "cancellation" && units >= 0) return aside("no_sale:positive_cancellation");
  if (unitPrice === 0) return aside("no_sale:zero_price");
  if (unitPrice < 0) return aside("no_sale:negative_price");

  return {
    kind,
    row,
    invoiceNo,
    ...code,
    description: description.replaceAll(/\s+/g, " "),
    units: Math.abs(units),
    unitPrice,
    at,
    ...(customerId && { customerId }),
    country,
  };
}

/** A row that reads well but does not fit what else the file says. */
export function setAside({ kind, row, invoiceNo, units, unitPrice }: TradeRow, reason: Reason): SetAsideRow {
  const amount = (kind === "sale" ? units : -units) * unitPrice;
  return { kind: "set_aside", row, invoiceNo, reason, amount };
}

function parseUnits(text: string): number | undefined {
  return /^-?\d{1,9}$/.test(text) ? Number(text) : undefined;
}

const DECIMAL = /^(-?)(\d{1,9})(?:\.(\d+))?$/;

/** The price in pence, exactly as written, without passing through a fraction; undefined if that is not whole. */
function parsePence(text: string): number | undefined {
  const [, sign, pounds, decimals = ""] = DECIMAL.exec(text) ?? [];
  const pence = decimals.replace(/0+$/, "");
  if (pounds === undefined || pence.length > 2) return undefined;
  const size = Number(pounds) * 100 + Number(pence.padEnd(2, "0"));
  return sign && size > 0 ? -size : size;
}

/** Shop time, which is that of London, as an instant; undefined if there is no such day or time. */
function parseLondonTime(text: string): string | undefined {
  const [, day, month, year, time] = /^(\d{2})\/(\d{2})\/(\d{4}) (\d{2}:\d{2})$/.exec(text) ?? [];
  try {
    return Temporal.PlainDateTime.from(`${year}-${month}-${day}T${time}`).toZonedDateTime("Europe/London")
      .toInstant().toString();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

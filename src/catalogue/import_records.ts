import type { z } from "@hono/zod-openapi";
import { parse as parseCsv } from "@std/csv";
import { AppError } from "../platform/errors.ts";
import { isCurrency } from "../platform/money.ts";
import type { Line } from "./import_lines.ts";
import type { ProductChanges } from "./product.ts";
import {
  AttributeKey,
  ImportedCsvProduct,
  ImportedProduct,
  type ImportReportSchema,
  wrongFields,
} from "./schemas.ts";

/** What a line says of a product. */
export interface ImportRecord {
  line: number;
  sku: string;
  changes: ProductChanges;
  /** Instead of `changes.prices`, which replaces them all: prices by currency; null takes one away. */
  prices?: Record<string, number | null>;
}

/** One thing that is wrong with one line. */
export type ImportError = z.output<typeof ImportReportSchema>["errors"][number];

const MAX_COLUMNS = 500;
const MAX_SKU_LENGTH = 64;

export type ImportEntry = ImportRecord | ImportError[];

/** One JSON object a line, with the fields of a new product. Blank lines mean nothing. */
export async function* readNdjson(lines: AsyncIterable<Line>): AsyncGenerator<ImportEntry> {
  for await (const line of lines) {
    if (line.text?.trim() === "") continue;
    const problem = unreadable(line);
    yield problem ? [problem] : parseJson(line.number, line.text!);
  }
}

function parseJson(line: number, text: string): ImportEntry {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [wrong(line, "is not valid JSON")];
  }
  const parsed = ImportedProduct.safeParse(value);
  if (!parsed.success) return faultsOf(line, value, wrongFields(parsed.error));
  const { sku, ...changes } = parsed.data;
  return { line, sku, changes };
}

/**
 * RFC 4180: a header, then one record a line, or over several lines where a quoted cell holds line breaks. An empty
 * cell clears; a column that is not there changes nothing.
 *
 * @param maxLength of a record, in characters
 * @throws invalid_request for a header that names no `sku`, an unknown column, or one twice
 */
export async function* readCsv(lines: AsyncIterable<Line>, maxLength: number): AsyncGenerator<ImportEntry> {
  let columns: Column[] | undefined;
  for await (const { line, cells, problem } of readCells(lines, maxLength)) {
    if (columns === undefined) {
      if (problem) throw new AppError("invalid_request", `Line ${line}, the CSV header, ${problem.message}.`);
      columns = cells.map(readColumn);
      checkHeader(columns);
    } else if (problem) {
      yield [problem];
    } else if (cells.length !== columns.length) {
      yield [wrong(line, `has ${cells.length} cells where the header has ${columns.length}`)];
    } else {
      yield parseCells(line, columns, cells);
    }
  }
}

interface Cells {
  line: number;
  cells: string[];
  problem?: ImportError;
}

/**
 * Joins lines to records: a line with an open quote goes on in the next one. If that comes to nothing, only the
 * line with the quote is at fault, and those after it are read again by themselves. So a stray quote costs one
 * line and not the rest of the file, which is why the parser never sees more than a record.
 */
async function* readCells(lines: AsyncIterable<Line>, maxLength: number): AsyncGenerator<Cells> {
  const source = lines[Symbol.asyncIterator]();
  const next = async () => (await source.next()).value as Line | undefined;
  const ahead: Line[] = [];
  let width: number | undefined;
  try {
    for (let line = await next(); line !== undefined; line = ahead.shift() ?? await next()) {
      let text = line.text ?? "";
      let used = 0;
      for (let isOpen = hasOddQuotes(text); isOpen; used++) {
        if (used === ahead.length) {
          const more = await next();
          if (more === undefined) break;
          ahead.push(more);
        }
        const more = ahead[used]!.text;
        if (more === undefined || text.length + more.length >= maxLength) break;
        text += `\n${more}`;
        isOpen = !hasOddQuotes(more);
      }
      const cells = splitCells(text, used > 0 ? width : undefined);
      if (cells) ahead.splice(0, used);
      const problem = unreadable({ ...line, text: line.text && text }) ??
        (cells ? undefined : wrong(line.number, "has a quote in the wrong place, or lacks one"));
      if (problem || cells!.some((cell) => cell !== "")) {
        width ??= cells?.length;
        yield { line: line.number, cells: cells ?? [], problem };
      }
    }
  } finally {
    await source.return?.();
  }
}

function hasOddQuotes(text: string): boolean {
  let isOdd = false;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) isOdd = !isOdd;
  return isOdd;
}

/** The cells of one record; undefined where a quote is out of place, or if there are not `width` of them. */
function splitCells(text: string, width?: number): string[] | undefined {
  try {
    const cells = (parseCsv(text) as string[][])[0]?.map((cell) => cell.trim()) ?? [];
    return width === undefined || cells.length === width ? cells : undefined;
  } catch {
    return undefined;
  }
}

/** Where a column's cells go: a field, or one key of it. */
interface Column {
  name: string;
  field: string;
  key?: string;
}

const COLUMNS = new Set([
  "sku",
  "name",
  "description",
  "category",
  "weight_grams",
  "hs_code",
  "country_of_origin",
  "status",
]);
/** What no product is without: an empty cell leaves it as it is. */
const NEVER_EMPTY = new Set(["sku", "name", "status"]);

function readColumn(name: string): Column {
  const [, prefix, key] = /^(price_|attributes\.)(.+)$/s.exec(name) ?? [];
  if (key === undefined) return { name, field: name };
  return { name, field: prefix === "price_" ? "prices" : "attributes", key };
}

function checkHeader(columns: Column[]): void {
  if (columns.length > MAX_COLUMNS) {
    throw new AppError("invalid_request", `The CSV header has more than ${MAX_COLUMNS} columns.`);
  }
  const names = columns.map(({ name }) => name);
  const errors = columns.flatMap(({ name, field, key }, i) => {
    const isKnown = key === undefined
      ? COLUMNS.has(name)
      : field === "prices"
      ? isCurrency(key)
      : AttributeKey.safeParse(key).success;
    if (isKnown && names.indexOf(name) === i) return [];
    const message = isKnown ? "stands in the header twice" : "is no column of an import";
    return [{ pointer: `/${name}`, code: "invalid_column", message: `${name.slice(0, 100)} ${message}` }];
  });
  if (!names.includes("sku")) {
    errors.push({ pointer: "/sku", code: "missing_column", message: "the column sku is missing" });
  }
  if (errors.length > 0) {
    throw new AppError(
      "invalid_request",
      `The CSV header is not valid: ${errors[0]!.message}. Columns are ${
        [...COLUMNS].join(", ")
      }, price_EUR and so on, attributes.colour and so on, with commas between them.`,
      { errors },
    );
  }
}

function parseCells(line: number, columns: Column[], cells: string[]): ImportEntry {
  const value: Record<string, unknown> = {};
  columns.forEach(({ field, key }, i) => {
    const cell = cells[i] === "" ? null : cells[i];
    if (key !== undefined) value[field] = { ...value[field] as object, [key]: cell };
    else if (cell !== null || !NEVER_EMPTY.has(field)) value[field] = cell;
  });
  const parsed = ImportedCsvProduct.safeParse(value);
  if (!parsed.success) {
    const faults = faultsOf(line, value, wrongFields(parsed.error));
    return faults.map(({ field, ...fault }) => ({ ...fault, field: columnOf(field!) }));
  }
  const { sku, prices, ...changes } = parsed.data;
  return { line, sku, changes, prices };
}

function unreadable(line: Line): ImportError | undefined {
  if (line.text === undefined) return wrong(line.number, "is too long");
  if (line.text.includes("\uFFFD")) return wrong(line.number, "is not UTF-8");
}

function wrong(line: number, message: string): ImportError {
  return { line, sku: null, field: null, message };
}

/** What is wrong with a line. Its SKU is cut, which may be as long as the line: rubbish must not become a report of megabytes. */
function faultsOf(
  line: number,
  value: unknown,
  wrong: { pointer: string; message: string }[],
): ImportError[] {
  const sku = (value as { sku?: unknown } | null)?.sku;
  return wrong.map(({ pointer, message }) => ({
    line,
    sku: typeof sku === "string" ? sku.slice(0, MAX_SKU_LENGTH) : null,
    field: pointer,
    message,
  }));
}

/** `/prices/EUR` → `price_EUR`: where a CSV has it. */
function columnOf(pointer: string): string {
  return pointer.slice(1).replace(/^prices\//, "price_").replace(/^attributes\//, "attributes.").replaceAll(
    "~1",
    "/",
  );
}

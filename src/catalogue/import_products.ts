import type { z } from "@hono/zod-openapi";
import type { Changes } from "../platform/changes.ts";
import type { Ctx } from "../platform/ctx.ts";
import type { Tx } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { newId } from "../platform/id.ts";
import { changingProducts } from "./changing_products.ts";
import { skuTaken } from "./create_product.ts";
import { productWasChanged, productWasCreated } from "./events.ts";
import { forgetProducts } from "./get_product.ts";
import { IMPORT_LIMITS, readLines } from "./import_lines.ts";
import {
  type ImportEntry,
  type ImportError,
  type ImportRecord,
  readCsv,
  readNdjson,
} from "./import_records.ts";
import { changedProduct, mergePrices, newProduct, type Product } from "./product.ts";
import {
  insertProducts,
  listProductsBySku,
  lockProductsBySku,
  planForValues,
  updateProducts,
} from "./queries.ts";
import type { ImportReportSchema } from "./schemas.ts";

/** What became of the lines of an import. */
type ImportReport = z.output<typeof ImportReportSchema>;

const BATCH_RECORDS = 500;
const MAX_REPORTED_ERRORS = 1000;

/**
 * Adds and changes products by SKU, one transaction for some hundred lines. A bad line is reported and stops
 * nothing. Of lines with the same SKU the first one counts, so the same file again finds nothing to do.
 *
 * @throws payload_too_large, invalid_request; what came before is imported then
 */
export async function importProducts(
  ctx: Ctx,
  input: { format: "csv" | "ndjson"; body: ReadableStream<Uint8Array> },
): Promise<ImportReport> {
  const report: ImportReport = {
    created: 0,
    updated: 0,
    unchanged: 0,
    failed: 0,
    errors: [],
    error_count: 0,
  };
  const lines = readLines(input.body, IMPORT_LIMITS);
  const entries = input.format === "csv" ? readCsv(lines, IMPORT_LIMITS.lineLength) : readNdjson(lines);
  for await (const batch of inBatches(firstOfEachSku(entries))) await importBatch(ctx, batch, report);
  return report;
}

/** Lets the first line of each SKU through; whatever its case, as SKUs are unique. */
async function* firstOfEachSku(entries: AsyncIterable<ImportEntry>): AsyncGenerator<ImportEntry> {
  const lineOf = new Map<string, number>();
  for await (const entry of entries) {
    if (Array.isArray(entry)) {
      yield entry;
      continue;
    }
    const { line, sku } = entry;
    const earlier = lineOf.get(sku.toLowerCase());
    if (earlier === undefined) lineOf.set(sku.toLowerCase(), line);
    yield earlier === undefined
      ? entry
      : [{ line, sku, field: null, message: `has the SKU of line ${earlier}, which counts` }];
  }
}

/** Gathers entries; what was gathered before a failure of the source comes out before it. */
async function* inBatches(entries: AsyncIterable<ImportEntry>): AsyncGenerator<ImportEntry[]> {
  let batch: ImportEntry[] = [];
  let failure: unknown;
  try {
    for await (const entry of entries) {
      batch.push(entry);
      if (batch.length === BATCH_RECORDS) {
        yield batch;
        batch = [];
      }
    }
  } catch (error) {
    failure = error;
  }
  if (batch.length > 0) yield batch;
  if (failure !== undefined) throw failure;
}

async function importBatch(ctx: Ctx, batch: ImportEntry[], report: ImportReport): Promise<void> {
  const errors: ImportError[] = [];
  const fail = (wrong: ImportError[]) => {
    report.failed++;
    errors.push(...wrong);
  };
  let records: ImportRecord[] = [];
  for (const entry of batch) {
    if (Array.isArray(entry)) fail(entry);
    else records.push(entry);
  }
  // What somebody else adds while we look is there when we look again. What still cannot be added then has the SKU
  // of another product but for its case.
  for (let look = 1; look <= 2 && records.length > 0; look++) {
    const decisions = await changingProducts(ctx, (tx, written) => importRecords(tx, ctx, records, written));
    await forgetProducts(ctx, updatedOf(decisions));
    for (const decision of decisions) {
      if (decision.kind === "failed") fail(errorsOf(decision.record, decision.error));
      else if (decision.kind !== "taken") report[decision.kind]++;
    }
    records = decisions.filter(({ kind }) => kind === "taken").map(({ record }) => record);
  }
  for (const record of records) fail(errorsOf(record, skuTaken(record.sku)));
  report.error_count += errors.length;
  errors.sort((a, b) => a.line - b.line);
  report.errors.push(...errors.slice(0, MAX_REPORTED_ERRORS - report.errors.length));
}

/** What a record means for its product: nothing new, a first or a next version, or an error. */
type Decision =
  & { record: ImportRecord }
  & (
    | { kind: "created" | "taken"; product: Product }
    | { kind: "updated"; product: Product; changes: Changes }
    | { kind: "unchanged"; product: Product }
    | { kind: "failed"; product?: undefined; error: AppError }
  );

/** Reads, decides and writes many records at once. Nobody can change their products in between. */
async function importRecords(
  tx: Tx,
  ctx: Ctx,
  records: ImportRecord[],
  written: (products: Product[]) => void,
): Promise<Decision[]> {
  await planForValues(tx);
  const held = await lockProductsBySku(tx, records.map(({ sku }) => sku));
  const known = new Map((await listProductsBySku(tx, held)).map((product) => [product.sku, product]));
  const decisions = records.map((record) => decide(known.get(record.sku), ctx.clock.now(), record));

  const created = decisions.filter(({ kind }) => kind === "created");
  const added = new Set(await insertProducts(tx, created.map(({ product }) => product!)));
  for (const decision of created) if (!added.has(decision.record.sku)) decision.kind = "taken";
  const updated = updatedOf(decisions);
  written(updated);
  await updateProducts(tx, updated);
  await appendEvents(tx, ctx, decisions.flatMap(eventsOf));
  return decisions;
}

function updatedOf(decisions: Decision[]): Product[] {
  return decisions.flatMap(({ kind, product }) => kind === "updated" ? [product] : []);
}

function decide(before: Product | undefined, now: Date, record: ImportRecord): Decision {
  const { sku, changes: { name, ...others }, prices } = record;
  try {
    const input = prices ? { ...others, prices: mergePrices(before?.prices ?? [], prices) } : others;
    if (before) {
      const { product, changes } = changedProduct(before, now, { ...input, name });
      return product === before
        ? { kind: "unchanged", record, product }
        : { kind: "updated", record, product, changes };
    }
    if (name === undefined) throw nameless();
    return { kind: "created", record, product: newProduct(newId(), now, { ...input, sku, name }) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { kind: "failed", record, error };
  }
}

function eventsOf(decision: Decision) {
  if (decision.kind === "created") return [productWasCreated(decision.product)];
  if (decision.kind === "updated") return [productWasChanged(decision.product, decision.changes)];
  return [];
}

function nameless(): AppError {
  return new AppError("invalid_request", "A new product needs a name.", {
    errors: [{ pointer: "/name", code: "required", message: "is needed for a new product" }],
  });
}

function errorsOf({ line, sku }: ImportRecord, error: AppError): ImportError[] {
  return error.errors.map(({ pointer, message }) => ({ line, sku, field: pointer, message }));
}

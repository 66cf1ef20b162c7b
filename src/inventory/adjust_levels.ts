import type { Ctx } from "../platform/ctx.ts";
import { transaction, type Tx } from "../platform/db.ts";
import { AppError, type FieldError } from "../platform/errors.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { bookChanges, deltaOf, type StockChange, type StockDocument } from "./adjust_stock.ts";
import { rememberLevel } from "./get_level.ts";
import type { StockLevel } from "./level.ts";
import { listBookedSkus, lockLevels } from "./queries.ts";

interface Adjustments extends StockDocument {
  /** Each SKU once. */
  items: StockChange[];
}

/**
 * Books a document of many SKUs, a delivery note or a count, all of it or nothing.
 *
 * @returns the levels after it, in the order of its items
 * @throws invalid_request, stock_changed, insufficient_stock, reference_taken: by the first item that is refused, and each
 *   that is stands in `errors`
 */
export async function adjustLevels(
  ctx: Ctx,
  input: Adjustments,
  idempotency: Idempotency | undefined,
): Promise<Outcome<StockLevel[]>> {
  const outcome = await transaction(
    ctx.sql,
    (tx) => once(tx, idempotency, () => adjustAll(tx, ctx, input)),
  );
  if (!outcome.replayed) await Promise.all(outcome.value.map((level) => rememberLevel(ctx, level)));
  return outcome;
}

async function adjustAll(tx: Tx, ctx: Ctx, { items, ...document }: Adjustments): Promise<StockLevel[]> {
  const { location, reference } = document;
  const skus = items.map(({ sku }) => sku);
  const before = new Map((await lockLevels(tx, skus)).map((level) => [level.sku, level]));
  // Whoever books it as well has to hold the levels, so nobody does meanwhile.
  const booked = new Set(
    reference === undefined ? [] : await listBookedSkus(tx, { skus, location, reference }),
  );
  const refusals: AppError[] = [];
  const decided = items.flatMap((item, index) => {
    try {
      return [{ sku: item.sku, delta: decide(before.get(item.sku), item, booked) }];
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      refusals.push(ofItem(index, item.sku, error));
      return [];
    }
  });
  if (refusals.length > 0) throw together(refusals, items.length);

  const after = new Map((await bookChanges(tx, ctx, document, decided)).map((level) => [level.sku, level]));
  return skus.map((sku) => after.get(sku) ?? before.get(sku)!);
}

function decide(before: StockLevel | undefined, item: StockChange, booked: Set<string>): number {
  if (!before) {
    const message = `There is no SKU ${item.sku}.`;
    throw new AppError("invalid_request", message, {
      errors: [{ pointer: "/sku", code: "unknown_sku", message }],
    });
  }
  if (booked.has(item.sku)) {
    throw new AppError("reference_taken", "This reference is booked for the SKU already.", {
      errors: [{
        pointer: "/sku",
        code: "reference_taken",
        message: "Each document is booked once per SKU.",
      }],
    });
  }
  return deltaOf(before, item);
}

function ofItem(index: number, sku: string, { code, message, errors }: AppError): AppError {
  const named: FieldError[] = errors.map((each) => ({
    ...each,
    pointer: `/items/${index}${each.pointer}`,
    sku,
  }));
  return new AppError(code, message, { errors: named });
}

function together(refusals: AppError[], items: number): AppError {
  const { code, message } = refusals[0]!;
  const errors = refusals.flatMap((refusal) => refusal.errors);
  const detail = `Nothing is booked, as ${refusals.length} of ${items} items cannot be: ${message}`;
  return new AppError(code, detail, { errors });
}

import type { Ctx } from "../platform/ctx.ts";
import { transaction, type Tx, violates } from "../platform/db.ts";
import { AppError, invalidRequest, notFound, requireVersion } from "../platform/errors.ts";
import { appendEvents } from "../platform/events.ts";
import { type Idempotency, once, type Outcome } from "../platform/idempotency.ts";
import { rememberLevel } from "./get_level.ts";
import { levelChanged } from "./events.ts";
import { MAX_UNITS, type StockLevel } from "./level.ts";
import { insertAdjustments, lockLevel } from "./queries.ts";

/** Why, where and by which document of the shop's stock changes. */
export interface StockDocument {
  location: string;
  kind?: "receipt" | "adjustment" | "return";
  reason: string;
  reference?: string;
}

export interface StockChange {
  sku: string;
  /** Either a change by so many units … */
  delta?: number;
  /** … or the count that is there now, provided that the count was still `expected_on_hand`. */
  on_hand?: number;
  expected_on_hand?: number;
}

interface Adjustment extends StockDocument, StockChange {
  expectedVersion?: number;
}

/**
 * Changes what is on hand, by a movement that says why.
 *
 * @throws not_found, version_mismatch, invalid_request (more than can be counted), stock_changed (the count is not what was
 *   expected), insufficient_stock (less than reserved), reference_taken (this document was booked already)
 */
export async function adjustStock(
  ctx: Ctx,
  input: Adjustment,
  idempotency: Idempotency | undefined,
): Promise<Outcome<StockLevel>> {
  const outcome = await transaction(ctx.sql, (tx) => once(tx, idempotency, () => adjust(tx, ctx, input)))
    .catch((error) => {
      throw explain(error, input);
    });
  if (!outcome.replayed) await rememberLevel(ctx, outcome.value);
  return outcome;
}

async function adjust(tx: Tx, ctx: Ctx, input: Adjustment): Promise<StockLevel> {
  const before = await lockLevel(tx, input.sku, input.location);
  if (!before) throw notFound("SKU at this location");
  requireVersion("level", before.version, input.expectedVersion);
  const delta = deltaOf(before, input);
  const [level = before] = await bookChanges(tx, ctx, input, [{ sku: input.sku, delta }]);
  return level;
}

/** Books what a document changes of levels that are held, each once, and gives those that it changes as they are then. */
export async function bookChanges(
  tx: Tx,
  ctx: Ctx,
  { location, kind = "adjustment", reason, ...document }: StockDocument,
  decided: { sku: string; delta: number }[],
): Promise<StockLevel[]> {
  const changes = decided.filter(({ delta }) => delta !== 0);
  if (changes.length === 0) return [];
  const reference = document.reference ?? null;
  const deltas = new Map(changes.map(({ sku, delta }) => [sku, delta]));
  const levels = await insertAdjustments(tx, ctx, { location, kind, reason, reference, changes });
  const events = levels.map((level) =>
    levelChanged(level, { kind, on_hand_delta: deltas.get(level.sku)!, reason, reference })
  );
  await appendEvents(tx, ctx, events);
  return levels;
}

/**
 * How many units more a change makes of a level. Pure.
 *
 * @throws stock_changed, insufficient_stock, invalid_request
 */
export function deltaOf(before: StockLevel, input: StockChange): number {
  if (input.expected_on_hand !== undefined && input.expected_on_hand !== before.on_hand) {
    throw new AppError("stock_changed", `${before.on_hand} are on hand, not ${input.expected_on_hand}.`, {
      errors: [{
        pointer: "/expected_on_hand",
        code: "stock_changed",
        message: "Count again, and send what is on hand now.",
        on_hand: before.on_hand,
      }],
    });
  }
  const delta = input.delta ?? input.on_hand! - before.on_hand;
  if (delta > 0 && before.on_hand + delta > MAX_UNITS) {
    const message = `must leave at most ${MAX_UNITS} on hand; there are ${before.on_hand}`;
    throw invalidRequest([{ pointer: "/delta", code: "too_big", message }]);
  }
  if (before.on_hand + delta < before.reserved) {
    const { reserved, available } = before;
    throw new AppError(
      "insufficient_stock",
      `Fewer units would be left than the ${reserved} that are reserved.`,
      {
        errors: [{
          pointer: input.delta === undefined ? "/on_hand" : "/delta",
          code: "insufficient_stock",
          message: `Take away ${available} at the most, or cancel orders or let quotes expire first.`,
          available,
        }],
      },
    );
  }
  return delta;
}

function explain(error: unknown, input: Adjustment): unknown {
  if (violates(error, "stock_movements_reference_key")) {
    return new AppError("reference_taken", `Reference ${input.reference} is booked for this SKU already.`, {
      errors: [{ pointer: "/reference", code: "reference_taken", message: "Each document is booked once." }],
      cause: error,
    });
  }
  return error;
}

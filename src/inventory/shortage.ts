import { AppError, type FieldError } from "../platform/errors.ts";

/** What is wrong with an item of a request, by its index, of whose SKU more units are asked for than can be had. */
export function shortageOf(
  index: number,
  { sku, available }: { sku: string; available: number },
  requested: number,
): FieldError {
  return {
    pointer: `/items/${index}/quantity`,
    code: "insufficient_stock",
    message: `${available} of ${sku} are available.`,
    sku,
    requested,
    available,
  };
}

/** The refusal of what is short, and otherwise fine. */
export function insufficientStock(shortages: FieldError[]): AppError {
  return new AppError("insufficient_stock", `Not enough in stock: ${shortages[0]!.message}`, {
    errors: shortages,
  });
}

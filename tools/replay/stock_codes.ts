import type { Reason } from "./reasons.ts";

/** What a sold thing is: goods, postage and carriage charged to the customer, or a gift voucher. */
export type Category = "goods" | "postage" | "voucher";

/** What a stock code stands for: something that is sold under a SKU, or nothing that an order line can be. */
export type StockCode = { sku: string; category: Category } | { reason: Reason };

/** Codes under which the shop bills its customer for the delivery. */
const POSTAGE = new Set(["POST", "DOT", "C2"]);

/** Codes under which the shop keeps its books: no product changes hands. */
const BOOKKEEPING: ReadonlyMap<string, Reason> = new Map([
  ["M", "no_sale:manual"],
  ["D", "no_sale:discount"],
  ["S", "no_sale:samples"],
  ["BANK CHARGES", "no_sale:bank_charges"],
  ["AMAZONFEE", "no_sale:marketplace_fee"],
  ["CRUK", "no_sale:commission"],
  ["B", "no_sale:bad_debt"],
]);

/** Five digits and up to two letters, or the few that have a name of their own. */
const GOODS = /^(\d{5}[A-Z]{0,2}|DCGS[0-9A-Z]+|PADS)$/;
const VOUCHER = /^GIFT_\d{4}_\d+$/;

/**
 * Reads a stock code. Codes that differ only in case are one product: 85123a is sold in the shop's web invoices under
 * the very description of 85123A. Postage and vouchers count as sold, because the customer is billed for them by name;
 * an order without its postage would not add up to its invoice.
 */
export function readStockCode(code: string): StockCode {
  const sku = code.toUpperCase();
  if (sku === "") return { reason: "malformed:stock_code" };
  if (GOODS.test(sku)) return { sku, category: "goods" };
  if (POSTAGE.has(sku)) return { sku, category: "postage" };
  if (VOUCHER.test(sku)) return { sku, category: "voucher" };
  return { reason: BOOKKEEPING.get(sku) ?? "no_sale:unknown_stock_code" };
}

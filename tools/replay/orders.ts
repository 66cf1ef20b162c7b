import { setAside, type SetAsideRow, type TradeRow } from "./online_retail.ts";

/** Units of one SKU at a price in pence. */
export interface Line {
  sku: string;
  units: number;
  unitPrice: number;
}

/** An invoice, or a part of one, as an order. */
export interface PlannedOrder {
  /** The invoice's number; further parts of an invoice too long for one order are -2, -3 … */
  key: string;
  invoiceNo: string;
  email: string;
  /** Absent for a guest. */
  customerId?: string;
  /** ISO 3166-1 alpha-2. */
  country: string;
  /** RFC 3339, in UTC. */
  placedAt: string;
  lines: Line[];
}

/** A domain that can never exist (RFC 6761). */
const MAIL_DOMAIN = "online-retail.example";

/** The API's limit. */
const MAX_ORDER_LINES = 1_000;

/**
 * Holds each invoice to one customer and one country, those of its first line, as an order has only one of each. Lines
 * with others are strays.
 */
export function consistentSales(rows: TradeRow[]): { sales: TradeRow[]; strays: SetAsideRow[] } {
  const firstLines = new Map<string, TradeRow>();
  const sales: TradeRow[] = [];
  const strays: SetAsideRow[] = [];
  for (const row of rows) {
    const first = firstLines.getOrInsert(row.invoiceNo, row);
    if (row.customerId !== first.customerId) strays.push(setAside(row, "invoice:other_customer"));
    else if (row.country !== first.country) strays.push(setAside(row, "invoice:other_country"));
    else sales.push(row);
  }
  return { sales, strays };
}

/** One order for each invoice, its lines as they stand in the file; an invoice too long for one becomes several. */
export function planOrders(sales: TradeRow[]): PlannedOrder[] {
  const orders: PlannedOrder[] = [];
  for (const [invoiceNo, rows] of Map.groupBy(sales, (row) => row.invoiceNo)) {
    const { customerId, country, at } = rows[0]!;
    for (let from = 0; from < rows.length; from += MAX_ORDER_LINES) {
      orders.push({
        key: from === 0 ? invoiceNo : `${invoiceNo}-${from / MAX_ORDER_LINES + 1}`,
        invoiceNo,
        email: customerId === undefined
          ? `guest-${invoiceNo}@${MAIL_DOMAIN}`
          : `customer-${customerId}@${MAIL_DOMAIN}`,
        ...(customerId && { customerId }),
        country,
        placedAt: at,
        lines: rows.slice(from, from + MAX_ORDER_LINES).map(toLine),
      });
    }
  }
  return orders;
}

/** What of a row an order line or a cancelled line holds. */
export function toLine({ sku, units, unitPrice }: TradeRow): Line {
  return { sku, units, unitPrice };
}

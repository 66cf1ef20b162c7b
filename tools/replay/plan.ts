import {
  type Match,
  matchCancellations,
  planCancellations,
  type PlannedCancellation,
} from "./cancellations.ts";
import type { ClassifiedRow, SetAsideRow, TradeRow } from "./online_retail.ts";
import { consistentSales, type PlannedOrder, planOrders } from "./orders.ts";
import type { Reason } from "./reasons.ts";
import type { Category } from "./stock_codes.ts";
import { CountryTable, type CountryTotals } from "./table.ts";

/** Everything that a file asks of the API, and an account of every one of its rows. */
export interface Plan {
  products: PlannedProduct[];
  customers: PlannedCustomer[];
  /** In the order of the file. */
  orders: PlannedOrder[];
  cancellations: PlannedCancellation[];
  setAside: SetAside[];
  rows: RowCounts;
  creditNotes: CreditNoteCounts;
  tableByCountry: CountryTotals[];
}

/** A stock code that was sold. */
export interface PlannedProduct {
  sku: string;
  name: string;
  category: Category;
  /** The price it was most often sold at, in pence. */
  price: number;
  /** Enough for every sale of the file. */
  openingStock: number;
}

/** An account that orders are placed for. */
export interface PlannedCustomer {
  email: string;
  name: string;
}

/** How many rows were set aside for one reason, and where the first of them stand. */
export interface SetAside {
  reason: Reason;
  rows: number;
  /** In pence, with its sign. */
  amount: number;
  firstRows: number[];
}

/** Each row of the file is in exactly one of these, and `total` is their sum. */
export interface RowCounts {
  orderLines: number;
  cancellationLines: number;
  setAside: number;
  total: number;
}

/** The credit notes of the file by how many of their lines found what they cancel; those of `noSale` have none to find. */
export interface CreditNoteCounts {
  matched: number;
  partlyMatched: number;
  unmatched: number;
  noSale: number;
}

/** Turns the rows of a file into what is to be played. */
export function makePlan(rows: ClassifiedRow[]): Plan {
  const trade = rows.filter((row) => row.kind !== "set_aside");
  const { sales, strays } = consistentSales(trade.filter((row) => row.kind === "sale"));
  const orders = planOrders(sales);
  const cancelled = trade.filter((row) => row.kind === "cancellation");
  const { matches, unmatched } = matchCancellations(cancelled, orders);
  const cancellations = planCancellations(matches);
  const aside = [...rows.filter((row) => row.kind === "set_aside"), ...strays, ...unmatched];
  return {
    products: planProducts(sales),
    customers: planCustomers(orders),
    orders,
    cancellations,
    setAside: countByReason(aside),
    rows: {
      orderLines: sales.length,
      cancellationLines: matches.length,
      setAside: aside.length,
      total: rows.length,
    },
    creditNotes: countCreditNotes(matches, unmatched, aside),
    tableByCountry: sumByCountry(sales, matches, cancellations),
  };
}

/** One account for each customer, and one for each guest's invoice. */
function planCustomers(orders: PlannedOrder[]): PlannedCustomer[] {
  const customers = new Map<string, PlannedCustomer>();
  for (const { email, customerId, invoiceNo } of orders) {
    const name = customerId === undefined ? `Guest of invoice ${invoiceNo}` : `Customer ${customerId}`;
    customers.set(email, { email, name });
  }
  return [...customers.values()];
}

function planProducts(sales: TradeRow[]): PlannedProduct[] {
  return [...Map.groupBy(sales, (row) => row.sku)].map(([sku, rows]) => ({
    sku,
    name: mostFrequent(rows.map((row) => row.description).filter(isName)) ?? sku,
    category: rows[0]!.category,
    price: mostFrequent(rows.map((row) => row.unitPrice))!,
    openingStock: rows.reduce((sum, row) => sum + row.units, 0),
  }));
}

/** The shop writes names in capitals; what has none ("damages", "?") is a note about the stock. */
function isName(description: string): boolean {
  return /\p{Lu}/u.test(description);
}

/** Of equally frequent values, the first. */
function mostFrequent<T>(values: T[]): T | undefined {
  let best: { value: T; count: number } | undefined;
  for (const [value, same] of Map.groupBy(values, (value) => value)) {
    if (same.length > (best?.count ?? 0)) best = { value, count: same.length };
  }
  return best?.value;
}

function countByReason(rows: SetAsideRow[]): SetAside[] {
  return [...Map.groupBy(rows, (row) => row.reason)].map(([reason, same]) => ({
    reason,
    rows: same.length,
    amount: same.reduce((sum, row) => sum + row.amount, 0),
    firstRows: same.slice(0, 3).map((row) => row.row),
  })).toSorted((a, b) => b.rows - a.rows);
}

function countCreditNotes(
  matches: Match[],
  unmatched: SetAsideRow[],
  aside: SetAsideRow[],
): CreditNoteCounts {
  const matched = new Set(matches.map(({ row }) => row.invoiceNo));
  const missed = new Set(unmatched.map((row) => row.invoiceNo));
  const seen = new Set(aside.map((row) => row.invoiceNo).filter((number) => number.startsWith("C")));
  const partlyMatched = matched.intersection(missed).size;
  return {
    matched: matched.size - partlyMatched,
    partlyMatched,
    unmatched: missed.size - partlyMatched,
    noSale: seen.difference(matched).difference(missed).size,
  };
}

/** The file's side of the table: summed from its rows, not from the orders made of them. */
function sumByCountry(
  sales: TradeRow[],
  matches: Match[],
  cancellations: PlannedCancellation[],
): CountryTotals[] {
  const table = new CountryTable();
  for (const rows of Map.groupBy(sales, (row) => row.invoiceNo).values()) {
    table.of(rows[0]!.country).invoices++;
  }
  for (const { country, units, unitPrice } of sales) {
    const totals = table.of(country);
    totals.lines++;
    totals.units += units;
    totals.amount += units * unitPrice;
  }
  for (const { row } of matches) {
    const totals = table.of(row.country);
    totals.cancelledUnits += row.units;
    totals.cancelledAmount += row.units * row.unitPrice;
  }
  for (const { country, extent } of cancellations) {
    const totals = table.of(country);
    if (extent === "whole") totals.ordersCancelled++;
    else totals.ordersPartlyCancelled++;
  }
  return table.lines();
}

import { setAside, type SetAsideRow, type TradeRow } from "./online_retail.ts";
import { type Line, type PlannedOrder, toLine } from "./orders.ts";
import type { Reason } from "./reasons.ts";

/** A line of a credit note, and the order whose units it takes back. */
export interface Match {
  row: TradeRow;
  order: PlannedOrder;
}

/** What is to become of one order: all of its units are cancelled, or some. */
export interface PlannedCancellation {
  orderKey: string;
  country: string;
  /** The API cancels whole orders only; a partial cancellation is written into the order's metadata. */
  extent: "whole" | "partial";
  units: number;
  /** In pence. */
  amount: number;
  creditNotes: CreditNote[];
}

/** The lines of one credit note that fell to one order. */
export interface CreditNote {
  number: string;
  /** RFC 3339, in UTC. */
  at: string;
  lines: Line[];
}

/** The API's limit. */
const MAX_METADATA_TEXT = 500;

/** An order, and how many units of each SKU and price it has left to cancel. */
interface OpenOrder {
  order: PlannedOrder;
  left: Map<string, number>;
}

/**
 * Finds what each credit note cancels: units that the same customer in the same country had bought, at the same price
 * and in one order, no later than the note, and that no earlier credit note has taken. Where several orders would do,
 * the one that explains most lines of the note is taken, and of equals the latest. Lines that no order explains come
 * back set aside: often their sale is older than the file.
 */
export function matchCancellations(
  rows: TradeRow[],
  orders: PlannedOrder[],
): { matches: Match[]; unmatched: SetAsideRow[] } {
  const ordersOf = Map.groupBy(orders.map(openOrder), ({ order }) => order.customerId);
  const matches: Match[] = [];
  const unmatched: SetAsideRow[] = [];

  for (const note of Map.groupBy(rows, (row) => `${row.invoiceNo} ${row.customerId}`).values()) {
    const customerId = note[0]!.customerId;
    const candidates = customerId === undefined ? [] : ordersOf.get(customerId) ?? [];
    let unexplained = note;
    for (;;) {
      const best = bestExplanation(unexplained, candidates);
      if (best === undefined) break;
      for (const row of best.rows) {
        best.from.left.set(lot(row), best.from.left.get(lot(row))! - row.units);
        matches.push({ row, order: best.from.order });
      }
      unexplained = unexplained.filter((row) => !best.rows.includes(row));
    }
    unmatched.push(...unexplained.map((row) => setAside(row, whyUnmatched(row, candidates))));
  }
  return { matches, unmatched };
}

/** Adds the matches of each order up. */
export function planCancellations(matches: Match[]): PlannedCancellation[] {
  return [...Map.groupBy(matches, (match) => match.order)].map(([order, ofOrder]) => {
    const units = ofOrder.reduce((sum, { row }) => sum + row.units, 0);
    const ordered = order.lines.reduce((sum, line) => sum + line.units, 0);
    const notes = Map.groupBy(ofOrder.map(({ row }) => row), (row) => row.invoiceNo);
    return {
      orderKey: order.key,
      country: order.country,
      extent: units === ordered ? "whole" : "partial",
      units,
      amount: ofOrder.reduce((sum, { row }) => sum + row.units * row.unitPrice, 0),
      creditNotes: [...notes].map(([number, lines]) => ({
        number,
        at: lines[0]!.at,
        lines: lines.map(toLine),
      })),
    };
  });
}

/**
 * What a partial cancellation leaves in its order's metadata: the sums that the table is read back from, and under
 * `credit_note_C…` that note's lines, where "85048*3@695" is three units at 6.95. A long note goes on in `…_2`.
 */
export function cancellationMetadata(cancellation: PlannedCancellation): Record<string, string> {
  const metadata: Record<string, string> = {
    cancelled_units: String(cancellation.units),
    cancelled_amount: String(cancellation.amount),
  };
  for (const { number, at, lines } of cancellation.creditNotes) {
    const words = [at, ...lines.map(({ sku, units, unitPrice }) => `${sku}*${units}@${unitPrice}`)];
    for (const [i, text] of wrap(words, MAX_METADATA_TEXT).entries()) {
      metadata[`credit_note_${number}${i === 0 ? "" : `_${i + 1}`}`] = text;
    }
  }
  return metadata;
}

/** Joins words by spaces into as few texts of at most `max` characters as will hold them. */
function wrap(words: string[], max: number): string[] {
  const texts: string[] = [];
  for (const word of words) {
    const joined = `${texts.at(-1)} ${word}`;
    if (texts.length > 0 && joined.length <= max) texts[texts.length - 1] = joined;
    else texts.push(word);
  }
  return texts;
}

function openOrder(order: PlannedOrder): OpenOrder {
  const left = new Map<string, number>();
  for (const line of order.lines) left.set(lot(line), (left.get(lot(line)) ?? 0) + line.units);
  return { order, left };
}

/** Units of one SKU at one price: which line of an order they stand in makes no difference. */
function lot({ sku, unitPrice }: Line): string {
  return `${sku} ${unitPrice}`;
}

function bestExplanation(
  rows: TradeRow[],
  candidates: OpenOrder[],
): { from: OpenOrder; rows: TradeRow[] } | undefined {
  let best: { from: OpenOrder; rows: TradeRow[] } | undefined;
  for (const from of candidates) {
    const explained = explainedBy(from, rows);
    if (explained.length > 0 && explained.length >= (best?.rows.length ?? 0)) {
      best = { from, rows: explained };
    }
  }
  return best;
}

/** Those of the rows that the order has enough units left for, all together. */
function explainedBy({ order, left }: OpenOrder, rows: TradeRow[]): TradeRow[] {
  const taken = new Map<string, number>();
  return rows.filter((row) => {
    const units = (taken.get(lot(row)) ?? 0) + row.units;
    if (!mayCancel(row, order) || units > (left.get(lot(row)) ?? 0)) return false;
    taken.set(lot(row), units);
    return true;
  });
}

function mayCancel(row: TradeRow, order: PlannedOrder): boolean {
  return order.placedAt <= row.at && order.country === row.country;
}

function whyUnmatched(row: TradeRow, candidates: OpenOrder[]): Reason {
  if (row.customerId === undefined) return "cancellation:guest";
  const bought = candidates.filter(({ order }) => mayCancel(row, order))
    .flatMap(({ order }) => order.lines).filter((line) => line.sku === row.sku);
  if (bought.length === 0) return "cancellation:not_bought";
  if (!bought.some((line) => line.unitPrice === row.unitPrice)) return "cancellation:other_price";
  return "cancellation:more_than_bought";
}

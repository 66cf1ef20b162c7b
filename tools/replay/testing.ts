import { classifyRow, type TradeRow } from "./online_retail.ts";

/** What a test says about a row; the rest is an ordinary sale. */
export interface Given {
  invoiceNo?: string;
  stockCode?: string;
  description?: string;
  quantity?: string;
  date?: string;
  price?: string;
  customer?: string;
  country?: string;
}

/** The cells of a row, in the order of the columns. */
export function cells(given: Given = {}): string[] {
  return [
    given.invoiceNo ?? "536365",
    given.stockCode ?? "85123A",
    given.description ?? "WHITE HANGING HEART T-LIGHT HOLDER",
    given.quantity ?? "6",
    given.date ?? "01/12/2010 08:26",
    given.price ?? "2.55",
    given.customer ?? "17850",
    given.country ?? "United Kingdom",
  ];
}

/** Rows of a file, numbered from 2 as below a header, that must all be of an invoice or a credit note. */
export function tradeRows(...given: Given[]): TradeRow[] {
  return given.map((one, i) => {
    const row = classifyRow(cells(one), i + 2);
    if (row.kind === "set_aside") throw new Error(`row ${row.row} is set aside: ${row.reason}`);
    return row;
  });
}

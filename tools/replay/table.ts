/**
 * One line of the table that the file and the API must agree on. `invoices`, `lines`, `units` and `amount` are all that
 * was sold; what was cancelled of it stands beside and is not subtracted. Amounts are in pence.
 */
export interface CountryTotals {
  /** ISO 3166-1 alpha-2. */
  country: string;
  invoices: number;
  lines: number;
  units: number;
  amount: number;
  ordersCancelled: number;
  ordersPartlyCancelled: number;
  cancelledUnits: number;
  cancelledAmount: number;
}

/** A line to be added to. */
export function noTotals(country: string): CountryTotals {
  return {
    country,
    invoices: 0,
    lines: 0,
    units: 0,
    amount: 0,
    ordersCancelled: 0,
    ordersPartlyCancelled: 0,
    cancelledUnits: 0,
    cancelledAmount: 0,
  };
}

/** Collects totals by country. */
export class CountryTable {
  #totals = new Map<string, CountryTotals>();

  /** The country's line, to be added to. */
  of(country: string): CountryTotals {
    return this.#totals.getOrInsertComputed(country, noTotals);
  }

  /** All lines, by country code. */
  lines(): CountryTotals[] {
    return [...this.#totals.values()].toSorted((a, b) => a.country < b.country ? -1 : 1);
  }
}

import { type Account, ACCOUNTS } from "./entries.ts";

/** What was posted to one account, in minor units of a currency. */
export interface Entry {
  account: Account;
  debit: number;
  credit: number;
}

/** The same with what remains of it: debit − credit. */
export interface Balance extends Entry {
  balance: number;
}

/** A row of the ledger, debits positive and credits negative, as the entries of a journal; nothing for untouched accounts. */
export function entriesOf(row: Record<Account, number>): Entry[] {
  return ACCOUNTS.filter((account) => row[account] !== 0).map((account) => ({
    account,
    debit: Math.max(row[account], 0),
    credit: Math.max(-row[account], 0),
  }));
}

/** What many entries come to, for each account that they post to. */
export function balancesOf(entries: readonly Entry[]): Balance[] {
  return ACCOUNTS.flatMap((account) => {
    const own = entries.filter((entry) => entry.account === account);
    if (own.length === 0) return [];
    const { debit, credit } = totalOf(own);
    return [{ account, debit, credit, balance: debit - credit }];
  });
}

export function totalOf(entries: readonly Entry[]): { debit: number; credit: number } {
  return {
    debit: entries.reduce((sum, { debit }) => sum + debit, 0),
    credit: entries.reduce((sum, { credit }) => sum + credit, 0),
  };
}

import { grouped, perPool } from "../platform/batch.ts";
import type { Sql } from "../platform/db.ts";
import type { TradeFacts } from "./facts.ts";
import { findTradeFacts } from "./queries.ts";

type Ask = Parameters<typeof findTradeFacts>[1];

/** What trade knows of a destination and these goods. Whoever asks at the same time for one destination asks once. */
export function readTradeFacts(sql: Sql, ask: Ask): Promise<TradeFacts> {
  return readerOf(sql)(ask);
}

const readerOf = perPool((sql) => grouped((asks: readonly Ask[]) => readTogether(sql, asks)));

/** That there are facts of others' goods among them harms nobody. */
async function readTogether(sql: Sql, asks: readonly Ask[]): Promise<TradeFacts[]> {
  const found = new Map<string, TradeFacts>();
  for (const [destination, alike] of Map.groupBy(asks, (each) => each.destination)) {
    const products = new Map(alike.flatMap((each) => each.products.map((product) => [product.id, product])));
    const currencies = [...new Set(alike.flatMap((each) => each.currencies))];
    const ask = { destination, on: alike[0]!.on, currencies, products: [...products.values()] };
    found.set(destination, await findTradeFacts(sql, ask));
  }
  return asks.map(({ destination }) => found.get(destination)!);
}

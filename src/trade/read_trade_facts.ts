import { grouped, perPool } from "../platform/batch.ts";
import type { Sql } from "../platform/db.ts";
import { dayOf } from "./day.ts";
import type { TradeFacts } from "./facts.ts";
import { findTradeFacts } from "./queries.ts";

type Ask = Parameters<typeof findTradeFacts>[1];

/** What trade knows of a destination and these goods on a day. Whoever asks the same at the same time asks once. */
export function readTradeFacts(sql: Sql, ask: Ask): Promise<TradeFacts> {
  return readerOf(sql)(ask);
}

const readerOf = perPool((sql) => grouped((asks: readonly Ask[]) => readTogether(sql, asks)));

/** That there are facts of others' goods among them harms nobody; another day or destination has answers of its own. */
async function readTogether(sql: Sql, asks: readonly Ask[]): Promise<(TradeFacts | Error)[]> {
  const keyOf = ({ destination, on }: Ask) => `${destination} ${dayOf(on)}`;
  const found = new Map<string, TradeFacts | Error>();
  for (const [key, alike] of Map.groupBy(asks, keyOf)) {
    // A product may have been read before and after its code changed: each counts for who read it.
    const products = new Map(
      alike.flatMap(({ products }) => products.map((each) => [`${each.id} ${each.hs_code}`, each])),
    );
    const currencies = [...new Set(alike.flatMap((each) => each.currencies))];
    const ask = { ...alike[0]!, currencies, products: [...products.values()] };
    found.set(key, await findTradeFacts(sql, ask).catch((error: Error) => error));
  }
  return asks.map((ask) => found.get(keyOf(ask))!);
}

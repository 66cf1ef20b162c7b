import { grouped } from "../platform/batch.ts";
import type { Sql } from "../platform/db.ts";
import { findTradeFacts, type TradeFacts, type TradeProduct } from "../trade/mod.ts";

interface Question {
  destination: string;
  on: Date;
  products: TradeProduct[];
}

/** At most so many groups are under way in one process, and only if they take long. */
const SLOTS = 4;
const MAX_GROUP = 32;

const desks = new WeakMap<Sql, (question: Question) => Promise<TradeFacts>>();

/** What the destination's law says about these products. Carts that ask at the same time for one destination ask once. */
export function findTrade(sql: Sql, question: Question): Promise<TradeFacts> {
  let ask = desks.get(sql);
  if (!ask) {
    ask = grouped((questions: readonly Question[]) => readTrade(sql, questions), {
      slots: SLOTS,
      maxSize: MAX_GROUP,
    });
    desks.set(sql, ask);
  }
  return ask(question);
}

async function readTrade(sql: Sql, questions: readonly Question[]): Promise<TradeFacts[]> {
  const facts = new Map<string, TradeFacts>();
  for (const [destination, alike] of Map.groupBy(questions, ({ destination }) => destination)) {
    const products = new Map(alike.flatMap(({ products }) => products).map((each) => [each.id, each]));
    const { on } = alike[0]!;
    facts.set(
      destination,
      await findTradeFacts(sql, { destination, on, currencies: [], products: [...products.values()] }),
    );
  }
  return questions.map(({ destination }) => facts.get(destination)!);
}

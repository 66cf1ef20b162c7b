import { grouped } from "../platform/batch.ts";
import { commitGroup } from "../platform/commit_group.ts";
import { actorName, type Ctx } from "../platform/ctx.ts";
import { isGuardBroken, type Sql, sqlState, transaction, violates } from "../platform/db.ts";
import { AppError, notFound } from "../platform/errors.ts";
import {
  findAnswer,
  type Idempotency,
  inProgress,
  keyReused,
  type Outcome,
} from "../platform/idempotency.ts";
import { findTradeFacts, type TradeFacts } from "../trade/mod.ts";
import {
  type CartFacts,
  type DecidedQuote,
  findCartFacts,
  insertQuotes,
  lockCartAndQuote,
} from "./queries.ts";
import { type AskQuote, destinationOf, draftQuote, type Quote, type QuoteData } from "./quote.ts";
import { releaseQuotes } from "./release_quotes.ts";

/** How often a draft may lose its stock or its cart between reading and writing. */
const MAX_ATTEMPTS = 5;

/**
 * Quotes a cart: what it will cost at the door, bound for a while together with its stock. A cart has one quote at a
 * time; a new one takes over from the one before.
 *
 * @throws not_found, cart_closed, quote_refused and insufficient_stock, which name everything that is wrong;
 *   idempotency_key_reused, idempotency_in_progress
 */
export async function quoteCart(
  ctx: Ctx,
  { cartId, ask }: { cartId: string; ask: AskQuote },
  idempotency: Idempotency | undefined,
): Promise<Outcome<Quote>> {
  const { readFacts, commit } = deskOf(ctx.sql);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const facts = await readFacts({ cartId, idempotency });
    if (facts?.answer && !facts.answer.same) throw keyReused();
    if (facts?.answer) return { value: JSON.parse(facts.answer.text), replayed: true };
    const quote = await draft(ctx, ask, facts);
    const { actor, requestId, traceparent } = ctx;
    const decided = { quote, actor: actorName(actor), requestId, traceparent, idempotency };
    try {
      const written = facts!.open ? await replaceQuote(ctx, decided) : await commit(decided);
      if (written) return { value: { ...quote, status: "open", order_id: null }, replayed: false };
    } catch (error) {
      // The stock was taken, or the cart was changed or quoted in between: read again, and say what is wrong now.
      if (!isOvertaken(error)) throw idempotency ? inProgress(error) : error;
    }
  }
  throw new AppError("unavailable", "The stock of these products is changing too fast. Try again.", {
    retryAfterSeconds: 1,
  });
}

/** What the cart would cost now, held by nobody. @throws as {@link quoteCart} */
export async function estimateCart(ctx: Ctx, cartId: string, ask: AskQuote): Promise<QuoteData> {
  const [facts] = await findCartFacts(ctx.sql, [{ cartId }]);
  return await draft(ctx, ask, facts);
}

async function draft(ctx: Ctx, ask: AskQuote, facts: CartFacts | undefined): Promise<QuoteData> {
  const { actor, config } = ctx;
  if (!facts || actor.kind !== "user" || facts.cart.user_id !== actor.userId) throw notFound("cart");
  const now = ctx.clock.now();
  const trade = await deskOf(ctx.sql).readTrade(tradeAsk(now, ask, facts));
  const products = new Map(facts.products.map((product) => [product.sku, product]));
  const held = new Map(facts.open?.items.map(({ sku, quantity }) => [sku, quantity]));
  return draftQuote(now, config.quoteValidMs, config.shipFromCountry, facts.cart, ask, products, trade, held);
}

type TradeAsk = Parameters<typeof findTradeFacts>[1];

function tradeAsk(on: Date, ask: AskQuote, { cart, products }: CartFacts): TradeAsk {
  return {
    destination: destinationOf(cart, ask),
    on,
    currencies: [cart.currency, ...products.flatMap(({ prices }) => Object.keys(prices))],
    products: products.map(({ id, hs_code }) => ({ id, hs_code })),
  };
}

/** Asks once for each destination: that there are facts of others' goods among them harms nobody. */
async function readTrade(sql: Sql, asks: readonly TradeAsk[]): Promise<TradeFacts[]> {
  const found = new Map<string, Promise<TradeFacts>>();
  for (const [destination, same] of Map.groupBy(asks, (each) => each.destination)) {
    const products = new Map(same.flatMap((each) => each.products.map((product) => [product.id, product])));
    found.set(
      destination,
      findTradeFacts(sql, {
        destination,
        on: same[0]!.on,
        currencies: [...new Set(same.flatMap((each) => each.currencies))],
        products: [...products.values()],
      }),
    );
  }
  return await Promise.all(asks.map(({ destination }) => found.get(destination)!));
}

/** Frees what the cart's quote holds, and lets the new one hold its own, in one transaction. */
async function replaceQuote(ctx: Ctx, decided: DecidedQuote): Promise<boolean> {
  return await transaction(ctx.sql, async (tx) => {
    const before = await lockCartAndQuote(tx, decided.quote.cart_id);
    // A call with the same key may have been first: its quote is the cart's, and stays.
    if (decided.idempotency && await findAnswer(tx, decided.idempotency)) return false;
    if (before) await releaseQuotes(tx, ctx, [before], "superseded");
    const [written] = await insertQuotes(tx, [decided]);
    return written!;
  });
}

function isOvertaken(error: unknown): boolean {
  return violates(error, "stock_levels_available_check") || violates(error, "quotes_open_key") ||
    isGuardBroken(error) || sqlState(error) === "40P01";
}

const SLOTS = 4;
const MAX_GROUP = 32;

const desks = new WeakMap<Sql, ReturnType<typeof openDesk>>();

/** The one place where a process quotes carts over this pool. */
function deskOf(sql: Sql) {
  let desk = desks.get(sql);
  if (!desk) desks.set(sql, desk = openDesk(sql));
  return desk;
}

function openDesk(sql: Sql) {
  const limits = { slots: SLOTS, maxSize: MAX_GROUP };
  return {
    readFacts: grouped(
      (questions: readonly Parameters<typeof findCartFacts>[1][number][]) => findCartFacts(sql, questions),
      limits,
    ),
    readTrade: grouped((asks: readonly TradeAsk[]) => readTrade(sql, asks), limits),
    commit: grouped(
      (decided: readonly DecidedQuote[]) =>
        commitGroup(decided, ({ idempotency }) => idempotency, (each) => insertQuotes(sql, each)),
      limits,
    ),
  };
}

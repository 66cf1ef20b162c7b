import { readCoupon } from "../carts/mod.ts";
import { lockLevels } from "../inventory/mod.ts";
import { lockPromotions } from "../promotions/mod.ts";
import { grouped, groupedByLines, perPool } from "../platform/batch.ts";
import { commitGroup } from "../platform/commit_group.ts";
import { actorName, type Ctx, isOwn } from "../platform/ctx.ts";
import { isGuardBroken, sqlState, transaction, violates } from "../platform/db.ts";
import { AppError, notFound } from "../platform/errors.ts";
import { claimKey, type Idempotency, inProgress, keyReused, type Outcome } from "../platform/idempotency.ts";
import { type ProductFacts, readTradeFacts, type TradeFacts } from "../trade/mod.ts";
import {
  answerTo,
  type CartFacts,
  type CartQuestion,
  type DecidedQuote,
  findCartFacts,
  insertQuotes,
  lockCartAndQuote,
} from "./queries.ts";
import {
  type AskEstimate,
  type AskQuote,
  destinationOf,
  draftQuote,
  type Quote,
  type QuoteData,
  type QuotedCart,
} from "./quote.ts";
import { priceInTurn } from "./price_in_turn.ts";
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
    if (facts?.answer) return { value: JSON.parse(facts.answer.value), replayed: true };
    const quote = await draft(ctx, ask, facts);
    const { actor, requestId, traceparent } = ctx;
    const decided = { quote, actor: actorName(actor), requestId, traceparent, idempotency };
    try {
      const written = facts!.open ? await replaceQuote(ctx, decided) : await commit(decided);
      if (written) return { value: { ...quote, status: "open", order_id: null }, replayed: false };
      // Another call with this key was first: its answer is there now.
    } catch (error) {
      // Stock or coupon were taken, or the cart was changed or quoted in between: read again, and say what is wrong now.
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
  const { config } = ctx;
  if (!facts || !isOwn(ctx.actor, facts.cart.user_id)) throw notFound("cart");
  const [trade, coupon] = await Promise.all([
    readTradeOf(ctx, facts.cart, facts.products, ask),
    readCoupon(ctx, facts.cart),
  ]);
  return await priceInTurn(facts.cart.items.length, () =>
    draftQuote(
      ctx.clock.now(),
      config.quoteValidMs,
      config.shipFromCountry,
      facts.cart,
      ask,
      productsOf(facts),
      trade,
      coupon,
    ));
}

/** What trade knows of where the cart goes and of what is in it. @throws quote_refused where nobody says where to */
export async function readTradeOf(
  ctx: Ctx,
  cart: QuotedCart,
  products: ProductFacts[],
  ask: AskEstimate,
): Promise<TradeFacts> {
  return await readTradeFacts(ctx.sql, {
    destination: destinationOf(cart, ask),
    on: ctx.clock.now(),
    currencies: [cart.currency, ...products.flatMap(({ prices }) => Object.keys(prices))],
    products,
  });
}

/** The cart's products by SKU. What its present quote holds is available to it: the next quote takes it over. */
function productsOf({ products, open }: CartFacts): ReadonlyMap<string, ProductFacts> {
  const held = new Map(open?.items.map(({ sku, quantity }) => [sku, quantity]));
  return new Map(
    products.map((each) => [each.sku, { ...each, available: each.available + (held.get(each.sku) ?? 0) }]),
  );
}

/**
 * Frees what the cart's quote holds, and lets the new one hold its own, in one transaction. False where another call with
 * the same key has committed first: its quote is the cart's, and stays.
 */
async function replaceQuote(ctx: Ctx, decided: DecidedQuote): Promise<boolean> {
  const { quote, idempotency } = decided;
  return await transaction(ctx.sql, async (tx) => {
    // The key before the cart, as for a cart's first quote: calls with one key may find the cart with a quote and without.
    if (idempotency && !await claimKey(tx, idempotency, answerTo(quote))) return false;
    const before = await lockCartAndQuote(tx, quote.cart_id);
    if (before) {
      // What it lets go of and what it takes, in one order with everybody else.
      await lockPromotions(tx, [before.coupon_code, quote.coupon_code].filter((code) => code !== null));
      await lockLevels(tx, [...before.items, ...quote.lines].map(({ sku }) => sku));
      // At the time of the new one, or the stock would be freed after it was taken again, by the times in its events.
      const at = new Date(quote.created_at);
      await releaseQuotes(tx, { ...ctx, clock: { now: () => at } }, [before], "superseded");
    }
    await insertQuotes(tx, [{ ...decided, idempotency: undefined }]);
    return true;
  });
}

function isOvertaken(error: unknown): boolean {
  return violates(error, "stock_levels_available_check") || violates(error, "promotions_redeemed_check") ||
    violates(error, "quotes_open_key") || isGuardBroken(error) || sqlState(error) === "40P01";
}

/** The one place where a process quotes carts over a pool. */
const deskOf = perPool((sql) => ({
  readFacts: grouped((questions: readonly CartQuestion[]) => findCartFacts(sql, questions)),
  commit: groupedByLines(
    (decided: readonly DecidedQuote[]) =>
      commitGroup(decided, ({ idempotency }) => idempotency, (each) => insertQuotes(sql, each)),
    ({ quote }) => quote.lines.length,
  ),
}));

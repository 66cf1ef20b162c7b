import { isPricedAs } from "../carts/mod.ts";
import { firstOrder, type Order } from "../orders/mod.ts";
import { insertPaymentsAlso } from "../payments/mod.ts";
import type { Sql } from "../platform/db.ts";
import { type FirstAnswer, firstAnswer, type Idempotency, unnestedKeys } from "../platform/idempotency.ts";
import { completeQuote, type Quote, type QuoteData, quoteData } from "../quotes/mod.ts";

/** What is asked of the database about one checkout. */
export interface CheckoutQuestion {
  cartId: string;
  quoteId: string;
  userId: string;
  idempotency?: Idempotency;
}

/** What is to be known before a cart is checked out. */
export interface CheckoutFacts {
  /** Undefined where there is no such quote of this cart. */
  quote?: { data: QuoteData; status: Quote["status"]; order_id: string | null };
  /** As it is now, and whether it still is, in all that is priced, as it was quoted. */
  cart?: { status: string; version: number; isAsQuoted: boolean };
  /** May the customer order: an account that is not disabled? */
  ownerActive: boolean;
  /** To the first call with this key. */
  answer: FirstAnswer<Order> | null;
}

/** The facts of several checkouts in one round trip, in the order of the questions. */
export async function findCheckoutFacts(
  sql: Sql,
  questions: readonly CheckoutQuestion[],
): Promise<CheckoutFacts[]> {
  const rows = await sql<{ turn: number; facts: CheckoutFacts }[]>`
    select asked.turn::int as turn, json_build_object(
      'quote', (select json_build_object('data', ${
    quoteData(sql)
  }, 'status', q.status, 'order_id', q.order_id)
                from quotes q where q.id = asked.quote_id and q.cart_id = asked.cart_id),
      'cart', (select json_build_object('status', c.status, 'version', c.version, 'isAsQuoted', ${
    isPricedAs(sql, sql`(select cart_version from quotes where id = asked.quote_id)`)
  }) from carts c where c.id = asked.cart_id),
      'ownerActive', coalesce((select disabled_at is null from users where id = asked.user_id), false),
      'answer', (${firstAnswer(sql, firstOrder(sql))})) as facts
    from unnest(${questions.map((q) => q.cartId)}::uuid[], ${questions.map((q) => q.quoteId)}::uuid[],
                ${questions.map((q) => q.userId)}::uuid[], ${
    unnestedKeys(sql, questions.map((q) => q.idempotency))
  })
         with ordinality as asked (cart_id, quote_id, user_id, actor, route, key, request_hash, turn)
    order by asked.turn`;
  return rows.map(({ facts }) => ({
    ...facts,
    quote: facts.quote ? { ...facts.quote, data: completeQuote(facts.quote.data) } : undefined,
    cart: facts.cart ?? undefined,
  }));
}

/** What the statement that makes orders of quotes writes beside them: their payments. */
export const FROM_QUOTES = { also: insertPaymentsAlso };

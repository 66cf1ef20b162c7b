import type { z } from "@hono/zod-openapi";
import { invalidToken, newSecretToken } from "../identity/mod.ts";
import { grouped, perPool } from "../platform/batch.ts";
import { commitGroup } from "../platform/commit_group.ts";
import { type Actor, actorName, type Ctx } from "../platform/ctx.ts";
import { type Sql, violates } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import { newId } from "../platform/id.ts";
import {
  type FirstAnswer,
  type Idempotency,
  inProgress,
  keyReused,
  type Outcome,
} from "../platform/idempotency.ts";
import type { Cart, Products } from "./cart.ts";
import { addLines } from "./change.ts";
import { answerCart } from "./get_cart.ts";
import { type CreatedCart, findCreatingFacts, insertCarts } from "./queries.ts";
import type { CreateCartBody } from "./schemas.ts";
import type { NewCart } from "./view.ts";

export type CreateCart = z.infer<typeof CreateCartBody>;

/** How often another call with the same key may come first and be gone again. */
const MAX_ATTEMPTS = 5;

/**
 * Creates the caller's cart, or a guest's with a token: reads the facts in one round trip, commits in one more.
 * A guest's call is not repeatable: all guests are one actor, and a stored answer would hold the token.
 *
 * @throws unauthenticated; cart_refused names every line at fault; idempotency_key_reused, idempotency_in_progress
 */
export async function createCart(
  ctx: Ctx,
  input: CreateCart,
  idempotency: Idempotency | undefined,
): Promise<Outcome<NewCart>> {
  const { readFacts, commit } = deskOf(ctx.sql);
  const guest = ctx.actor.kind === "anonymous" ? newSecretToken() : undefined;
  const key = guest ? undefined : idempotency;
  const skus = (input.items ?? []).map(({ sku }) => sku);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const { products, answer } = await readFacts({ skus, key });
    if (answer && !answer.same) throw keyReused();
    if (answer) return { value: answer.value, replayed: true };
    const cart = newCart(ctx.clock.now(), ctx.config.cartExpirationMs, ctx.actor, input, products);
    const value = await answerCart(ctx, cart, products);
    const written = await commit({
      cart,
      tokenHash: guest?.hash,
      actor: actorName(ctx.actor),
      requestId: ctx.requestId,
      traceparent: ctx.traceparent,
      repeatable: key && { idempotency: key, answer: value },
    }).catch((error) => {
      // Customers are taken at their token's word, and a backup that was restored may know nothing of one.
      if (violates(error, "carts_user_id_fkey")) throw invalidToken(error);
      throw key ? inProgress(error) : error;
    });
    if (written) return { value: guest ? { ...value, token: guest.token } : value, replayed: false };
    // Another call with this key was first: the next reading of the facts finds its answer.
  }
  throw new AppError("unavailable", "The calls with this key are getting in each other's way. Try again.", {
    retryAfterSeconds: 1,
  });
}

/** Version 1 of a cart. Pure. @throws cart_refused */
function newCart(now: Date, lifetimeMs: number, actor: Actor, input: CreateCart, products: Products): Cart {
  const time = now.toISOString();
  const wishes = (input.items ?? []).map((item, index) => ({
    ...item,
    pointers: { sku: `/items/${index}/sku`, quantity: `/items/${index}/quantity` },
  }));
  return {
    id: newId(),
    user_id: actor.kind === "user" ? actor.userId : null,
    status: "open",
    currency: input.currency,
    destination: input.destination ?? null,
    items: addLines({ currency: input.currency, items: [] }, wishes, products),
    note: input.note ?? null,
    coupon_code: input.coupon_code ?? null,
    metadata: input.metadata ?? {},
    order_id: null,
    merged_into: null,
    version: 1,
    created_at: time,
    updated_at: time,
    expires_at: new Date(now.getTime() + lifetimeMs).toISOString(),
  };
}

interface Question {
  skus: string[];
  key?: Idempotency;
}
/** The products are those of the whole group. */
interface Answer {
  products: Products;
  answer: FirstAnswer<NewCart> | null;
}

/** The one place where a process takes new carts over a pool. */
const deskOf = perPool((sql) => ({
  readFacts: grouped((questions: readonly Question[]) => readFacts(sql, questions)),
  commit: grouped((created: readonly CreatedCart[]) =>
    commitGroup(created, ({ repeatable }) => repeatable?.idempotency, (each) => insertCarts(sql, each))
  ),
}));

async function readFacts(sql: Sql, questions: readonly Question[]): Promise<Answer[]> {
  const keys = questions.flatMap(({ key }) => key ?? []);
  const skus = [...new Set(questions.flatMap(({ skus }) => skus))];
  const { products, answers } = await findCreatingFacts(sql, { skus, keys });
  const byKey = new Map(keys.map((key, index) => [key, answers[index] ?? null]));
  return questions.map(({ key }) => ({ products, answer: key ? byKey.get(key)! : null }));
}

import { actorName, type Ctx, isStaff } from "../platform/ctx.ts";
import { grouped, groupedByLines, perPool } from "../platform/batch.ts";
import { commitGroup } from "../platform/commit_group.ts";
import { isGuardBroken, type Sql, sqlState, violates } from "../platform/db.ts";
import { AppError } from "../platform/errors.ts";
import {
  type FirstAnswer,
  type Idempotency,
  inProgress,
  keyReused,
  type Outcome,
} from "../platform/idempotency.ts";
import { type Coupon, findCoupon } from "../promotions/mod.ts";
import { readTradeFacts } from "../trade/mod.ts";
import { sealConsignee } from "../consignees/mod.ts";
import {
  draftOrder,
  type Order,
  type OrderDraft,
  ownerOf,
  type PlaceOrder,
  type PlacingFacts,
  productOf,
  referenceTaken,
  refusePlacedAt,
} from "./order.ts";
import { isLanded } from "./pricing.ts";
import { findPlacingFacts, insertOrders, type Origin, type PlacedOrder } from "./placing_queries.ts";

/** How often a draft may lose its stock between reading and writing before the caller is told to come again. */
const MAX_ATTEMPTS = 5;

/**
 * Takes an order: reads the facts in one round trip (and the law of its destination, where that has a say in its price),
 * decides, and commits in one more. Stock is reserved, the events are written and the key is remembered with it, or
 * nothing is.
 *
 * @throws order_refused and insufficient_stock name every line at fault; forbidden, reference_taken,
 *   idempotency_key_reused, idempotency_in_progress
 */
export async function placeOrder(
  ctx: Ctx,
  input: PlaceOrder,
  idempotency: Idempotency | undefined,
): Promise<Outcome<Order>> {
  const { readFacts, commit } = counterOf(ctx.sql);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    // Before the facts, or a repeated call would be refused the use that the first one took, and not get its answer.
    const coupon = await readCoupon(ctx, input);
    const { answer, ...facts } = await readFacts({ input, ownerId: ownerOf(ctx.actor, input), idempotency });
    if (answer && !answer.same) throw keyReused();
    if (answer) return { value: answer.value, replayed: true };
    const { order, explanation } = await draft(ctx, input, facts, coupon);
    const consignee = input.consignee &&
      await sealConsignee(ctx.config.consigneeKeys, order.id, input.consignee);
    try {
      const number = await commit({
        order,
        explanation,
        consignee,
        actor: actorName(ctx.actor),
        requestId: ctx.requestId,
        traceparent: ctx.traceparent,
        idempotency,
      });
      if (number !== undefined) return { value: { ...order, number }, replayed: false };
      // Another call with this key was first: the next reading of the facts finds its answer.
    } catch (error) {
      if (violates(error, "order_references_key")) throw referenceTaken(null);
      // Somebody took the stock or the coupon in between: read again, so that the refusal says what is short now.
      const isOvertaken = violates(error, "stock_levels_available_check") ||
        violates(error, "promotions_redeemed_check") || isGuardBroken(error) || sqlState(error) === "40P01";
      if (!isOvertaken) throw idempotency ? inProgress(error) : error;
    }
  }
  throw new AppError("unavailable", "The stock of these products is changing too fast. Try again.", {
    retryAfterSeconds: 1,
  });
}

/** Reads the law of the destination only for an order that it prices. */
async function draft(
  ctx: Ctx,
  input: PlaceOrder,
  facts: PlacingFacts,
  coupon: Coupon | undefined,
): Promise<OrderDraft> {
  const { actor, config } = ctx;
  const now = ctx.clock.now();
  if (!isLanded(actor, input, facts.keepsSchedules)) {
    return draftOrder(now, config.orderExpirationMs, actor, input, facts, undefined, coupon);
  }
  const products = input.items.flatMap((item) => productOf(facts, item) ?? []);
  const trade = await readTradeFacts(ctx.sql, {
    destination: input.ship_to.country,
    on: placedAt(ctx, input),
    currencies: [input.currency, ...products.flatMap(({ prices }) => Object.keys(prices))],
    products,
  });
  const landed = { trade, shipFrom: config.shipFromCountry };
  return draftOrder(now, config.orderExpirationMs, actor, input, facts, landed, coupon);
}

async function readCoupon(ctx: Ctx, input: PlaceOrder): Promise<Coupon | undefined> {
  const { actor, sql } = ctx;
  if (input.coupon_code === undefined) return undefined;
  return await findCoupon(sql, {
    code: input.coupon_code,
    at: placedAt(ctx, input),
    userId: ownerOf(actor, input),
  });
}

/** Only staff may say when it was placed, and not any time: the others are refused for it. */
function placedAt({ actor, clock }: Ctx, input: PlaceOrder): Date {
  const now = clock.now();
  return isStaff(actor) && input.placed_at !== undefined && !refusePlacedAt(now, input)
    ? new Date(input.placed_at)
    : now;
}

interface Question {
  input: PlaceOrder;
  ownerId: string;
  idempotency?: Idempotency;
}

type Answer = PlacingFacts & { answer: FirstAnswer<Order> | null };

/** The one place where a process takes orders over a pool. */
const counterOf = perPool((sql) => ({
  readFacts: grouped((questions: readonly Question[]) => readFacts(sql, questions)),
  commit: groupedByLines((placed: readonly PlacedOrder[]) => commitOrders(sql, placed), linesOf),
}));

async function readFacts(sql: Sql, questions: readonly Question[]): Promise<Answer[]> {
  const items = questions.flatMap(({ input }) => input.items);
  const keys = questions.flatMap(({ idempotency }) => idempotency ?? []);
  const found = await findPlacingFacts(sql, {
    skus: [...new Set(items.flatMap((item) => item.sku ?? []))],
    productIds: [...new Set(items.flatMap((item) => item.product_id ?? []))],
    ownerIds: [...new Set(questions.map(({ ownerId }) => ownerId))],
    references: questions.flatMap(({ input }) => input.external_reference ?? []),
    keys,
  });
  const bySku = new Map(found.products.map((product) => [product.sku, product]));
  const byId = new Map(found.products.map((product) => [product.id, product]));
  const owners = new Set(found.owners);
  const references = new Map(Object.entries(found.references));
  const answers = new Map(keys.map((key, index) => [key, found.answers[index] ?? null]));
  return questions.map(({ input, ownerId, idempotency }) => ({
    bySku,
    byId,
    ownerActive: owners.has(ownerId),
    keepsSchedules: found.keepsSchedules,
    takenBy: input.external_reference === undefined ? undefined : references.get(input.external_reference),
    answer: idempotency ? answers.get(idempotency)! : null,
  }));
}

/** How much committing an order is. */
export const linesOf = ({ order }: PlacedOrder): number => order.items.length;

/** Commits new orders in one statement, or those that the database refuses together each alone. */
export async function commitOrders(
  sql: Sql,
  placed: readonly PlacedOrder[],
  origin: Origin = "basket",
): Promise<(string | undefined | Error)[]> {
  return await commitGroup(
    placed,
    ({ idempotency }) => idempotency,
    (each) => insertOrders(sql, each, origin),
  );
}

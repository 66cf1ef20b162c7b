import { assert, assertEquals, AssertionError } from "@std/assert";
import { brokenOf, verifyBooks } from "../../src/admin/mod.ts";
import { findOrder, orderProcessed, orderView } from "../../src/orders/mod.ts";
import type { StoredPayment } from "../../src/payments/mod.ts";
import { AppError } from "../../src/platform/errors.ts";
import type { Promotion } from "../../src/promotions/promotion.ts";
import type { TestApp, TestUser } from "../support/app.ts";
import { addExport } from "../support/checkout.ts";
import { testWithRedis } from "../support/database.ts";
import { assertEventsValid } from "../support/events.ts";
import { eventsOf, patch, place, read, startAnother, tryToPlace } from "../support/orders.ts";
import { expire, letWorkerCatchUp, MINUTE_MS, type PaidShop, startPaidShop } from "../support/payments.ts";
import { addPromotion } from "../support/promotions.ts";
import { Dice } from "../support/random.ts";
import { doJobs } from "../support/worker.ts";
import { type Deed, makeMove, payAtOnce, shipAtOnce } from "./money_moves.ts";
import { eitherOf, type FuzzedOrder, moveOrder, type OrderTurn } from "./order_moves.ts";

/** How many lives of a shop are played, and from which on: more of them find what is rarer. */
const SEEDS = Number(Deno.env.get("FUZZ_SEEDS") ?? 2);
const FIRST_SEED = Number(Deno.env.get("FUZZ_FIRST") ?? 1);

const ORDERS = 16;
const ROUNDS = 18;
/** What units cost beside those of {@link PaidShop}: nothing at times, and what shares do not come out even of. */
const PRICES = [0, 333, 77];
/** What makes them cheaper at times: so much that few cents are left for all units, or none. */
const COUPONS: Partial<Promotion>[] = [
  { percent_off: "33.33" },
  { percent_off: "99.8" },
  { percent_off: "100" },
  { amount_off: [{ currency: "EUR", amount: 1000 }] },
];
const SECOND_MS = 1000;
/** After so long an order that nobody paid has expired. */
const ORDER_LIFE_MS = 31 * MINUTE_MS;
const DICE_SIDES = 2 ** 31;

/** One life of a shop of two processes, a customer and two of staff: what its dice make of it. */
class Life {
  readonly #shop: PaidShop;
  readonly #other: TestApp;
  readonly #admin: TestUser;
  readonly #skus: readonly string[];
  readonly #coupons: readonly string[];
  readonly #dice: Dice;
  readonly #orders: FuzzedOrder[] = [];

  constructor(
    shop: PaidShop,
    other: TestApp,
    admin: TestUser,
    { skus, coupons, seed }: { skus: readonly string[]; coupons: readonly string[]; seed: number },
  ) {
    this.#shop = shop;
    this.#other = other;
    this.#admin = admin;
    this.#skus = skus;
    this.#coupons = coupons;
    this.#dice = new Dice(seed);
  }

  /** @throws AssertionError with the story of an order that reads differently somewhere */
  async play(): Promise<void> {
    for (let turn = 0; turn < ORDERS; turn++) {
      const order = await this.#place();
      await this.#telling(order, async () => {
        await this.#begin(order);
        for (let round = 1; round <= ROUNDS; round++) {
          await this.#playRound(order, round);
          await this.#letTimeGoBy(order);
          await this.#assertReadsTheSame(order);
          await this.#assertVersionsFollow(order);
        }
      });
    }
  }

  /** The worker does all that it has to, and orders do not change by what happened to others. */
  async assertEndsWell(): Promise<void> {
    const { app: { deps: { sql } }, clock } = this.#shop;
    await letWorkerCatchUp(this.#shop.app);
    for (const order of this.#orders) {
      await this.#telling(order, async () => {
        await this.#assertReadsTheSame(order);
        await this.#assertVersionsFollow(order);
      });
    }
    const broken = brokenOf(await verifyBooks(sql, clock.at));
    const stories = this.#orders.filter(({ id }) => broken.some((each) => each.includes(id))).map(storyOf);
    assertEquals(broken, [], stories.join("\n"));
    await assertEventsValid(sql);
  }

  /** By the customer, for what a quote would cost, or by staff for the customer, at list prices. */
  async #place(): Promise<FuzzedOrder> {
    const { app, user, staff } = this.#shop;
    const dice = this.#dice;
    const lines = dice.upTo(4);
    const items = Array.from(
      { length: lines },
      () => ({ sku: dice.pick(...this.#skus), quantity: dice.upTo(3) }),
    );
    const byCustomer = dice.chance(0.6);
    const more = { items, ...byCustomer ? { shipping_option: "standard" } : { user_id: user.id } };
    const asked = { ...more, ...dice.chance(0.5) && { coupon_code: dice.pick(...this.#coupons) } };
    const by = byCustomer ? user : staff;
    const { status, body } = await tryToPlace(app, by, {}, { more: asked });
    // Where all goods cost nothing no coupon is of any use.
    const { id, number } = status === 422 ? await place(app, by, {}, more) : body;
    const order = { id, number, lines, story: [`  placed: ${JSON.stringify(asked)}`], untold: [] };
    this.#orders.push(order);
    return order;
  }

  /** Most orders are paid, and many of them sent, so that there is something to be given back. */
  async #begin(order: FuzzedOrder): Promise<void> {
    if (this.#dice.chance(0.2)) return;
    const turn = await this.#turnOf(order, 0);
    if (this.#dice.chance(0.5)) await payAtOnce(turn);
    else await patch(turn.shop.app, turn.shop.staff, order.id, { status: "PAID" });
    if (this.#dice.chance(0.6)) await shipAtOnce(turn);
  }

  async #playRound(order: FuzzedOrder, round: number): Promise<void> {
    const atOnce = this.#dice.chance(0.6) ? 1 : 1 + this.#dice.upTo(2);
    const turns = [];
    for (let each = 0; each < atOnce; each++) turns.push(await this.#turnOf(order, round));
    const ends = await Promise.allSettled(turns.map((turn) => this.#move(turn)));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  /** Each has dice of its own, so that none depends on how far others at once have come. */
  async #turnOf(order: FuzzedOrder, round: number): Promise<OrderTurn> {
    const { app, user, staff } = this.#shop;
    const dice = new Dice(this.#dice.upTo(DICE_SIDES));
    const users = [user, staff, this.#admin];
    return {
      shop: {
        ...this.#shop,
        app: eitherOf(app, this.#other, { dice, order, round, users }),
        staff: dice.pick(staff, this.#admin),
      },
      dice,
      order,
      payment: dice.pick(...await this.#list<StoredPayment>("payments", order)),
      returned: dice.pick(...await this.#listReturns(order)),
      shipment: dice.pick(...await this.#list<{ id: string }>("shipments", order)),
    };
  }

  async #list<Row extends object>(table: string, { id }: FuzzedOrder): Promise<Row[]> {
    const { sql } = this.#shop.app.deps;
    return await sql<Row[]>`select * from ${sql(table)} where order_id = ${id} order by id`;
  }

  async #listReturns({ id }: FuzzedOrder) {
    return await this.#shop.app.deps.sql<NonNullable<OrderTurn["returned"]>[]>`
      select id, status, (
        select json_agg(json_build_object('line', line, 'quantity', quantity) order by line)
        from return_items where return_id = returns.id
      ) as items
      from returns where order_id = ${id} order by id`;
  }

  async #move(turn: OrderTurn): Promise<void> {
    if (turn.dice.chance(0.6)) {
      await moveOrder(turn);
      return;
    }
    const { name, deed } = await makeMove(turn);
    if (!deed.answer) turn.order.story.push(`   ${name} ${JSON.stringify(deed.asked ?? {})}`);
    assertOnlyRefused(deed);
  }

  async #letTimeGoBy({ story }: FuzzedOrder): Promise<void> {
    const { app } = this.#shop;
    if (this.#dice.chance(0.2)) {
      story.push("   the worker catches up");
      await letWorkerCatchUp(app);
      await doJobs(app.deps, "orders.process");
    }
    await this.#pass(SECOND_MS);
    if (this.#dice.chance(0.03)) {
      story.push("   orders expire");
      await this.#pass(ORDER_LIFE_MS);
      await expire(app);
    }
  }

  async #pass(ms: number): Promise<void> {
    const { app, clock, pass } = this.#shop;
    await pass(ms);
    const { id } = this.#admin;
    this.#admin.token = await app.deps.accessTokens.sign({ userId: id, role: "admin" }, clock.at);
  }

  /** From the row, either process's cache, the log and the list: to the last byte. */
  async #assertReadsTheSame({ id, number }: FuzzedOrder): Promise<void> {
    const { app, staff, clock } = this.#shop;
    const row = JSON.stringify(orderView((await findOrder(app.deps.sql, id))!));
    const get = async (path: string) => (await app.request("GET", path, { token: staff.token })).body;
    const readings = {
      "GET of the first process": (await read(app, staff, id)).body,
      "GET of the second process": (await read(this.#other, staff, id)).body,
      "GET with as_of=now": await get(`/v1/orders/${id}?as_of=${clock.at.toISOString()}`),
      "GET of the list": (await get(`/v1/orders?number=${number}`)).data[0],
    };
    for (const [where, order] of Object.entries(readings)) {
      assertEquals(order, JSON.parse(row), `${where} is not as the row`);
      assertEquals(JSON.stringify(order), row, `${where} is in another order than the row`);
    }
  }

  /** Each event of the order tells of a change, and of the version after the one before. */
  async #assertVersionsFollow({ id }: FuzzedOrder): Promise<void> {
    const events = (await eventsOf(this.#shop.app, "order", id))
      .filter(({ type }) => type !== orderProcessed.type);
    const versions = events.map(({ data }) => data.version);
    assertEquals(versions, events.map((_, index) => index + 1), "The versions of its events");
    for (const { data } of events.slice(1)) {
      assert(Object.keys(data.changes).length > 0, `The event of version ${data.version} tells of no change`);
    }
  }

  /** Whatever goes wrong with an order is told with all that was done to it. */
  async #telling(order: FuzzedOrder, work: () => Promise<void>): Promise<void> {
    await work().catch((error: Error) => {
      throw new AssertionError(`${error.message}\n${storyOf(order)}`, { cause: error });
    });
  }
}

function storyOf({ id, number, story }: FuzzedOrder): string {
  const title = `The story of order ${number}, ${id}; what has the same number was done at once:`;
  return [title, ...story].join("\n  ");
}

function assertOnlyRefused({ errors = [] }: Deed): void {
  for (const error of errors) if (!(error instanceof AppError)) throw error;
}

// A seed throws the same dice again, but what happens at once may come to lie otherwise.
for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
  testWithRedis(
    `Whatever is done to an order, by two processes at once, it reads the same everywhere, and its books agree (seed ${seed})`,
    async () => {
      await using shop = await startPaidShop();
      const { app, sku } = shop;
      await using other = await startAnother(app);
      const skus = [sku];
      for (const EUR of PRICES) skus.push((await addExport(app, { prices: { EUR }, stock: 10_000 })).sku);
      const coupons: string[] = [];
      for (const coupon of COUPONS) coupons.push((await addPromotion(app, coupon)).code);
      const life = new Life(shop, other, await app.user("admin"), { skus, coupons, seed });
      await life.play();
      await life.assertEndsWell();
    },
  );
}

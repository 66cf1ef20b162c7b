import { assert, assertEquals } from "@std/assert";
import { systemCtx } from "../../../src/deps.ts";
import { insertSeal } from "../../../src/events/seals/queries.ts";
import { importSchedule } from "../../../src/trade/mod.ts";
import { newId } from "../../../src/platform/id.ts";
import { lawOf } from "../../support/checkout.ts";
import { addProduct, place } from "../../support/orders.ts";
import {
  call,
  inWorld,
  leastToken,
  type Operation,
  operations,
  pathOf,
  resolve,
  type World,
} from "../../security/operations.ts";

// deno-lint-ignore no-explicit-any
type Json = any;
type Query = Record<string, string>;

const lists = operations.filter(({ parameters }) => parameters.some(({ name }) => name === "cursor"));

/** What a list cannot be asked without. */
const REQUIRED: Record<string, Query> = { listShippingOffers: { destination: "GB", weight_grams: "100" } };

/** Does another call, once more. */
const again = (id: string) => async (world: World) => {
  const operation = operations.find((each) => each.id === id)!;
  const { status, body } = await call(world, operation, leastToken(world, operation));
  assert(status < 300, `${id}: ${JSON.stringify(body)}`);
};

/** Writes a row once more, with another id. */
const copy = (table: string) => async ({ app: { deps: { sql } } }: World) => {
  await sql`
    insert into ${sql(table)} select (jsonb_populate_record(t, jsonb_build_object(
      'id', gen_random_uuid(), 'provider_reference', gen_random_uuid(), 'subject_id', gen_random_uuid()))).*
    from ${sql(table)} t limit 1`;
};

/** The same of an order that has payments and refunds. */
const copyOfPaid =
  (table: string) => async ({ app: { deps: { sql } }, books: { paid: { orderId } } }: World) => {
    await sql`
    insert into ${sql(table)} select (jsonb_populate_record(t, jsonb_build_object(
      'id', gen_random_uuid(), 'provider_reference', gen_random_uuid()))).*
    from ${sql(table)} t where order_id = ${orderId} limit 1`;
  };

/** How to add the nth entry to a list, by its operationId. */
const ADD: Record<string, (world: World, n: number) => Promise<unknown>> = {
  listUsers: ({ app }) => app.user(),
  listApiKeys: again("createApiKey"),
  listProducts: ({ app }) => addProduct(app),
  listCategories: async ({ app }) => {
    const { id } = await addProduct(app);
    await app.deps.sql`update products set category = ${`Category ${id}`} where id = ${id}`;
  },
  listStockLevels: ({ app }) => addProduct(app),
  listStockMovements: again("adjustStock"),
  listPromotions: again("createPromotion"),
  listPromotionRedemptions: ({ app: { deps: { sql } }, promotion, owner }) =>
    sql`
      insert into promotion_redemptions (promotion_id, user_id, quote_id, currency, amount, created_at)
      values (${promotion.id}, ${owner.id}, ${newId()}, 'EUR', 1, now())`,
  listCampaigns: again("createCampaign"),
  listCampaignOrders: async ({ app, campaign, owner, product }) => {
    const { id } = await place(app, owner, { [product.sku]: 1 }, { shipping_option: "standard" });
    await app.deps.sql`insert into order_points values (${id}, ${campaign.id}, 10, 10)`;
  },
  listRewards: again("createReward"),
  listRewardRedemptions: again("redeemReward"),
  listPointsMovements: again("adjustPoints"),
  listExchangeRateHistory: ({ app: { deps: { sql } } }, n) =>
    sql`
      insert into exchange_rates (currency, as_of, rate, source, actor, recorded_at)
      values ('USD', '2026-01-01'::date + ${n % 2}::int, 1 + ${n}::int, 'ECB', 'system:test', now())`,
  listTradeSchedules: ({ app }, n) =>
    importSchedule(systemCtx(app.deps, "test"), lawOf(["AT", "BE", "CH", "DK"][n]!)),
  listHsCodeOverrides: async ({ app, staff }) => {
    const { sku } = await addProduct(app);
    await app.request("PUT", `/v1/trade/hs-codes/GB/${sku}`, { ...staff, body: { hs_code: "6912002900" } });
  },
  listShippingOffers: ({ app: { deps: { sql } } }, n) =>
    sql`
      insert into shipping_options select (jsonb_populate_record(o, jsonb_build_object('code', ${`more-${n}`}::text))).*
      from shipping_options o where code = 'standard'`,
  listCarts: again("createCart"),
  listOrders: again("placeOrder"),
  listUserOrders: again("placeOrder"),
  listBookedTransactions: again("placeOrder"),
  getOrderTimeline: again("changeOrder"),
  listShipments: again("shipOrder"),
  listOrderShipments: again("shipOrder"),
  listPayments: copyOfPaid("payments"),
  listRefunds: copyOfPaid("refunds"),
  listAllPayments: copy("payments"),
  listAllRefunds: copy("refunds"),
  listDisputes: copy("disputes"),
  listReturns: again("requestReturn"),
  listOrderReturns: again("requestReturn"),
  listNotifications: copy("notifications"),
  listOutbox: ({ app: { deps: { sql } } }) =>
    sql`
      insert into outbox (position, shard, message_key, status, dead_at)
      select position, shard_of(aggregate_id), aggregate_id, 'dead', now() from events
      where position > (select max(position) from outbox) order by position limit 1`,
  listEventSeals: ({ app: { deps: { sql } } }) => insertSeal(sql, 1e9, { limit: 1, bytes: 1e9 }),
  listWebhookEndpoints: copy("webhook_endpoints"),
  listWebhookDeliveries: copy("webhook_deliveries"),
  listJobs: ({ app: { deps: { sql } } }) => sql`insert into pgboss.job (name) values ('orders.process')`,
};

function adding({ id }: Operation): (world: World, n: number) => Promise<unknown> {
  const add = ADD[id];
  if (!add) throw new Error(`Say in ADD of tests/http/contract/lists_test.ts how ${id} gets one more entry.`);
  return add;
}

/** All entries of a list, page by page. */
async function walk(
  world: World,
  operation: Operation,
  query: Query,
  limit: number,
  afterFirst: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Json[]> {
  const entries: Json[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const search = new URLSearchParams({
      ...REQUIRED[operation.id],
      ...query,
      limit: String(limit),
      ...cursor !== "" && { cursor },
    });
    const token = world.admin.token;
    const { status, body } = await world.app.request("GET", `${pathOf(world, operation)}?${search}`, {
      token,
    });
    const what = `${operation.name}?${search}`;
    assertEquals(status, 200, `${what}: ${JSON.stringify(body)}`);
    assert(body.next_cursor === null ? body.data.length <= limit : body.data.length === limit, what);
    entries.push(...body.data);
    if (cursor === "") await afterFirst();
    cursor = body.next_cursor;
  }
  return entries;
}

const texts = (entries: Json[]) => entries.map((entry) => JSON.stringify(entry));

Deno.test("Every list gives each entry once, in one order, however long its pages are and what is added meanwhile", async () => {
  await inWorld(async (world) => {
    for (const operation of lists) {
      const add = adding(operation);
      for (let n = 0; n < 3; n++) await add(world, n);
      const all = texts(await walk(world, operation, {}, 100));
      assert(all.length >= 3 && new Set(all).size === all.length, `${operation.name}: ${all}`);
      assertEquals(texts(await walk(world, operation, {}, 2)), all, operation.name);
      const met = texts(await walk(world, operation, {}, 1, () => add(world, 3)));
      assertEquals(met.filter((entry) => all.includes(entry)), all, operation.name);
    }
  });
});

const cursorOf = (position: unknown) =>
  new TextEncoder().encode(JSON.stringify(position)).toBase64({ alphabet: "base64url", omitPadding: true });
const positionOf = (cursor: string): unknown[] =>
  JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(cursor, { alphabet: "base64url" })));

Deno.test("A forged cursor is refused by its name, or is as good as ours: the database has nothing to say of it", async () => {
  const forged = [
    ...["", "\0", "0000-01-01T00:00:00Z", `2026-01-01T00:00:00.${"1".repeat(300)}Z`, "9999-12-31T23:59:59Z"],
    ...[0.5, -1, 2 ** 31, 2 ** 53, 1e300, null, [], newId().toUpperCase()],
  ];
  await inWorld(async (world) => {
    for (const operation of lists) {
      for (let n = 0; n < 2; n++) await adding(operation)(world, n);
      const { schema } = operation.parameters.find(({ name }) => name === "sort") ?? {};
      for (const sort of resolve(schema)?.enum ?? [undefined]) {
        const query = {
          ...REQUIRED[operation.id],
          ...sort && { sort },
          ...sort?.endsWith("price") && { currency: "EUR" },
        };
        const page = (more: Query) =>
          world.app.request(
            "GET",
            `${pathOf(world, operation)}?${new URLSearchParams({ ...query, ...more })}`,
            {
              token: world.admin.token,
            },
          );
        const position = positionOf((await page({ limit: "1" })).body.next_cursor);
        for (const index of position.keys()) {
          for (const value of forged) {
            const cursor = cursorOf(position.with(index, value));
            const { status, body } = await page({ cursor });
            const what = `${operation.name} ${sort} ${JSON.stringify(value)} at ${index}: ${body.detail}`;
            if (status !== 200) assertEquals([status, body.errors?.[0].pointer], [422, "query/cursor"], what);
          }
        }
      }
    }
  });
});

/** What to ask a list for: any two fields of an entry together, and what there may be no entry of. */
function* queriesOf(filters: Operation["parameters"], entries: Json[]): Generator<Query> {
  const names = filters.map(({ name }) => name);
  for (const entry of entries) {
    for (const one of names) {
      for (const other of names) yield { [one]: entry[one], [other]: entry[other] };
    }
  }
  for (const { name, schema } of filters) {
    const { enum: all, format } = resolve(schema);
    for (const value of all ?? (format === "uuid" ? [newId()] : [])) yield { [name]: value };
  }
}

const isWhole = (query: Query) =>
  Object.values(query).every((value) => value !== null && value !== undefined && value !== "any");

Deno.test("Every filter by a field gives the entries that have it, alone and with any other", async () => {
  await inWorld(async (world) => {
    for (const operation of lists) {
      await adding(operation)(world, 0);
      const parameters = operation.parameters.filter((each) =>
        each.in === "query" && !["limit", "cursor", "sort"].includes(each.name)
      );
      // What is not given unless it is asked for is in the list as well.
      const chosen = parameters.find(({ schema }) => resolve(schema).enum && resolve(schema).default);
      const unasked: Query = chosen ? { [chosen.name]: resolve(chosen.schema).default } : {};
      const found = new Map<string, Json>();
      for (const value of chosen ? resolve(chosen.schema).enum : [""]) {
        const entries = await walk(world, operation, chosen ? { [chosen.name]: value } : {}, 100);
        for (const entry of entries) found.set(JSON.stringify(entry), entry);
      }
      const whole = [...found.values()];
      const filters = parameters.filter(({ name }) => whole.some((entry) => name in entry));
      const queries = [...queriesOf(filters, whole)].map((query) => ({ ...unasked, ...query })).filter(
        isWhole,
      );
      for (const text of new Set(queries.map((query) => JSON.stringify(query)))) {
        const query: Query = JSON.parse(text);
        const expected = whole.filter((entry) =>
          Object.entries(query).every(([name, value]) => String(entry[name]) === String(value))
        );
        const given = await walk(world, operation, query, 100);
        assertEquals(texts(given).sort(), texts(expected).sort(), `${operation.name} ${text}`);
      }
    }
  });
});

import specs from "@asyncapi/specs";
import { assert, assertEquals } from "@std/assert";
import { Ajv } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { systemCtx } from "../../../src/deps.ts";
import { openApiDocument } from "../../../src/app.ts";
import { asyncApiDocument } from "../../../src/events/asyncapi.ts";
import { expireDueOrders, processOrders } from "../../../src/orders/mod.ts";
import { transaction } from "../../../src/platform/db.ts";
import { readEvents } from "../../../src/platform/event_log.ts";
import { messageOf } from "../../../src/platform/kafka.ts";
import { loadConfig } from "../../../src/config.ts";
import { eventView } from "../../../src/events/mod.ts";
import { eventPayload } from "../../../src/webhooks/message.ts";
import { startTestApp, type TestApp } from "../../support/app.ts";
import { assertEventsValid } from "../../support/events.ts";
import { orderBody, SHIP_TO } from "../../support/orders.ts";

// deno-lint-ignore no-explicit-any
type Json = any;

const kafka = (env: Record<string, string> = {}) =>
  loadConfig({
    APP_ENV: "local",
    DATABASE_URL: "postgres://localhost/x",
    KAFKA_BOOTSTRAP_SERVERS: "x:9092",
    ...env,
  }).kafka;

/** Does everything once that makes an event. */
async function journey(app: TestApp, tick: (ms: number) => void): Promise<void> {
  const [staff, admin] = [await app.user("staff"), await app.user("admin")];
  const call = async (
    method: string,
    path: string,
    token: string | undefined,
    body?: unknown,
  ): Promise<Json> => {
    const answer = await app.request(method, path, { token, body });
    assert(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const account = { email: "ada@example.com", password: "first-order-47-lanterns", name: "Ada" };
  const user = await call("POST", "/v1/register", undefined, account);
  const token = await app.deps.accessTokens.sign({ userId: user.id, role: "customer" }, app.deps.clock.now());
  await call("PATCH", `/v1/users/${user.id}`, admin.token, { role: "staff" });
  await call("PATCH", `/v1/users/${user.id}`, admin.token, { role: "customer" });

  const sku = "MUG/blue-1";
  const product = {
    sku,
    name: "Blue mug",
    prices: [{ currency: "EUR", amount: 1499 }, { currency: "JPY", amount: 1 }],
  };
  const { id: productId } = await call("POST", "/v1/products", staff.token, product);
  await call("PATCH", `/v1/products/${productId}`, staff.token, {
    name: "Bluer mug",
    attributes: { colour: "blue" },
  });
  const stock = `/v1/inventory/${encodeURIComponent(sku)}`;
  await call("POST", `${stock}/adjustments`, staff.token, {
    delta: 30,
    kind: "receipt",
    reason: "Goods receipt",
  });
  await call("POST", `${stock}/adjustments`, staff.token, {
    on_hand: 29,
    expected_on_hand: 30,
    reason: "Count",
  });
  await call("PATCH", stock, staff.token, { low_stock_threshold: 5 });

  const place = (more: object = {}, who = token) =>
    call("POST", "/v1/orders", who, orderBody({ [sku]: 1 }, more as Record<string, unknown>));
  const shipped = await place({ note: "Ring twice", metadata: { channel: "web" } });
  const cancelled = await place();
  await place({ ship_to: { ...SHIP_TO, region: "BE", phone: "+49 30 1" } });
  await place(
    { user_id: user.id, external_reference: "INV-1", placed_at: "2020-01-01T00:00:00+01:00" },
    staff.token,
  );
  const system = systemCtx(app.deps, "test");
  await transaction(app.deps.sql, (tx) => processOrders(tx, system, [shipped.id, cancelled.id]));
  await call("PATCH", `/v1/orders/${shipped.id}`, token, { note: null, metadata: { channel: null, b: "2" } });
  for (const status of ["PAID", "PROCESSING", "SHIPPED", "DELIVERED", "REFUNDED"]) {
    await call("PATCH", `/v1/orders/${shipped.id}`, staff.token, { status });
  }
  await call("POST", `/v1/orders/${cancelled.id}/cancellation`, token, { reason: "Ordered twice" });
  tick(6 * 60_000);
  assertEquals((await expireDueOrders(system)).expired, 1);
}

function newAjv(): Ajv {
  const ajv = new Ajv({ strict: false, allErrors: true });
  (addFormats as unknown as (ajv: Ajv) => void)(ajv);
  return ajv;
}

/** Every `$ref` in it, and where it leads. */
function references(document: Json, part: Json = document): [ref: string, target: unknown][] {
  if (typeof part !== "object" || part === null) return [];
  const inside = Object.values(part).flatMap((each) => references(document, each));
  if (typeof part.$ref !== "string") return inside;
  const target = part.$ref.slice(2).split("/").reduce((at: Json, key: string) => at?.[key], document);
  return [[part.$ref, target], ...inside];
}

Deno.test("The document is valid AsyncAPI 3.0 by its official schema, in both layouts of topics", () => {
  const ajv = newAjv();
  const isAsyncApi = ajv.compile(specs.schemasWithoutId["3.0.0"] as object);
  for (const layout of ["aggregate", "type"]) {
    const document: Json = asyncApiDocument(kafka({ KAFKA_TOPIC_LAYOUT: layout }));
    assert(isAsyncApi(document), ajv.errorsText(isAsyncApi.errors));
    const found = references(document);
    assert(found.length >= 20);
    for (const [ref, target] of found) assert(target !== undefined, `${ref} leads nowhere`);
    document.channels["order.created"] = { adress: "x" };
    assert(!isAsyncApi(document), "the schema finds faults");
  }
});

Deno.test("Everybody may read it, with the topics that this installation publishes to", async () => {
  await using app = await startTestApp();
  const { status, headers, body } = await app.request("GET", "/asyncapi.json");
  assertEquals([status, headers.get("Content-Type")], [200, "application/json"]);
  const channels: Json = body.channels;
  assertEquals(Object.keys(channels).sort(), [
    "api_key-events",
    "campaign-events",
    "cart-events",
    "consignee-events",
    "dispute-events",
    "exchange_rates-events",
    "hs_code-events",
    "order-events",
    "payment-events",
    "points-events",
    "product-events",
    "promotion-events",
    "quote-events",
    "refund-events",
    "return-events",
    "reward-events",
    "reward_redemption-events",
    "shipment-events",
    "shipping_option-events",
    "stock-events",
    "trade_schedule-events",
    "user-events",
  ]);
  assertEquals(
    body,
    JSON.parse(JSON.stringify(asyncApiDocument(kafka()))),
    "the defaults are those of the config",
  );
  assertEquals(Object.keys(channels["order-events"].messages).sort(), [
    "order.cancelled.v1",
    "order.created.v1",
    "order.expired.v1",
    "order.processed.v1",
    "order.updated.v1",
  ]);
  const named = asyncApiDocument(kafka({ KAFKA_ORDERS_TOPIC: "shop.orders" })).channels;
  assertEquals([named["shop.orders"]?.address, named["order-events"]], ["shop.orders", undefined]);
});

Deno.test("Every event of a whole journey, and the messages that are made of it, are as the documents say", async () => {
  let now = Date.parse("2026-03-01T08:00:00.000Z");
  await using app = await startTestApp({ ORDER_EXPIRATION_MINUTES: "5" }, {
    clock: { now: () => new Date(now) },
  });
  await journey(app, (ms) => now += ms);
  const counts = await assertEventsValid(app.deps.sql);
  const system = systemCtx(app.deps, "test");
  const document: Json = asyncApiDocument();
  const told = Object.keys(counts).map((type) => `${type}.v1`).toSorted();
  const OURS = /^(order|product|inventory|user)\./;
  assertEquals(
    told.filter((name) => OURS.test(name)),
    Object.keys(document.components.messages).filter((name) => OURS.test(name)).toSorted(),
    "the journey makes every type of event of these",
  );

  const contract: Json = openApiDocument();
  const webhooks = new Ajv2020({ strict: false, allErrors: true });
  (addFormats as unknown as (ajv: Ajv2020) => void)(webhooks);
  const ajv = newAjv();
  const { events } = await readEvents(app.deps.sql, { after: 0, upTo: Number.MAX_SAFE_INTEGER, limit: 1000 });
  for (const event of events) {
    const name = `${event.type}.v${event.version}`;
    const { headers, payload } = document.components.messages[name];
    assertEquals(payload, { $ref: `#/components/schemas/${name}` });
    assert(ajv.validate(document.components.schemas[name], event.data), `${name}: ${ajv.errorsText()}`);
    const message = messageOf({ ...event, data: JSON.stringify(event.data) });
    assert(ajv.validate(headers, message.headers), `${name}: ${ajv.errorsText()}`);
    for (const header of Object.keys(message.headers!)) assert(header in headers.properties, header);

    const { schema } = contract.webhooks[event.type].post.requestBody.content["application/json"];
    const sent = JSON.parse(eventPayload(eventView(system.actor, event)).body);
    const isDeclared = webhooks.validate({ ...schema, components: contract.components }, sent);
    assert(isDeclared, `${event.type}: ${webhooks.errorsText()} in ${JSON.stringify(sent)}`);
  }
});

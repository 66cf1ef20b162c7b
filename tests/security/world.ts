import { assert } from "@std/assert";
import { newId } from "../../src/platform/id.ts";
import { startTestApp, type TestApp, type TestUser } from "../support/app.ts";
import { addExport, checkedOut, fillCart, openBorders, quoted } from "../support/checkout.ts";
import { place } from "../support/orders.ts";

/** Where nothing is sent to in these tests: an address, so that nothing is looked up either. */
export const PUBLIC_URL = "https://1.1.1.1/webhooks";

const CONSIGNEE = { name: "Ada Lovelace", id_type: "EORI", id_number: "GB123456789000" };

/** The whole API with one of each kind of caller, and one of each kind of thing, the customer's where customers have it. */
export interface World {
  app: TestApp;
  owner: TestUser;
  stranger: TestUser;
  /** Who has no login. */
  guest: { token: string };
  staff: TestUser;
  admin: TestUser;
  product: { id: string; sku: string };
  promotion: { id: string };
  campaign: { id: string };
  reward: { id: string };
  /** The staff's. */
  apiKey: { id: string };
  redemption: { id: string };
  /** Nothing was paid for it yet. */
  order: { id: string; number: string };
  webhook: { endpointId: string; deliveryId: string };
  /** An event that was given up. */
  outboxPosition: number;
  notification: { id: string };
  job: { id: string };
  carts: Carts;
  trade: { scheduleId: string };
  books: Books;
}

/** One cart for each use that ends it or needs it as it is. */
interface Carts {
  open: string;
  toGiveUp: string;
  toQuote: string;
  guests: { id: string; token: string };
  quote: { id: string; cart_id: string };
}

/** Orders of many units, so that each call that takes a few away can be made again. */
interface Books {
  /** Waits for payments of small parts of it. */
  unpaid: string;
  paid: { orderId: string; paymentId: string; reference: string };
  /** A payment that is authorised, and one that waits for its customer. */
  reserved: string;
  toVoid: string;
  shipmentId: string;
  /** Nothing of it came back, nor is to. */
  shipmentToCancel: string;
  refundId: string;
  disputed: { id: string; charge: string };
  returns: { requested: string; approved: string; received: string };
}

async function makeWorld(app: TestApp): Promise<World> {
  const [owner, stranger, staff, admin] = await Promise.all([
    app.user(),
    app.user(),
    app.user("staff"),
    app.user("admin"),
  ]);
  const { body: { access_token } } = await app.request("POST", "/v1/guests", {
    body: { email: "guest@example.com" },
  });
  await openBorders(app);
  const product = await addExport(app, { stock: 100_000 });
  const promotion = await made(app, staff, "/v1/promotions", {
    code: "OURS",
    name: "Ours",
    percent_off: "10",
  });
  const campaign = await made(app, staff, "/v1/campaigns", {
    name: "Ours",
    points: 1,
    per_amount: [{ currency: "EUR", amount: 100 }],
  });
  const reward = await made(app, staff, "/v1/rewards", { name: "Ours", points: 1, percent_off: "10" });
  for (const { id } of [owner, stranger]) {
    await made(app, staff, `/v1/users/${id}/points/adjustments`, { points: 100, reason: "Ours" });
  }
  const redemption = await made(app, owner, `/v1/rewards/${reward.id}/redemptions`, {});
  const order = await place(app, owner, { [product.sku]: 1 }, { shipping_option: "standard" });
  const { id: endpointId } = await made(app, staff, "/v1/webhook-endpoints", {
    url: PUBLIC_URL,
    event_types: ["*"],
  });
  const webhook = { endpointId, deliveryId: newId() };
  await app.deps.sql`
    insert into webhook_deliveries (id, endpoint_id, event_type, status, created_at, finished_at)
    values (${webhook.deliveryId}, ${webhook.endpointId}, 'webhook.ping', 'failed', now(), now())`;
  const [dead] = await app.deps.sql`
    insert into outbox (position, shard, message_key, status, dead_at)
    select position, shard_of(aggregate_id), aggregate_id, 'dead', now() from events order by position limit 1
    returning position`;
  const outboxPosition: number = dead!.position;
  const notification = { id: newId() };
  await app.deps.sql`
    insert into notifications (id, user_id, order_id, template, recipient, subject, body, status, created_at)
    values (${notification.id}, ${owner.id}, ${order.id}, 'order_confirmed', ${owner.email}, 'A', 'B', 'kept', now())`;
  const [job] = await app.deps.sql<{ id: string }[]>`
    insert into pgboss.job (name, data) values ('orders.process', ${
    app.deps.sql.json({ order_id: order.id })
  }) returning id`;
  return {
    app,
    owner,
    stranger,
    guest: { token: access_token },
    staff,
    admin,
    product,
    promotion,
    campaign,
    reward,
    redemption,
    apiKey: await made(app, staff, "/v1/api-keys", { name: "Ours" }),
    order,
    webhook,
    outboxPosition,
    notification,
    job: job!,
    carts: await fillCarts(app, owner, product.sku),
    trade: await openTrade(app, staff, product.sku),
    books: await makeBooks(app, owner, staff, product.sku),
  };
}

/** Runs a test in a world of its own. */
export async function inWorld(work: (world: World) => Promise<void>) {
  await using app = await startTestApp({ SELLER_NAME: "Nordhafen", SELLER_ADDRESS: "Hamburg" });
  await work(await makeWorld(app));
}

/** What a call has made. */
async function made(app: TestApp, { token }: TestUser, path: string, body: unknown, method = "POST") {
  const headers: Record<string, string> = path.endsWith("/refunds") ? { "Idempotency-Key": newId() } : {};
  const answer = await app.request(method, path, { token, body, headers });
  assert(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function fillCarts(app: TestApp, owner: TestUser, sku: string): Promise<Carts> {
  const { quote } = await quoted(app, owner, { [sku]: 1 });
  const { body: guests } = await app.request("POST", "/v1/carts", { body: { currency: "EUR" } });
  return {
    open: (await fillCart(app, owner, { [sku]: 1 })).id,
    toGiveUp: (await fillCart(app, owner, { [sku]: 1 })).id,
    toQuote: (await fillCart(app, owner, { [sku]: 1 })).id,
    guests,
    quote,
  };
}

async function openTrade(app: TestApp, staff: TestUser, sku: string): Promise<World["trade"]> {
  await made(app, staff, `/v1/trade/hs-codes/GB/${sku}`, { hs_code: "6912002900" }, "PUT");
  await made(app, staff, "/v1/shipping-options/spare", {
    name: "Spare",
    countries: ["AT"],
    currency: "EUR",
    bands: [{ up_to_grams: 1000, price: 590 }],
  }, "PUT");
  const [schedule] = await app.deps.sql<{ id: string }[]>`
    select id from trade_schedules where destination = 'GB'`;
  return { scheduleId: schedule!.id };
}

async function makeBooks(app: TestApp, owner: TestUser, staff: TestUser, sku: string): Promise<Books> {
  const buy = (quantity: number, token?: string, more?: Record<string, unknown>) =>
    checkedOut(app, owner, { [sku]: quantity }, token, more);
  const [unpaid, { order, payment }, reserved, toVoid, sent, toDispute] = [
    await buy(10),
    await buy(50, "tok_success"),
    await buy(10, "tok_success", { capture_method: "manual" }),
    await buy(1, "tok_3ds"),
    await buy(1, "tok_success"),
    await buy(1, "tok_success"),
  ];
  await made(app, owner, `/v1/orders/${unpaid.order.id}/consignee`, CONSIGNEE, "PUT");
  const ship = ({ id }: { id: string }, quantity: number) =>
    made(app, staff, `/v1/orders/${id}/shipments`, { items: [{ line: 1, quantity }] });
  const [shipment, shipmentToCancel] = [await ship(order, 25), await ship(sent.order, 1)];
  const refund = await made(app, staff, `/v1/orders/${order.id}/refunds`, { amount: 1, reason: "Late" });
  const charge = toDispute.payment.provider_reference;
  await made(app, staff, `/v1/sandbox/charges/${charge}/dispute`, { status: "inquiry" });
  await made(app, owner, `/v1/payments/${toDispute.payment.id}/refresh`, undefined);
  const [dispute] = await app.deps.sql<{ id: string }[]>`select id from disputes`;
  const ask = () =>
    made(app, owner, `/v1/orders/${order.id}/returns`, {
      items: [{ line: 1, quantity: 1 }],
      reason: "Too small",
    });
  const [requested, approved, received] = [await ask(), await ask(), await ask()];
  for (const { id } of [approved, received]) {
    await made(app, staff, `/v1/returns/${id}`, { status: "approved" }, "PATCH");
  }
  await made(app, staff, `/v1/returns/${received.id}/receipt`, { items: [{ line: 1, restocked: 1 }] });
  return {
    unpaid: unpaid.order.id,
    paid: { orderId: order.id, paymentId: payment.id, reference: payment.provider_reference },
    reserved: reserved.payment.id,
    toVoid: toVoid.payment.id,
    shipmentId: shipment.id,
    shipmentToCancel: shipmentToCancel.id,
    refundId: refund.id,
    disputed: { id: dispute!.id, charge },
    returns: { requested: requested.id, approved: approved.id, received: received.id },
  };
}

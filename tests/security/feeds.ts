import { newId } from "../../src/platform/id.ts";
import type { World } from "./world.ts";

export interface Feed {
  existing: (world: World) => string;
  missing: () => string;
  /** Whether what it names belongs to a user, so that other customers may not even know of it. */
  owned: boolean;
}

const owned = (existing: Feed["existing"]): Feed => ({ existing, missing: newId, owned: true });
const open = (existing: Feed["existing"], missing: Feed["missing"] = newId): Feed => ({
  existing,
  missing,
  owned: false,
});

/** What to put into a path's parameters, by the path up to that parameter. */
const FEEDS: Record<string, Feed> = {
  "/v1/users/{id}": owned(({ owner }) => owner.id),
  "/v1/products/{id_or_sku}": open(({ product }) => product.id),
  "/v1/inventory/{sku}": open(({ product }) => product.sku, () => "NO-SUCH"),
  "/v1/promotions/{id}": open(({ promotion }) => promotion.id),
  "/v1/campaigns/{id}": open(({ campaign }) => campaign.id),
  "/v1/api-keys/{id}": open(({ apiKey }) => apiKey.id),
  "/v1/rewards/{id}": open(({ reward }) => reward.id),
  "/v1/reward-redemptions/{id}": owned(({ redemption }) => redemption.id),
  "/v1/trade/exchange-rates/{currency}": open(() => "USD", () => "KWD"),
  "/v1/trade/schedules/{id}": open(({ trade }) => trade.scheduleId),
  "/v1/trade/hs-codes/{destination}": open(() => "GB", () => "FR"),
  "/v1/trade/hs-codes/{destination}/{sku}": open(({ product }) => product.sku, () => "NO-SUCH"),
  "/v1/shipping-options/{code}": open(() => "spare", () => "none"),
  "/v1/carts/{id}": owned(({ carts }) => carts.open),
  "/v1/carts/{id}/items/{sku}": open(({ product }) => product.sku, () => "NO-SUCH"),
  "/v1/quotes/{id}": owned(({ carts }) => carts.quote.id),
  "/v1/orders/{id}": owned(({ order }) => order.id),
  "/v1/orders/user/{user_id}": owned(({ owner }) => owner.id),
  "/v1/shipments/{id}": owned(({ books }) => books.shipmentId),
  "/v1/payments/{id}": owned(({ books }) => books.paid.paymentId),
  "/v1/refunds/{id}": owned(({ books }) => books.refundId),
  "/v1/disputes/{id}": open(({ books }) => books.disputed.id),
  "/v1/payment-webhooks/{provider}": open(() => "sandbox", () => "nobody"),
  "/v1/sandbox/charges/{reference}": open(({ books }) => books.paid.reference, () => "sandbox_none"),
  "/v1/returns/{id}": owned(({ books }) => books.returns.requested),
  "/v1/notifications/{id}": owned(({ notification }) => notification.id),
  "/v1/admin/jobs/{id}": open(({ job }) => job.id),
  "/v1/admin/outbox/{position}": open(({ outboxPosition }) => String(outboxPosition), () => "999999999"),
  "/v1/webhook-endpoints/{id}": open(({ webhook }) => webhook.endpointId),
  "/v1/webhook-deliveries/{id}": open(({ webhook }) => webhook.deliveryId),
};

/** Calls that need something else there than the others of their path, by operationId. */
const OF_OPERATION: Record<string, Feed["existing"]> = {
  giveUpCart: ({ carts }) => carts.toGiveUp,
  quoteCart: ({ carts }) => carts.toQuote,
  estimateCart: ({ carts }) => carts.toQuote,
  checkOut: ({ carts }) => carts.quote.cart_id,
  recordConsignee: ({ books }) => books.unpaid,
  getConsignee: ({ books }) => books.unpaid,
  getCommercialInvoice: ({ books }) => books.unpaid,
  createPayment: ({ books }) => books.unpaid,
  recordManualPayment: ({ books }) => books.unpaid,
  capturePayment: ({ books }) => books.reserved,
  voidPayment: ({ books }) => books.toVoid,
  cancelShipment: ({ books }) => books.shipmentToCancel,
  shipOrder: ({ books }) => books.paid.orderId,
  listOrderShipments: ({ books }) => books.paid.orderId,
  listPayments: ({ books }) => books.paid.orderId,
  refundOrder: ({ books }) => books.paid.orderId,
  listRefunds: ({ books }) => books.paid.orderId,
  requestReturn: ({ books }) => books.paid.orderId,
  listOrderReturns: ({ books }) => books.paid.orderId,
  receiveReturn: ({ books }) => books.returns.approved,
  disputeSandboxCharge: ({ books }) => books.disputed.charge,
  refundReturn: ({ books }) => books.returns.received,
};

/** The feed of each parameter in a call's path. @throws for one that this file knows nothing of */
export function feedsOf(
  { id, template }: { id: string; template: string },
): [parameter: string, feed: Feed][] {
  return [...template.matchAll(/\{[^}]+\}/g)].map((match, index) => {
    const prefix = template.slice(0, match.index + match[0].length);
    const feed = FEEDS[prefix];
    if (!feed) {
      throw new Error(`${template}: say in FEEDS of tests/security/feeds.ts what ${prefix} can hold`);
    }
    const existing = index === 0 ? OF_OPERATION[id] ?? feed.existing : feed.existing;
    return [match[0], { ...feed, existing }];
  });
}

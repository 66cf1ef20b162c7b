/**
 * One order across a border, told from the shop window to the books, through the SDK and over a real socket. Amounts are
 * in pence, worked out by hand: the law is that of tools/example_trade, the rates are the ECB's of 2 January 2024, and
 * docs/landed-cost.md says how each amount comes to be.
 */
import { assert, assertEquals } from "@std/assert";
import { createWaybill, type ImportTradeSchedule, type Quote, type Waybill } from "../../sdk/mod.ts";
import { systemCtx } from "../../src/deps.ts";
import { loadDemoCatalogue } from "../../tools/demo_catalogue.ts";
import { loadExampleTrade } from "../../tools/demo_trade.ts";
import { assertBooksBalance } from "../support/orders.ts";
import { assertBankAgrees, bankMessage, letWorkerCatchUp } from "../support/payments.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { doJobs, readLog } from "../support/worker.ts";

const ACCOUNT = { email: "ada@example.com", password: "nine-lanterns-over-lisbon" };
const LEEDS = {
  name: "Ada Lovelace",
  lines: ["1 High St"],
  city: "Leeds",
  postal_code: "LS1 1UR",
  country: "GB",
};
const SELLER = {
  SELLER_NAME: "Nordhafen Keramik GmbH",
  SELLER_ADDRESS: "Speicherstraße 14 | 20457 Hamburg | Germany",
  SELLER_TAX_ID: "DE123456789",
};

/** A law of Singapore that the example has not: no T-shirts. */
const NO_TEES_IN_SINGAPORE: ImportTradeSchedule = {
  destination: "SG",
  effective_from: "2026-06-01",
  source: "A law that this test made up",
  currency: "SGD",
  customs_territory: "SG",
  duty: { valuation: "cif", de_minimis: null },
  tax: {
    name: "GST",
    rates: [{ rate: "0.09" }],
    base: ["goods", "shipping", "duty"],
    de_minimis: null,
    collected_by_seller_up_to: null,
    scheme: null,
  },
  restrictions: [{ hs_prefix: "6109", verdict: "forbidden", reason: "T-shirts must not be imported" }],
  consignee_id: null,
  duty_rates: [{ hs_prefix: "", ad_valorem: "0" }],
};

Deno.test("A parcel's way abroad through the SDK: cart, three quotes, checkout, 3-D Secure, shipment, return, refund, books", async () => {
  await using server = await startTestServer(SELLER, {
    clock: { now: () => new Date("2026-11-20T12:00:00Z") },
  });
  const setUp = systemCtx(server.app.deps, "test");
  await loadDemoCatalogue(setUp);
  await loadExampleTrade(setUp);
  const staff = createWaybill({ baseUrl: server.url, token: (await server.app.user("staff")).token });
  await staff.importTradeSchedule({ body: NO_TEES_IN_SINGAPORE, throwOnError: true });

  const cart = await browse(server);
  const ada = await register(server, cart);
  const quote = await askThreeQuotes(ada, cart.id);
  const { order, payment } = await checkOut(ada, quote);
  await passTheBanksCheck(server, ada, payment!);
  await assertPaid(ada, order.id);
  await downloadInvoice(staff, order.id);
  await shipAndDeliver(ada, staff, order.id);
  await sendTwoMugsBack(ada, staff, order.id);
  await assertBooksAreClosed(server, ada, staff, order.id);
});

/** A visitor looks at what there is, and puts 6 mugs at 12.99 = 77.94 and 3 T-shirts at 25.00 = 75.00 into a cart. */
async function browse({ url: baseUrl }: TestServer): Promise<{ id: string; token: string }> {
  const visitor = createWaybill({ baseUrl });
  const { data: kitchen } = await visitor.listProducts({
    query: { category: "kitchen" },
    throwOnError: true,
  });
  assertEquals(kitchen.data.map(({ sku }) => sku).toSorted(), ["KNIFE-SANTOKU", "MUG-BLUE"]);
  const { data: { id, token } } = await visitor.createCart({
    body: { currency: "GBP", destination: "GB", items: [{ sku: "MUG-BLUE", quantity: 6 }] },
    throwOnError: true,
  });
  const { data: cart } = await visitor.addCartItem({
    path: { id },
    headers: { "Cart-Token": token! },
    body: { sku: "TSHIRT-M", quantity: 3 },
    throwOnError: true,
  });
  assertEquals([cart.subtotal, cart.problems], [15294, []]);
  return { id, token: token! };
}

/** The visitor becomes Ada, and the cart hers. */
async function register({ url: baseUrl }: TestServer, cart: { id: string; token: string }): Promise<Waybill> {
  const visitor = createWaybill({ baseUrl });
  const { data: user } = await visitor.register({ body: ACCOUNT, throwOnError: true });
  const { data: tokens } = await visitor.createToken({
    body: { grant_type: "password", username: ACCOUNT.email, password: ACCOUNT.password },
    throwOnError: true,
  });
  const ada = createWaybill({ baseUrl, token: tokens.access_token });
  const { data: hers } = await ada.mergeCart({
    path: { id: cart.id },
    headers: { "Cart-Token": cart.token },
    throwOnError: true,
  });
  assertEquals([hers.id, hers.user_id, hers.subtotal], [cart.id, user.id, 15294]);
  return ada;
}

/**
 * To Singapore it may not go; to Australia it goes free of duty; to Great Britain with duty and VAT. The parcel weighs
 * 6 × 420 + 3 × 190 = 3090 g, so it costs 35.00 EUR × 0.86645 = 30.32575 → 30.33 everywhere. By value, 7794 : 7500, that
 * is 15.4565 and 14.8734: rounded down they leave one penny, which goes to the larger remainder: 15.46 and 14.87.
 */
async function askThreeQuotes(ada: Waybill, id: string): Promise<Quote> {
  const ask = (destination: string) =>
    ada.quoteCart({
      path: { id },
      body: { destination, incoterm: "DDP", shipping_option: "parcel-world" },
    });

  const { error: refusal } = await ask("SG");
  assertEquals(refusal?.code, "quote_refused");
  assertEquals(refusal?.errors?.map(({ code, reason }) => [code, reason]), [
    ["restricted", "T-shirts must not be imported"],
  ]);

  // 152.94 GBP × 1.6147 / 0.86645 = 285.02 AUD, under 1 000 AUD: no duty. GST 10 % of 93.40 → 9.34, of 89.87 → 8.99.
  const { data: toAustralia } = await ask("AU");
  assertEquals(totalsOf(toAustralia!), [15294, 3033, 0, 1833, 20160]);

  // 152.94 GBP is over 135 GBP: duty 8 % of 93.40 = 7.472 → 7.47 and 12 % of 89.87 = 10.7844 → 10.78;
  // VAT 20 % of 93.40 + 7.47 = 20.174 → 20.17 and of 89.87 + 10.78 = 20.13.
  const { data: toBritain } = await ask("GB");
  const quote = toBritain!;
  assertEquals(totalsOf(quote), [15294, 3033, 1825, 4030, 24182]);
  assertEquals(
    quote.lines.map((line) => [line.line_total, line.shipping_amount, line.duty_amount, line.tax_amount]),
    [[7794, 1546, 747, 2017], [7500, 1487, 1078, 2013]],
  );
  assertExplained(quote);
  assertEquals((await readQuote(ada, toAustralia!.id)).status, "superseded");
  return quote;
}

function totalsOf({ subtotal, shipping_total, duty_total, tax_total, total_price }: Quote) {
  return [subtotal, shipping_total, duty_total, tax_total, total_price];
}

/** The working says where every penny comes from: of each line, of each kind, and of the total. */
function assertExplained({ lines, explanation, total_price }: Quote): void {
  const amountOf = (line: number, kind: string) =>
    explanation.filter((entry) => entry.line === line && entry.kind === kind && entry.collected)
      .reduce((sum, entry) => sum + entry.amount, 0);
  for (const each of lines) {
    assertEquals(
      ["goods", "shipping", "duty", "tax"].map((kind) => amountOf(each.line, kind)),
      [each.line_total, each.shipping_amount, each.duty_amount, each.tax_amount],
    );
  }
  assertEquals(
    explanation.reduce((sum, { amount, collected }) => sum + (collected ? amount : 0), 0),
    total_price,
  );
  assertEquals(
    explanation.filter(({ kind }) => kind === "duty").map(({ rate, basis }) => [Number(rate), basis]),
    [[0.08, 9340], [0.12, 8987]],
  );
}

async function readQuote(ada: Waybill, id: string): Promise<Quote> {
  return (await ada.getQuote({ path: { id }, throwOnError: true })).data;
}

/** The order says, to the penny, what the quote said; its card wants a 3-D Secure check first. */
async function checkOut(ada: Waybill, quote: Quote) {
  const { data } = await ada.checkOut({
    path: { id: quote.cart_id },
    body: {
      quote_id: quote.id,
      ship_to: LEEDS,
      payment: {
        provider: "sandbox",
        payment_method: "tok_3ds",
        return_url: "https://shop.example/thanks",
      },
    },
    headers: { "Idempotency-Key": "the-parcel" },
    throwOnError: true,
  });
  const { order, payment } = data;
  assertEquals([order.status, order.total_price, order.amount_due, order.incoterm], [
    "PENDING",
    24182,
    24182,
    "DDP",
  ]);
  assertEquals([payment!.status, payment!.amount], ["requires_action", 24182]);
  assertEquals((await readQuote(ada, quote.id)).order_id, order.id);
  return data;
}

/** Ada says yes on the bank's page; the bank tells the shop by a signed webhook, which the worker follows up. */
async function passTheBanksCheck(
  { url, app }: TestServer,
  ada: Waybill,
  payment: { id: string; order_id: string; redirect_url: string | null; provider_reference: string | null },
): Promise<void> {
  const page = await fetch(new URL(payment.redirect_url!, url));
  assert((await page.text()).includes("241.82"));
  const yes = await fetch(page.url, {
    method: "POST",
    body: new URLSearchParams({ outcome: "success" }),
    redirect: "manual",
  });
  await yes.body?.cancel();
  assertEquals([yes.status, yes.headers.get("Location")], [
    303,
    `https://shop.example/thanks?payment_id=${payment.id}`,
  ]);

  const message = bankMessage(app, payment.provider_reference!);
  const post = (body: string) =>
    fetch(`${url}/v1/payment-webhooks/sandbox`, { method: "POST", headers: message.headers, body });
  const forged = await post(message.body.replace("updated", "settled"));
  assertEquals([forged.status, (await forged.json()).code], [400, "invalid_signature"]);
  const received = await post(message.body);
  assertEquals([received.status, await received.json()], [200, { received: true }]);

  const standing = async () => {
    const { data } = await ada.listPayments({ path: { id: payment.order_id }, throwOnError: true });
    return data.data.map((each) => each?.status);
  };
  assertEquals(await standing(), ["requires_action"], "a webhook is answered before it is worked on");
  assertEquals((await letWorkerCatchUp(app)).failures, []);
  assertEquals(await standing(), ["captured"]);
  await readLog(app.deps);
  assertEquals(await doJobs(app.deps, "orders.process"), 1);
}

async function readOrder(waybill: Waybill, id: string) {
  return (await waybill.getOrder({ path: { id }, throwOnError: true })).data;
}

async function assertPaid(ada: Waybill, id: string): Promise<void> {
  const order = await readOrder(ada, id);
  assertEquals([order.status, order.payment_status, order.amount_paid, order.amount_due], [
    "PAID",
    "PAID",
    24182,
    0,
  ]);
}

/** What goes with the parcel for customs. */
async function downloadInvoice(staff: Waybill, id: string): Promise<void> {
  const { data, response } = await staff.getCommercialInvoice({ path: { id }, throwOnError: true });
  assertEquals(response.headers.get("Content-Type"), "application/pdf");
  const bytes = new Uint8Array(await (data as Blob).arrayBuffer());
  assertEquals(new TextDecoder().decode(bytes.subarray(0, 5)), "%PDF-");
}

/** The mugs leave first, the T-shirts a parcel later; the order has arrived when both have. */
async function shipAndDeliver(ada: Waybill, staff: Waybill, id: string): Promise<void> {
  const ship = async (line: number, quantity: number, tracking_number: string) =>
    (await staff.shipOrder({
      path: { id },
      body: { items: [{ line, quantity }], carrier: "DHL", tracking_number },
      throwOnError: true,
    })).data;
  const deliver = (shipment: { id: string }) =>
    staff.changeShipment({ path: { id: shipment.id }, body: { status: "delivered" }, throwOnError: true });
  const standing = async () => {
    const { status, fulfilment_status, units_shipped, units_delivered } = await readOrder(ada, id);
    return [status, fulfilment_status, units_shipped, units_delivered];
  };

  const mugs = await ship(1, 6, "00340434161094015902");
  assertEquals(await standing(), ["PROCESSING", "PARTIALLY_SHIPPED", 6, 0]);
  const tees = await ship(2, 3, "00340434161094015919");
  assertEquals(await standing(), ["SHIPPED", "SHIPPED", 9, 0]);
  await deliver(mugs);
  await deliver(tees);
  assertEquals(await standing(), ["DELIVERED", "DELIVERED", 9, 9]);
  const { data: told } = await ada.listOrderShipments({ path: { id }, throwOnError: true });
  assertEquals(told.data.map(({ status, tracking_number }) => [status, tracking_number]), [
    ["delivered", "00340434161094015902"],
    ["delivered", "00340434161094015919"],
  ]);
}

/**
 * One mug can be sold again, one is broken. Of the line's six Ada gets a third back: goods 25.98; duty 7.47 / 3 = 2.49;
 * of the tax of 20.17 the shipping's part, 15.46 of 100.87, stays: 20.17 × 15.46 / 100.87 = 3.0914 → 3.09; a third of the
 * other 17.08 is 5.6933 → 5.69. In all 34.16.
 */
async function sendTwoMugsBack(ada: Waybill, staff: Waybill, orderId: string): Promise<void> {
  const { data: asked } = await ada.requestReturn({
    path: { id: orderId },
    body: { items: [{ line: 1, quantity: 2 }], reason: "Ordered too many" },
    throwOnError: true,
  });
  const path = { id: asked.id };
  await staff.changeReturn({ path, body: { status: "approved" }, throwOnError: true });
  const { data: received } = await staff.receiveReturn({
    path,
    body: { items: [{ line: 1, restocked: 1, written_off: 1 }], staff_note: "One handle is broken" },
    throwOnError: true,
  });
  assertEquals(received.status, "received");
  const { data: refunded } = await staff.refundReturn({
    path,
    headers: { "Idempotency-Key": "two-mugs" },
    throwOnError: true,
  });
  assertEquals([refunded.status, refunded.refund?.status, refunded.refund?.amount], [
    "refunded",
    "succeeded",
    3416,
  ]);
  const order = await readOrder(ada, orderId);
  assertEquals(
    [order.status, order.payment_status, order.fulfilment_status, order.amount_refunded, order.amount_due],
    ["DELIVERED", "PARTIALLY_REFUNDED", "PARTIALLY_RETURNED", 3416, 0],
  );
  // Two quotes held 6 mugs, the second from the first; they left, and of the two that came back one is for sale again.
  const { data: moves } = await staff.listStockMovements({ path: { sku: "MUG-BLUE" }, throwOnError: true });
  assertEquals(
    moves.data.map(({ kind, on_hand_delta, reserved_delta }) => [kind, on_hand_delta, reserved_delta]),
    [
      ["return", 1, 0],
      ["shipment", -6, -6],
      ["reservation", 0, 6],
      ["release", 0, -6],
      ["reservation", 0, 6],
      ["receipt", 500, 0],
    ],
  );
}

/** The sale, the capture and the refund: each account has what is left of them, and nobody owes anybody anything. */
async function assertBooksAreClosed(
  { app }: TestServer,
  ada: Waybill,
  staff: Waybill,
  id: string,
): Promise<void> {
  const { data: ledger } = await ada.getOrderLedger({ path: { id }, throwOnError: true });
  assertEquals(ledger.transactions.map(({ kind }) => kind), ["sale", "capture", "refund"]);
  assertEquals(Object.fromEntries(ledger.balances.map(({ account, balance }) => [account, balance])), {
    receivable: 24182 - 24182,
    cash_at_provider: 24182 - 3416,
    revenue: -15294,
    refunds: 2598,
    shipping: -3033,
    duty: -1825 + 249,
    tax: -4030 + 569,
  });
  assertEquals(ledger.amount_due, 0);

  const { data: report } = await staff.getInvariants({ throwOnError: true });
  assertEquals([report.ok, report.broken], [true, 0]);
  await assertBooksBalance(app.deps.sql);
  await assertBankAgrees(app);
}

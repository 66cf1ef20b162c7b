import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { codes } from "currency-codes";
import { exampleOrder } from "../../tests/support/example_order.ts";
import type { Order, Shipment } from "../orders/mod.ts";
import type { Refund } from "../payments/mod.ts";
import { isCurrency } from "../platform/money.ts";
import { ORDER_TEMPLATES } from "./notification.ts";
import { formatMoney, type Mail, renderHtml, renderMail, renderRefund, renderShipment } from "./templates.ts";

const plain = (text: string) => text.replace(/\u00a0/g, " ");

Deno.test("An amount has the digits of its currency", () => {
  assertEquals(formatMoney(2998, "EUR"), "€29.98");
  assertEquals(formatMoney(5, "USD"), "$0.05");
  assertEquals(formatMoney(0, "GBP"), "£0.00");
  assertEquals(formatMoney(1500, "JPY"), "¥1,500");
  assertEquals(plain(formatMoney(1500, "KWD")), "KWD 1.500");
  assertEquals(plain(formatMoney(7, "KWD")), "KWD 0.007");
  assertEquals(plain(formatMoney(12345, "CLF")), "CLF 1.2345");
});

Deno.test("No amount is rounded, up to the largest that an order can have", () => {
  assertEquals(formatMoney(Number.MAX_SAFE_INTEGER, "EUR"), "€90,071,992,547,409.91");
  const currencies = fc.constantFrom(...codes().filter(isCurrency));
  fc.assert(fc.property(fc.maxSafeNat(), currencies, (amount, currency) => {
    assertEquals(formatMoney(amount, currency).replace(/\D/g, "").replace(/^0+(?=\d)/, ""), String(amount));
  }));
});

Deno.test("A confirmation tells number, items, total and address", () => {
  const order = exampleOrder();
  assertEquals(renderMail("order_confirmed", order), {
    subject: "We have your order WB-100001",
    body: `Thank you for your order WB-100001. This is what you ordered:

1 × Product 1: €5.00
2 × Product 2: €10.00

Total: €15.00

It goes to:
Ada Lovelace
Hauptstr. 1
10115 Berlin
Germany`,
  });
});

Deno.test("What comes on top of the lines is told, so that they add up to the total", () => {
  const sums = { shipping_total: 490, duty_total: 75, tax_total: 392, total_price: 1500 + 490 + 75 + 392 };
  const { body } = renderMail("order_confirmed", exampleOrder(sums));
  assert(body.includes("\n\nShipping: €4.90\nDuty: €0.75\nTax: €3.92\nTotal: €24.57\n\n"), body);
});

Deno.test("What a coupon takes off is told behind the lines at their full price", () => {
  const { items } = exampleOrder();
  const cheaper = items.map((item, index) => ({
    ...item,
    discount_amount: [0, 5][index]!,
    line_total: item.line_total - [0, 5][index]!,
  }));
  const order = exampleOrder({
    items: cheaper,
    coupon_code: "WELCOME10",
    discount_total: 5,
    subtotal: 1495,
    total_price: 1495,
  });
  const { body } = renderMail("order_confirmed", order);
  const said = "1 × Product 1: €5.00\n2 × Product 2: €10.00\n\nCoupon WELCOME10: -€0.05\nTotal: €14.95\n\n";
  assert(body.includes(said), body);
});

Deno.test("Who has still to pay at the door is told so, behind the total, when the order is confirmed", () => {
  const mailOf = (template: (typeof ORDER_TEMPLATES)[number], incoterm: Order["incoterm"]) =>
    renderMail(template, exampleOrder({ incoterm })).body;
  const said =
    "Total: €15.00\n\nDuty and tax of import that are not in this total are to be paid on delivery.\n\n";
  assert(mailOf("order_confirmed", "DAP").includes(said));
  for (const body of [mailOf("order_confirmed", "DDP"), mailOf("order_expired", "DAP")]) {
    assert(!body.includes("on delivery"), body);
  }
});

Deno.test("A name that is written from right to left leaves the amount behind it where it is", () => {
  const order = exampleOrder();
  const bodyOf = (name: string) =>
    renderMail("order_cancelled", { ...order, items: [{ ...order.items[1]!, name }] }).body;
  for (const name of ["كوب أزرق", "ספל 3", "Mug \u202egnirts"]) {
    assert(bodyOf(name).includes(`2 × \u2068${name}\u2069: €10.00`), name);
  }
  for (const name of ["Hrnek modrý", "青いマグ 😀"]) {
    assert(bodyOf(name).includes(`2 × ${name}: €10.00`), name);
  }
});

Deno.test("Mails about expired and cancelled orders tell number, items and total, and no address", () => {
  for (const template of ["order_expired", "order_cancelled"] as const) {
    const { subject, body } = renderMail(template, exampleOrder());
    assertMatch(subject, /^Order WB-100001 (has expired|is cancelled)$/);
    for (const part of ["WB-100001", "1 × Product 1: €5.00", "2 × Product 2: €10.00", "Total: €15.00"]) {
      assert(body.includes(part), part);
    }
    assert(!body.includes("Ada"));
  }
});

const SHIPMENT: Shipment = {
  id: "0192f0c4-0000-7000-8000-000000000001",
  order_id: exampleOrder().id,
  status: "shipped",
  items: [{ line: 2, sku: "TEA-GREEN", quantity: 1 }],
  carrier: "DHL",
  tracking_number: "00340434161094015902",
  tracking_url: "https://www.dhl.de/track?id=00340434161094015902",
  weight_grams: 900,
  version: 1,
  shipped_at: "2026-02-01T09:00:00.000Z",
  delivered_at: null,
  cancelled_at: null,
  updated_at: "2026-02-01T09:00:00.000Z",
};

const REFUND: Refund = {
  id: "0192f0c4-0000-7000-8000-000000000002",
  order_id: exampleOrder().id,
  payment_id: "0192f0c4-0000-7000-8000-000000000003",
  return_id: null,
  dispute_id: null,
  follows: null,
  currency: "EUR",
  amount: 1299,
  goods_amount: 1299,
  shipping_amount: 0,
  duty_amount: 0,
  tax_amount: 0,
  items: [],
  reason: "Paid after the order had expired",
  manual: false,
  status: "succeeded",
  provider_reference: null,
  failure_message: null,
  attempts: 1,
  next_attempt_at: null,
  version: 2,
  created_at: "2026-02-03T09:00:00.000Z",
  updated_at: "2026-02-03T09:00:01.000Z",
};

Deno.test("A mail about a shipment tells what left, by whom, how to follow it and where it goes", () => {
  assertEquals(renderShipment(exampleOrder(), SHIPMENT), {
    subject: "A shipment of order WB-100001 is on its way",
    body: `This is on its way to you, of your order WB-100001:

1 × Product 2

Carrier: DHL
Tracking number: 00340434161094015902
Follow it at https://www.dhl.de/track?id=00340434161094015902

It goes to:
Ada Lovelace
Hauptstr. 1
10115 Berlin
Germany`,
  });
});

Deno.test("A mail about a shipment that nobody can follow says nothing of carrier and tracking", () => {
  const untracked = { ...SHIPMENT, carrier: null, tracking_number: null, tracking_url: null };
  const { body } = renderShipment(exampleOrder(), untracked);
  assert(body.includes("1 × Product 2\n\nIt goes to:"), body);
});

Deno.test("A mail about a refund tells its amount, in the digits of its currency, and its reason", () => {
  assertEquals(renderRefund(exampleOrder(), REFUND), {
    subject: "A refund for order WB-100001",
    body: `We have refunded €12.99 of your order WB-100001.

Reason: Paid after the order had expired

It goes back the way you paid. Your bank may take some days to show it.`,
  });
  const yen = renderRefund(exampleOrder(), { ...REFUND, currency: "JPY" }).body;
  assert(yen.startsWith("We have refunded ¥1,299 of"), yen);
});

Deno.test("A mail about a refund that staff gave back themselves says nothing of the way, whatever was paid by", () => {
  assertEquals(
    renderRefund(exampleOrder(), { ...REFUND, manual: true }).body,
    `We have refunded €12.99 of your order WB-100001.

Reason: Paid after the order had expired`,
  );
});

Deno.test("Whatever is in a name: no header, no line and no markup comes of it", () => {
  const nasty = fc.array(
    fc.constantFrom(
      "\r\n",
      "\n",
      "\r",
      "\u2028",
      "\u0085",
      "\v",
      "\0",
      "<b>",
      "&",
      '"',
      "'",
      "Bcc: a@b.c",
      "x",
    ),
    { minLength: 1, maxLength: 12 },
  ).map((parts) => parts.join(""));
  const hostile = (name: string): Partial<Shipment> => ({
    carrier: name,
    tracking_number: name,
    tracking_url: name,
  });
  const mails: ((order: Order, name: string) => Mail)[] = [
    ...ORDER_TEMPLATES.map((template) => (order: Order) => renderMail(template, order)),
    (order, name) => renderShipment(order, { ...SHIPMENT, ...hostile(name) }),
    (order, reason) => renderRefund(order, { ...REFUND, reason }),
  ];
  fc.assert(fc.property(nasty, fc.constantFrom(...mails), (name, render) => {
    const order = exampleOrder({
      items: exampleOrder().items.map((item) => ({ ...item, name })),
      ship_to: { ...exampleOrder().ship_to, name, lines: [name], city: name },
    });
    const decent = render(exampleOrder(), "x");
    const mail = render(order, name);
    assertEquals(mail.subject, decent.subject);
    assertEquals(mail.body.split("\n").length, decent.body.split("\n").length);
    const tags = (html: string) => html.match(/<[^>]*>/g);
    assertEquals(tags(renderHtml(mail)), tags(renderHtml(decent)));
  }));
});

Deno.test("The HTML part shows a hostile name as text", () => {
  const name = `<script>alert("1")</script> & Co.`;
  const order = exampleOrder({ items: [{ ...exampleOrder().items[0]!, name }] });
  const html = renderHtml(renderMail("order_confirmed", order));
  assert(html.includes("1 × &lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; Co.: €5.00"), html);
  assert(!html.includes("<script"));
});

import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { codes } from "currency-codes";
import { exampleOrder } from "../../tests/support/example_order.ts";
import { TEMPLATES } from "./notification.ts";
import { formatMoney, renderHtml, renderMail } from "./templates.ts";

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
  fc.assert(fc.property(fc.maxSafeNat(), fc.constantFrom(...codes()), (amount, currency) => {
    assertEquals(formatMoney(amount, currency).replace(/\D/g, "").replace(/^0+(?=\d)/, ""), String(amount));
  }));
});

Deno.test("A confirmation tells number, items, total and address", () => {
  const order = exampleOrder();
  assertEquals(renderMail("order_confirmed", order), {
    subject: "Order WB-100001 is confirmed",
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
  fc.assert(fc.property(nasty, fc.constantFrom(...TEMPLATES), (name, template) => {
    const order = exampleOrder({
      items: exampleOrder().items.map((item) => ({ ...item, name })),
      ship_to: { ...exampleOrder().ship_to, name, lines: [name], city: name },
    });
    const decent = renderMail(template, exampleOrder());
    const mail = renderMail(template, order);
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

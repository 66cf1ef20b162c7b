import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { extractText, getDocumentProxy } from "unpdf";
// @ts-types="@types/pdfkit"
import PDFDocument from "pdfkit";
import { loadConfig } from "../config.ts";
import type { Order, Shipment } from "../orders/mod.ts";
import { AppError } from "../platform/errors.ts";
import { drawInvoice } from "./draw_invoice.ts";
import { draftInvoice, orderInParcel } from "./invoice.ts";

const CONFIG = loadConfig({
  APP_ENV: "local",
  DATABASE_URL: "postgres://localhost/waybill",
  SELLER_NAME: "Nordhafen Keramik GmbH",
  SELLER_ADDRESS: "Speicherstraße 14 | 20457 Hamburg",
});

function item(line: number, known: Partial<Order["items"][number]> = {}): Order["items"][number] {
  const quantity = 1 + line % 3;
  const unit_price = 1000 + line;
  return {
    line,
    product_id: "0192f0bf-3c44-7b1d-9a10-62f7d0a4e911",
    sku: `SKU-${line}`,
    name: `Product of line ${line}`,
    quantity,
    cancelled: 0,
    shipped: 0,
    returned: 0,
    unit_price,
    list_price: null,
    discount_amount: 0,
    line_total: unit_price * quantity,
    shipping_amount: 0,
    duty_amount: 0,
    tax_amount: 0,
    shipping_tax_amount: 0,
    hs_code: String(69120000 + line),
    country_of_origin: "PT",
    weight_grams: 350,
    ...known,
  };
}

/** An order from Germany to Switzerland. */
function orderOf(known: Partial<Order> = {}): Order {
  return {
    number: "WB-100001",
    status: "PAID",
    currency: "EUR",
    items: [item(1), item(2)],
    subtotal: 5008,
    shipping_total: 590,
    duty_total: 120,
    tax_total: 77,
    total_price: 5795,
    units: 5,
    incoterm: "DDP",
    ship_to: {
      name: "Ada Lovelace",
      lines: ["Seestr. 1"],
      city: "Zürich",
      postal_code: "8002",
      country: "CH",
    },
    placed_at: "2026-01-31T23:30:00.000Z",
    updated_at: "2026-02-01T12:00:00.000Z",
    version: 3,
    ...known,
  } as Order;
}

async function pagesOf(order: Order): Promise<string[]> {
  const document = await getDocumentProxy(await drawInvoice(draftInvoice(CONFIG, order)));
  const { text } = await extractText(document, { mergePages: false });
  return text.map((page) => page.replace(/\s+/g, " "));
}

/** All letters, each of which must stand within the margins of its page. */
async function lettersWithinMargins(document: Awaited<ReturnType<typeof getDocumentProxy>>): Promise<string> {
  let letters = "";
  for (let number = 1; number <= document.numPages; number++) {
    const { items } = await (await document.getPage(number)).getTextContent();
    for (const part of items) {
      if (!("str" in part)) continue;
      const [x, y] = [part.transform[4], part.transform[5]];
      assert(x >= 39.9 && x + part.width <= 555.4, `${part.str} at ${x}, ${part.width} wide`);
      assert(y >= 40 && y <= 802, `${part.str} at height ${y}`);
      letters += part.str;
    }
  }
  return letters;
}

const refusalOf = (order: Order, config = CONFIG): AppError =>
  assertThrows(() => draftInvoice(config, order), AppError);

function assertHolds(text: string, parts: string[]): void {
  for (const part of parts) assert(text.includes(part), `${part} is not in: ${text}`);
}

Deno.test("amounts have the digits of their currency: none for JPY, three for KWD", async () => {
  const amounts = {
    subtotal: 5008,
    shipping_total: 590,
    duty_total: 120,
    tax_total: 77,
    total_price: 1234567,
  };
  const [yen] = await pagesOf(orderOf({ currency: "JPY", ...amounts }));
  assertHolds(yen!, ["Unit value, JPY", "1001 2002", "Shipping 590", "Duty 120", "Tax 77", "1234567 JPY"]);
  const [dinar] = await pagesOf(orderOf({ currency: "KWD", ...amounts }));
  assertHolds(dinar!, [
    "Unit value, KWD",
    "1.001 2.002",
    "Shipping 0.590",
    "Duty 0.120",
    "Tax 0.077",
    "1234.567 KWD",
  ]);
});

Deno.test("names in Korean, Greek and Cyrillic are on the paper as they were given", async () => {
  for (
    const name of [
      "홍길동",
      "Γιώργος Παπαδόπουλος",
      "Їжакевич Андрій",
      "张三",
      "渋谷 カタカナ",
      "Đặng Łukasz",
    ]
  ) {
    const [page] = await pagesOf(orderOf({ ship_to: { ...orderOf().ship_to, name } }));
    assertHolds(page!, [name]);
    assert(!page!.includes("Latin letters"));
  }
});

Deno.test("a name in a script without a font is given in Latin letters, and the paper says so", async () => {
  const [page] = await pagesOf(orderOf({ ship_to: { ...orderOf().ship_to, name: "محمد 🎁 \u{10ffff}" } }));
  assertHolds(page!, ["mhmd", "given in Latin letters"]);
});

Deno.test("many lines flow over pages, each with the table's head and its number, and none is lost", async () => {
  const items = Array.from({ length: 120 }, (_, index) => item(index + 1));
  await lettersWithinMargins(
    await getDocumentProxy(await drawInvoice(draftInvoice(CONFIG, orderOf({ items })))),
  );
  const pages = await pagesOf(orderOf({ items }));
  assert(pages.length >= 3);
  pages.forEach((page, index) => {
    assertHolds(page, [`Page ${index + 1} of ${pages.length}`, "Commercial invoice WB-100001"]);
    if (page.includes("Product of line")) assertHolds(page, ["HS code", "Line value, EUR"]);
  });
  const all = pages.join(" ");
  for (const { line, sku, hs_code, quantity, unit_price, line_total } of items) {
    const money = (minor: number) => (minor / 100).toFixed(2);
    const row = `${line} ${sku} Product of line ${line} ${hs_code} PT ${quantity} 0.350 ${
      money(unit_price)
    } ${money(line_total)}`;
    assertEquals(all.split(row).length, 2, row);
  }
});

Deno.test("the table's head stands above a line on each page, also where the first line is a high one", async () => {
  const lines = Array(5).fill("W".repeat(200));
  const items = [item(1, { name: "W".repeat(500) }), item(2)];
  for (let used = 1; used <= lines.length; used++) {
    const ship_to = { ...orderOf().ship_to, name: "W".repeat(200), lines: lines.slice(0, used) };
    for (const page of await pagesOf(orderOf({ items, ship_to }))) {
      if (page.includes("HS code")) assertHolds(page, ["SKU-"]);
    }
  }
});

Deno.test("the longest texts and the largest amounts stay within the margins, whole", async () => {
  const long = "Ж".repeat(200);
  const order = orderOf({
    items: Array.from(
      { length: 40 },
      (_, index) =>
        item(index + 1, {
          name: long,
          sku: "Ж".repeat(64),
          quantity: 1_000_000,
          unit_price: 9007199254,
          line_total: 9007199254740991,
        }),
    ),
    total_price: 9007199254740991,
    ship_to: { name: long, lines: Array(5).fill(long), city: "Ж".repeat(100), country: "CH" },
  });
  const document = await getDocumentProxy(await drawInvoice(draftInvoice(CONFIG, order)));
  const letters = await lettersWithinMargins(document);
  assertEquals(letters.split("90071992547409.91").length - 1, 41);
  assertEquals(
    letters.match(/Ж/g)!.length,
    40 * 264 + 6 * 200 + 2 * 100,
    "each letter of names, SKUs, lines and city",
  );
});

Deno.test("the same order gives the same bytes, whenever it is asked for", async () => {
  const [once, later] = [
    await drawInvoice(draftInvoice(CONFIG, orderOf())),
    await drawInvoice(draftInvoice(CONFIG, orderOf())),
  ];
  assertEquals(once, later);
  assert(new TextDecoder("latin1").decode(once).includes("(D:20260201120000Z)"), "the order's own time");
});

Deno.test("it says terms and place, seller and the sums of weight and money", async () => {
  const [page] = await pagesOf(orderOf());
  assertHolds(page!, [
    "DDP Zürich, Switzerland (Incoterms 2020)",
    "Nordhafen Keramik GmbH Speicherstraße 14 20457 Hamburg",
    "Invoice date",
    "2026-01-31",
    "Reason for export",
    "Sale",
    "Units 5",
    "Total net weight 1.750 kg",
    "Subtotal, goods 50.08",
    "Total 57.95 EUR",
    "Declaration",
    "Signature",
  ]);
});

Deno.test("units that were refunded before they left are not declared, nor their duty and tax", async () => {
  const items = [
    item(1, {
      quantity: 3,
      cancelled: 1,
      unit_price: 1000,
      line_total: 3000,
      duty_amount: 100,
      tax_amount: 250,
    }),
    item(2, { hs_code: null, quantity: 2, cancelled: 2, unit_price: 500, line_total: 1000, duty_amount: 20 }),
  ];
  const sums = { subtotal: 4000, shipping_total: 590, duty_total: 120, tax_total: 250, total_price: 4960 };
  const [page] = await pagesOf(orderOf({ items, ...sums }));
  assertHolds(page!, [
    "1 SKU-1 Product of line 1 69120001 PT 2 0.350 10.00 20.00 Units 2",
    "Total net weight 0.700 kg",
    "Subtotal, goods 20.00 Shipping 5.90 Duty 0.67 Tax 1.67 Total 28.24 EUR",
  ]);
});

const SHIPMENT = { shipped_at: "2026-01-31T12:00:00.000Z" } as Shipment;
/** 3 units at 10.00, less 1.00. */
const DISCOUNTED = item(2, { unit_price: 1000, discount_amount: 100, line_total: 2900 });

Deno.test("a line says what was taken off of it, and its value and the totals are what is paid", async () => {
  const items = [item(1), DISCOUNTED];
  const sums = { subtotal: 4902, shipping_total: 590, duty_total: 0, tax_total: 0, total_price: 5492 };
  const [page] = await pagesOf(orderOf({ items, discount_total: 100, ...sums }));
  assertHolds(page!, [
    "1 SKU-1 Product of line 1 69120001 PT 2 0.350 10.01 20.02",
    "2 SKU-2 Product of line 2, less a discount of 1.00 EUR 69120002 PT 3 0.350 10.00 29.00",
    "Subtotal, goods 49.02 Shipping 5.90 Duty 0.00 Tax 0.00 Total 54.92 EUR",
  ]);
});

Deno.test("two of a line's three units are declared with their share of its discount, in a parcel or as all that is left", async () => {
  const left = [{ ...DISCOUNTED, cancelled: 1 }];
  const parcel = { number: 1, items: [{ line: 2, quantity: 2, before: 0 }] };
  for (
    const order of [
      orderInParcel(orderOf({ items: [item(1), DISCOUNTED] }), SHIPMENT, parcel),
      orderInParcel(orderOf({ items: left }), SHIPMENT, parcel),
      orderOf({ items: left, subtotal: 2900 }),
    ]
  ) {
    const [page] = await pagesOf(order);
    assertHolds(page!, [
      "2 SKU-2 Product of line 2, less a discount of 0.67 EUR 69120002 PT 2 0.350 10.00 19.33 Units 2",
      "Total net weight 0.700 kg",
      "Subtotal, goods 19.33",
    ]);
  }
});

Deno.test("the papers of all parcels declare the discount between them, whatever is in each, and each says its own", () => {
  const goods = fc.record({
    quantity: fc.integer({ min: 1, max: 9 }),
    price: fc.nat(2000),
    off: fc.nat(2000),
  });
  const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 9, maxLength: 9 });
  fc.assert(fc.property(goods, fc.nat(9), sizes, ({ quantity, price, off }, lost, sizes) => {
    const discount_amount = Math.min(off, price * quantity);
    const cancelled = Math.min(lost, quantity - 1);
    const line_total = price * quantity - discount_amount;
    const line = item(1, { quantity, cancelled, unit_price: price, discount_amount, line_total });
    const order = orderOf({ items: [line], subtotal: line_total });
    const cents = (text: string) => Math.round(Number(text) * 100);
    const discountIn = (paper: Order) => {
      const { quantity, unitValue, lineValue, description } = draftInvoice(CONFIG, paper).lines[0]!;
      const discount = Number(quantity) * cents(unitValue) - cents(lineValue);
      assert(discount >= 0, "a parcel is never worth more than its units cost");
      const told = discount === 0 ? "" : `, less a discount of ${(discount / 100).toFixed(2)} EUR`;
      assertEquals(description, `Product of line 1${told}`);
      return discount;
    };
    let inParcels = 0;
    for (let before = 0, number = 1; before < quantity - cancelled; number++) {
      const units = Math.min(sizes[number - 1]!, quantity - cancelled - before);
      const parcel = { number, items: [{ line: 1, quantity: units, before }] };
      inParcels += discountIn(orderInParcel(order, SHIPMENT, parcel));
      before += units;
    }
    assertEquals(inParcels, discountIn(order), "of all that is sent");
    if (cancelled === 0) assertEquals(inParcels, discount_amount);
  }));
});

Deno.test("invoices are drawn one after the other, and too many at once are told to come again", async () => {
  const invoice = draftInvoice(CONFIG, orderOf());
  const outcomes = await Promise.allSettled(Array.from({ length: 25 }, () => drawInvoice(invoice)));
  const refused = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason);
  assertEquals(
    refused.map(({ code, retryAfterSeconds }) => [code, retryAfterSeconds]),
    Array(5).fill(["unavailable", 2]),
  );
  assertEquals((await drawInvoice(invoice)).length > 0, true, "those that were refused hold no place");
});

Deno.test("who calls while a long invoice is drawn is answered before it is done", async () => {
  await using server = Deno.serve({ port: 0, onListen: () => {} }, () => new Response("here"));
  const items = Array.from({ length: 1000 }, (_, index) => item(index + 1));
  let isDrawn = false;
  const drawn = drawInvoice(draftInvoice(CONFIG, orderOf({ items }))).then(() => isDrawn = true);
  const answer = await fetch(`http://localhost:${server.addr.port}/`);
  const wasDrawn = isDrawn;
  await answer.text();
  await drawn;
  assert(!wasDrawn, "nobody was answered before it was drawn");
});

Deno.test("goods that cross a border are refused with everything that is missing, line by line", () => {
  const bare = { hs_code: null, country_of_origin: null, weight_grams: null };
  const order = orderOf({ items: [item(1, { hs_code: null }), item(2), item(3, bare)] });
  const refusal = refusalOf(order, { ...CONFIG, seller: { addressLines: [] } });
  assertEquals([refusal.code, ...refusal.errors.map(({ pointer }) => pointer)], [
    "document_incomplete",
    "/seller/name",
    "/seller/address",
    "/items/0/hs_code",
    "/items/2/hs_code",
    "/items/2/country_of_origin",
    "/items/2/weight_grams",
  ]);
  const intoTheUnion = orderOf({ items: order.items, ship_to: { ...order.ship_to, country: "DE" } });
  const fromElsewhere = refusalOf(intoTheUnion, { ...CONFIG, shipFromCountry: "CH" });
  assertEquals(fromElsewhere.errors.length, 4);
});

Deno.test("goods that stay in the country, or in the EU, need none of that", async () => {
  const bare = { hs_code: null, country_of_origin: null, weight_grams: null };
  const sentTo = (country: string) =>
    orderOf({ items: [item(1, bare)], incoterm: null, ship_to: { ...orderOf().ship_to, country } });
  assertEquals(draftInvoice(CONFIG, sentTo("FR")).destination, "France");
  const [page] = await pagesOf(sentTo("DE"));
  assertHolds(page!, [
    "SKU-1 Product of line 1 – – 2 – 10.01 20.02",
    "None agreed",
    "Total net weight not known",
  ]);
});

Deno.test("an order that was cancelled or expired has no invoice", () => {
  for (const status of ["CANCELLED", "EXPIRED"] as const) {
    assertEquals(refusalOf(orderOf({ status })).errors.map(({ pointer }) => pointer), ["/status"]);
  }
});

Deno.test("What PDFKit keeps of the words that it drew is a page's, however many lines there are", async () => {
  let kept = 0;
  // deno-lint-ignore no-explicit-any -- what it keeps is nobody's to see
  const document: any = PDFDocument.prototype;
  const { end } = document;
  document.end = function () {
    const fonts: { layoutCache: object }[] = Object.values(this._fontFamilies);
    kept = fonts.reduce((sum, { layoutCache }) => sum + Object.keys(layoutCache).length, 0);
    return end.call(this);
  };
  try {
    const name = (line: number) => Array.from({ length: 20 }, (_, i) => `word${line}x${i}`).join(" ");
    const items = Array.from({ length: 100 }, (_, i) => item(i + 1, { name: name(i + 1) }));
    await drawInvoice(draftInvoice(CONFIG, orderOf({ items })));
  } finally {
    document.end = end;
  }
  assert(kept > 0 && kept < 1000, `${kept} words`);
});

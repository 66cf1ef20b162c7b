import { assertEquals, assertRejects } from "@std/assert";
import { iso31661 } from "iso-3166";
import { isoCountry } from "./countries.ts";
import { classifyRow, FileError, readOnlineRetail } from "./online_retail.ts";
import type { Reason } from "./reasons.ts";
import { cells, type Given, tradeRows } from "./testing.ts";

const HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";

function fateOf(given: Given): string {
  const row = classifyRow(cells(given), 2);
  return row.kind === "set_aside" ? row.reason : row.kind;
}

async function withFile<T>(
  name: string,
  content: string | Uint8Array,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/${name}`;
    await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
    return await use(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a line of an invoice is read as a sale", () => {
  assertEquals(classifyRow(cells({ description: " HEART  T-LIGHT HOLDER " }), 2), {
    kind: "sale",
    row: 2,
    invoiceNo: "536365",
    sku: "85123A",
    category: "goods",
    description: "HEART T-LIGHT HOLDER",
    units: 6,
    unitPrice: 255,
    at: "2010-12-01T08:26:00Z",
    customerId: "17850",
    country: "GB",
  });
});

Deno.test("a line of a credit note is read as a cancellation of positive units", () => {
  const [row] = tradeRows({ invoiceNo: "C536506", quantity: "-6" });
  assertEquals([row!.kind, row!.units], ["cancellation", 6]);
});

Deno.test("a row without a customer is a guest's", () => {
  assertEquals("customerId" in classifyRow(cells({ customer: "" }), 2), false);
});

Deno.test("prices are read to the penny, exactly as written", () => {
  const prices = {
    "2.55": 255,
    "0.1": 10,
    "7": 700,
    "16.98": 1698,
    "0.29": 29,
    "2.550": 255,
    "13541.33": 1354133,
  };
  for (const [price, pence] of Object.entries(prices)) {
    assertEquals(tradeRows({ price })[0]!.unitPrice, pence);
  }
});

Deno.test("a time is London's: UTC in winter, an hour ahead of it in summer", () => {
  assertEquals(tradeRows({ date: "09/12/2011 12:50" })[0]!.at, "2011-12-09T12:50:00Z");
  assertEquals(tradeRows({ date: "01/07/2011 12:50" })[0]!.at, "2011-07-01T11:50:00Z");
});

Deno.test("stock codes that differ only in case are one product", () => {
  assertEquals(tradeRows({ stockCode: "85123a" })[0]!.sku, "85123A");
});

Deno.test("postage, carriage and vouchers are sold like goods", () => {
  const categories = {
    POST: "postage",
    DOT: "postage",
    C2: "postage",
    gift_0001_30: "voucher",
    DCGSSBOY: "goods",
    PADS: "goods",
  };
  for (const [stockCode, category] of Object.entries(categories)) {
    assertEquals(tradeRows({ stockCode })[0]!.category, category);
  }
});

Deno.test("a row that cannot be played is set aside for its reason", () => {
  const expected: [Reason, Given][] = [
    ["malformed:invoice_no", { invoiceNo: "" }],
    ["malformed:invoice_no", { invoiceNo: "A563185" }],
    ["malformed:stock_code", { stockCode: "" }],
    ["malformed:quantity", { quantity: "1.5" }],
    ["malformed:quantity", { quantity: "" }],
    ["malformed:date", { date: "31/02/2010 08:26" }],
    ["malformed:date", { date: "12/31/2010 08:26" }],
    ["malformed:date", { date: "01/12/2010 24:00" }],
    ["malformed:date", { date: "2010-12-01 08:26" }],
    ["malformed:price", { price: "" }],
    ["malformed:price", { price: "1e3" }],
    ["malformed:price", { price: "2,55" }],
    ["malformed:customer", { customer: "17850.0" }],
    ["price:not_whole_pence", { price: "0.001" }],
    ["country:unknown", { country: "Atlantis" }],
    ["country:unknown", { country: "constructor" }],
    ["country:no_iso_code", { country: "Unspecified" }],
    ["country:no_iso_code", { country: "European Community" }],
    ["no_sale:stock_correction", { quantity: "-10", price: "0", customer: "" }],
    ["no_sale:stock_correction", { quantity: "0" }],
    ["no_sale:zero_price", { price: "0", customer: "" }],
    ["no_sale:zero_price", { invoiceNo: "C536506", quantity: "-6", price: "0.00" }],
    ["no_sale:negative_price", { price: "-11062.06" }],
    ["no_sale:positive_cancellation", { invoiceNo: "C536506" }],
    ["no_sale:manual", { stockCode: "M" }],
    ["no_sale:manual", { stockCode: "m", invoiceNo: "C536506", quantity: "-1" }],
    ["no_sale:discount", { stockCode: "D" }],
    ["no_sale:samples", { stockCode: "S" }],
    ["no_sale:bank_charges", { stockCode: "BANK CHARGES" }],
    ["no_sale:marketplace_fee", { stockCode: "AMAZONFEE" }],
    ["no_sale:commission", { stockCode: "CRUK" }],
    ["no_sale:bad_debt", { stockCode: "B", invoiceNo: "A563186" }],
    ["no_sale:unknown_stock_code", { stockCode: "TEST001" }],
  ];
  for (const [reason, given] of expected) assertEquals([fateOf(given), given], [reason, given]);
  assertEquals(classifyRow(cells().slice(1), 2), {
    kind: "set_aside",
    row: 2,
    invoiceNo: "85123A",
    reason: "malformed:columns",
    amount: 0,
  });
});

Deno.test("what is set aside keeps its amount, with its sign", () => {
  const discount = classifyRow(
    cells({ invoiceNo: "C536379", stockCode: "D", quantity: "-2", price: "27.5" }),
    2,
  );
  assertEquals(discount.kind === "set_aside" && discount.amount, -5500);
});

Deno.test("every country that the data names has a code of its own, or knowingly none", () => {
  const names =
    ("Australia|Austria|Bahrain|Belgium|Brazil|Canada|Channel Islands|Cyprus|Czech Republic|Denmark|EIRE|" +
      "European Community|Finland|France|Germany|Greece|Hong Kong|Iceland|Israel|Italy|Japan|Lebanon|Lithuania|Malta|" +
      "Netherlands|Norway|Poland|Portugal|RSA|Saudi Arabia|Singapore|Spain|Sweden|Switzerland|United Arab Emirates|" +
      "United Kingdom|Unspecified|USA").split("|");
  const codes = names.map(isoCountry);
  assertEquals(names.filter((_, i) => codes[i] === null), ["European Community", "Unspecified"]);
  const assigned = codes.filter((code) => iso31661.some(({ alpha2 }) => alpha2 === code));
  assertEquals(new Set(assigned).size, names.length - 2);
});

Deno.test("every row of the excerpt is read, compressed or not", async () => {
  const path = "tests/fixtures/online-retail-excerpt.csv";
  const rows = await Array.fromAsync(readOnlineRetail(path));
  assertEquals(rows.map((row) => row.row), rows.map((_, i) => i + 2));
  assertEquals(rows.length, 1962);

  const gzipped = (await Deno.open(path)).readable.pipeThrough(new CompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(gzipped).arrayBuffer());
  const again = await withFile("excerpt.csv.gz", bytes, (path) => Array.fromAsync(readOnlineRetail(path)));
  assertEquals(again, rows);
});

Deno.test("a byte order mark, CRLF, quotation marks and blank lines are no obstacle", async () => {
  const csv = `\ufeff${HEADER}\r\n${cells({ description: '"TIN, 5"" ROUND"' }).join(",")}\r\n\r\n${
    cells({ description: 'TIN 5" ROUND' }).join(",")
  }\r\n`;
  const rows = await withFile("a.csv", csv, (path) => Array.fromAsync(readOnlineRetail(path)));
  assertEquals(rows.map((row) => row.kind === "sale" && row.description), ['TIN, 5" ROUND', 'TIN 5" ROUND']);
});

Deno.test("a file that is not in the layout is refused with what is wrong with it", async () => {
  const latin1 = Uint8Array.from(
    `${HEADER}\n${cells({ description: "\xa35 VOUCHER" }).join(",")}\n`,
    (char) => char.charCodeAt(0),
  );
  const broken: [string, string | Uint8Array, string][] = [
    ["empty.csv", "", "is empty"],
    ["other.csv", "Invoice,StockCode\n", "the first row must be InvoiceNo,"],
    ["open.csv", `${HEADER}\n536365,85123A,"HEART,6\n`, "Quote Not Closed"],
    ["latin1.csv", latin1, "CSV in UTF-8: The encoded data"],
    ["plain.csv.gz", HEADER, "gzip"],
  ];
  for (const [name, content, message] of broken) {
    await withFile(name, content, async (path) => {
      await assertRejects(() => Array.fromAsync(readOnlineRetail(path)), FileError, message);
    });
  }
});

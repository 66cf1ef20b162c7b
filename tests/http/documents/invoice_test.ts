import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { startTestApp } from "../../support/app.ts";
import { addExport, checkedOut, openBorders } from "../../support/checkout.ts";
import { addProduct, patch, place, read } from "../../support/orders.ts";
import { tryToRefund } from "../../support/payments.ts";
import {
  CONSIGNEE,
  consigneePath,
  fetchInvoice,
  fetchPdf,
  invoicePath,
  parcelPath,
  placeAbroad,
  startSellerApp,
  textOfPages,
} from "./support.ts";

const GOODS = [
  { sku: "MUG", price: 1499, quantity: 2, hs_code: "69120023", country_of_origin: "PT", weight_grams: 350 },
  { sku: "BOARD", price: 2450, quantity: 1, hs_code: "44191100", country_of_origin: "LT", weight_grams: 820 },
];

Deno.test("an invoice names each line's HS code, origin, weight and value, and the sums of the order", async () => {
  await using app = await startSellerApp();
  const owner = await app.user();
  const order = await placeAbroad(app, owner, GOODS);
  const [page, ...more] = await textOfPages(await fetchInvoice(app, owner, order.id));
  assertEquals(more, []);
  for (
    const part of [
      order.number,
      order.placed_at.slice(0, 10),
      "Nordhafen Keramik GmbH Speicherstraße 14 20457 Hamburg Germany",
      "DE123456789012345",
      "홍길동 Hong Gildong 서울특별시 강남구 테헤란로 152 06236 Seoul South Korea (KR)",
      "MUG Name of MUG 69120023 PT 2 0.350 14.99 29.98",
      "BOARD Name of BOARD 44191100 LT 1 0.820 24.50 24.50",
      "Subtotal, goods 54.48",
      "Total 54.48 EUR",
      "Total net weight 1.520 kg",
    ]
  ) {
    assert(page!.includes(part), `${part} is not in: ${page}`);
  }
});

Deno.test("staff get the consignee in full, the owner masked and marked as no paper for customs", async () => {
  await using app = await startSellerApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const order = await placeAbroad(app, owner, GOODS);
  await app.request("PUT", consigneePath(order.id), { token: owner.token, body: CONSIGNEE });
  const [full] = await textOfPages(await fetchInvoice(app, staff, order.id));
  assert(full!.includes("Identified as: Hong Gildong PCCC: P123456789012"), full);
  assert(!full!.includes("Customer's copy"));
  const [covered] = await textOfPages(await fetchInvoice(app, owner, order.id));
  assert(covered!.includes("Identified as: H*** G****** PCCC: *********9012"), covered);
  assert(covered!.includes("Customer's copy") && !covered!.includes("P12345"), covered);
});

Deno.test("the bytes stay the same until the order or its consignee changes, and then the ETag does too", async () => {
  await using app = await startSellerApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const order = await placeAbroad(app, owner, GOODS);
  const path = invoicePath(order.id);
  const ask = (user: typeof owner, etag?: string) =>
    app.request("GET", path, { token: user.token, headers: etag ? { "If-None-Match": etag } : {} });
  assertEquals(await fetchInvoice(app, owner, order.id), await fetchInvoice(app, owner, order.id));
  const first = await ask(owner);
  const etag = first.headers.get("ETag")!;
  assert(etag.startsWith('"1-'), etag);
  assertEquals(
    [first.headers.get("Content-Disposition"), first.headers.get("Cache-Control")],
    [`inline; filename="${order.number}-commercial-invoice.pdf"`, "private, no-cache"],
  );
  assertEquals((await ask(owner, etag)).status, 304);

  await app.request("PUT", consigneePath(order.id), { token: owner.token, body: CONSIGNEE });
  const identified = await ask(owner, etag);
  assertEquals(identified.status, 200);
  assertEquals(
    (await ask(staff, identified.headers.get("ETag")!)).status,
    200,
    "staff's copy is another one",
  );

  const paid = await app.request("PATCH", `/v1/orders/${order.id}`, {
    token: staff.token,
    body: { status: "PAID" },
  });
  assertEquals(paid.status, 200);
  const changed = (await ask(owner, identified.headers.get("ETag")!)).headers.get("ETag")!;
  assert(changed.startsWith(`"${paid.body.version}-`), changed);
  assertNotEquals(changed, identified.headers.get("ETag"));
});

Deno.test("goods that were refunded before they left are not on the paper of those that leave", async () => {
  await using app = await startSellerApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { id } = await placeAbroad(app, owner, GOODS);
  const call = async (method: string, path: string, body: unknown) => {
    const headers = { "Idempotency-Key": newId() };
    const answer = await app.request(method, `/v1/orders/${id}${path}`, {
      token: staff.token,
      body,
      headers,
    });
    assert(answer.status < 300, JSON.stringify(answer.body));
  };
  const refund = (line: number) =>
    call("POST", "/refunds", { items: [{ line, quantity: 1 }], reason: "Does not want it" });
  await call("PATCH", "", { status: "PAID" });
  await refund(1);
  await refund(2);
  const [page] = await textOfPages(await fetchInvoice(app, owner, id));
  for (
    const part of [
      "MUG Name of MUG 69120023 PT 1 0.350 14.99 14.99",
      "Units 1",
      "Total net weight 0.350 kg",
      "Subtotal, goods 14.99",
      "Total 14.99 EUR",
    ]
  ) {
    assert(page!.includes(part), `${part} is not in: ${page}`);
  }
  assert(!page!.includes("BOARD"), page);
  await refund(1);
  const none = await app.request("GET", invoicePath(id), { token: owner.token });
  assertEquals([none.status, none.body.errors.map(({ code }: { code: string }) => code)], [409, [
    "not_sold",
  ]]);
});

Deno.test("what never leaves, as all of the money went back first, is not on the paper either", async () => {
  await using app = await startSellerApp();
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { id } = await placeAbroad(app, owner, GOODS);
  await patch(app, staff, id, { status: "PAID" });
  const { status } = await app.request("POST", `/v1/orders/${id}/shipments`, {
    token: staff.token,
    body: { items: [{ line: 1, quantity: 1 }] },
  });
  assertEquals([status, (await tryToRefund(app, staff, id)).body.status], [201, "succeeded"]);
  assertEquals((await read(app, owner, id)).body.status, "REFUNDED");
  const [page] = await textOfPages(await fetchInvoice(app, owner, id));
  for (const part of ["MUG Name of MUG 69120023 PT 1 0.350 14.99 14.99", "Units 1", "Total 14.99 EUR"]) {
    assert(page!.includes(part), `${part} is not in: ${page}`);
  }
  assert(!page!.includes("BOARD"), page);

  const { id: unsent } = await place(app, owner, { MUG: 1 });
  await patch(app, staff, unsent, { status: "PAID" });
  assertEquals((await tryToRefund(app, staff, unsent)).body.status, "succeeded");
  const none = await app.request("GET", invoicePath(unsent), { token: owner.token });
  assertEquals([none.status, none.body.errors[0].code], [409, "not_sold"]);
});

Deno.test("each parcel's paper declares what is in it, and all of them together what the order's does", async () => {
  await using app = await startSellerApp();
  await openBorders(app);
  const [owner, staff, stranger] = [await app.user(), await app.user("staff"), await app.user()];
  const [mug, bowl] = [
    (await addExport(app, { sku: "MUG", prices: { EUR: 1499 } })).sku,
    (await addExport(app, { sku: "BOWL", prices: { EUR: 2451 } })).sku,
  ];
  const { order } = await checkedOut(app, owner, { [mug]: 3, [bowl]: 1 }, "tok_success");
  const ship = async (body: unknown) => {
    const path = `/v1/orders/${order.id}/shipments`;
    const answer = await app.request("POST", path, { token: staff.token, body });
    assertEquals(answer.status, 201, JSON.stringify(answer.body));
    return answer.body;
  };
  const first = await ship({ items: [{ line: 1, quantity: 2 }] });
  const paperOf = async (path: string) => (await textOfPages(await fetchPdf(app, staff, path))).join(" ");
  const [before, declared] = [await paperOf(parcelPath(first.id)), await paperOf(invoicePath(order.id))];
  const second = await ship({});
  const papers = [await paperOf(parcelPath(first.id)), await paperOf(parcelPath(second.id))];

  assertEquals(papers[0], before, "what leaves later changes nothing of it");
  for (
    const [index, parts] of [
      [
        `${order.number}-1`,
        first.shipped_at.slice(0, 10),
        "MUG Name of MUG 691200 PT 2 0.350 14.99 29.98",
        "Units 2",
      ],
      [`${order.number}-2`, "MUG Name of MUG 691200 PT 1 0.350 14.99 14.99", "BOWL 691200 PT 1", "Units 2"],
    ].entries()
  ) {
    for (const part of parts) assert(papers[index]!.includes(part), `${part} is not in: ${papers[index]}`);
  }
  assert(!papers[0]!.includes("BOWL"), papers[0]);
  for (const label of ["Subtotal, goods", "Shipping", "Duty", "Tax", "Total"]) {
    const inCents = (paper: string) =>
      Math.round(100 * Number(new RegExp(`${label} (\\d+\\.\\d\\d)`).exec(paper)![1]));
    assert(inCents(declared) > 0, declared);
    assertEquals(inCents(papers[0]!) + inCents(papers[1]!), inCents(declared), label);
  }

  const ask = (user: typeof owner, headers = {}) =>
    app.request("GET", parcelPath(first.id), { token: user.token, headers });
  const { status, headers } = await ask(owner);
  assertEquals([status, headers.get("Content-Disposition")], [
    200,
    `inline; filename="${order.number}-1-commercial-invoice.pdf"`,
  ]);
  assertEquals((await ask(owner, { "If-None-Match": headers.get("ETag")! })).status, 304);
  assertEquals((await ask(stranger)).status, 404);
});

Deno.test("a cancelled parcel has no paper, the others keep their numbers, and together they declare what the order's does", async () => {
  await using app = await startSellerApp();
  await openBorders(app);
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addExport(app, { sku: "MUG", prices: { EUR: 1499 } });
  const { order } = await checkedOut(app, owner, { [sku]: 3 }, "tok_success");
  const ship = async (quantity: number) => {
    const body = { items: [{ line: 1, quantity }] };
    const path = `/v1/orders/${order.id}/shipments`;
    return (await app.request("POST", path, { token: staff.token, body })).body.id as string;
  };
  const paperOf = async (path: string) => (await textOfPages(await fetchPdf(app, staff, path))).join(" ");
  const [first, wrong] = [await ship(1), await ship(1)];
  const [before, declared] = [await paperOf(parcelPath(first)), await paperOf(invoicePath(order.id))];
  assertEquals(
    (await app.request("POST", `/v1/shipments/${wrong}/cancellation`, { token: staff.token })).status,
    200,
  );
  const none = await app.request("GET", parcelPath(wrong), { token: staff.token });
  assertEquals([none.status, none.body.code, none.body.errors[0].code], [
    409,
    "document_incomplete",
    "not_sent",
  ]);
  const third = await ship(2);
  const papers = [await paperOf(parcelPath(first)), await paperOf(parcelPath(third))];
  assertEquals(papers[0], before);
  assert(papers[1]!.includes(`${order.number}-3 `) && papers[1]!.includes("Units 2"), papers[1]);
  for (const label of ["Subtotal, goods", "Shipping", "Duty", "Tax", "Total"]) {
    const inCents = (paper: string) =>
      Math.round(100 * Number(new RegExp(`${label} (\\d+\\.\\d\\d)`).exec(paper)![1]));
    assertEquals(inCents(papers[0]!) + inCents(papers[1]!), inCents(declared), label);
  }
  assertEquals(await paperOf(invoicePath(order.id)), declared);
});

Deno.test("another customer gets the answer of an order that is not there", async () => {
  await using app = await startSellerApp();
  const [owner, stranger] = [await app.user(), await app.user()];
  const order = await placeAbroad(app, owner, GOODS);
  const theirs = await app.request("GET", invoicePath(order.id), { token: stranger.token });
  const none = await app.request("GET", invoicePath(newId()), { token: stranger.token });
  assertEquals([theirs.status, theirs.body.detail], [404, none.body.detail]);
  assertEquals((await app.request("GET", invoicePath(order.id))).status, 401);
});

Deno.test("an incomplete invoice is refused with what is missing, unless the goods stay in the country", async () => {
  await using app = await startTestApp();
  const owner = await app.user();
  const order = await placeAbroad(app, owner, [
    { sku: "MUG", price: 1499, quantity: 2, hs_code: null },
    { sku: "BOARD", price: 2450, quantity: 1, weight_grams: null },
  ]);
  const refused = await app.request("GET", invoicePath(order.id), { token: owner.token });
  assertEquals([refused.status, refused.body.code], [409, "document_incomplete"]);
  assertEquals(refused.body.errors.map(({ pointer }: { pointer: string }) => pointer), [
    "/seller/name",
    "/seller/address",
    "/items/0/hs_code",
    "/items/1/weight_grams",
  ]);
  await addProduct(app, { sku: "PLAIN" });
  const domestic = await place(app, owner, { PLAIN: 1 });
  assertEquals((await app.request("GET", invoicePath(domestic.id), { token: owner.token })).status, 200);
});

Deno.test("an order of 120 lines is printed whole, on several pages", async () => {
  await using app = await startSellerApp();
  const owner = await app.user();
  const goods = Array.from({ length: 120 }, (_, index) => ({
    sku: `SKU-${index + 1}`,
    price: 1000 + index,
    quantity: 1 + index % 4,
    hs_code: String(69120000 + index),
    country_of_origin: ["PT", "JP", "CN"][index % 3]!,
    weight_grams: 100 + index,
  }));
  const order = await placeAbroad(app, owner, goods, { currency: "KWD" });
  const pages = await textOfPages(await fetchInvoice(app, owner, order.id));
  assert(pages.length > 2);
  const text = pages.join(" ");
  const dinars = (fils: number) => (fils / 1000).toFixed(3);
  for (const { sku, price, quantity, hs_code, country_of_origin, weight_grams } of goods) {
    const row = `${sku} Name of ${sku} ${hs_code} ${country_of_origin} ${quantity} ${dinars(weight_grams)} ${
      dinars(price)
    } ${dinars(price * quantity)}`;
    assert(text.includes(row), `${row} is not in: ${text}`);
  }
  assert(text.includes(`Total ${dinars(order.total_price)} KWD`));
});

import { assertEquals } from "@std/assert";
import { extractText, getDocumentProxy } from "unpdf";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { addProduct, orderBody } from "../../support/orders.ts";

const SEOUL = {
  name: "홍길동 Hong Gildong",
  lines: ["서울특별시 강남구 테헤란로 152"],
  city: "Seoul",
  postal_code: "06236",
  country: "KR",
};

export const CONSIGNEE = { name: "Hong Gildong", id_type: "PCCC", id_number: "P123456789012" };

const SELLER = {
  SELLER_NAME: "Nordhafen Keramik GmbH",
  SELLER_ADDRESS: "Speicherstraße 14 | 20457 Hamburg | Germany",
  SELLER_TAX_ID: "DE123456789012345",
};

export function startSellerApp(): Promise<TestApp> {
  return startTestApp(SELLER);
}

export interface GoodsFacts {
  sku: string;
  price: number;
  quantity: number;
  hs_code?: string | null;
  country_of_origin?: string | null;
  weight_grams?: number | null;
}

/** An order of goods with what customs want to know of them, placed by staff for its owner. */
export async function placeAbroad(
  app: TestApp,
  owner: TestUser,
  goods: GoodsFacts[],
  { currency = "EUR", ship_to = SEOUL as Record<string, unknown> } = {},
) {
  for (const { sku, price, hs_code = "69120023", country_of_origin = "PT", weight_grams = 350 } of goods) {
    await addProduct(app, { sku, prices: { [currency]: price } });
    await app.deps.sql`
      update products
      set hs_code = ${hs_code}, country_of_origin = ${country_of_origin}, weight_grams = ${weight_grams}
      where sku = ${sku}`;
  }
  const quantities = Object.fromEntries(goods.map(({ sku, quantity }) => [sku, quantity]));
  const answer = await app.request("POST", "/v1/orders", {
    token: owner.token,
    body: orderBody(quantities, { currency, ship_to }),
  });
  assertEquals(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

export const consigneePath = (id: string) => `/v1/orders/${id}/consignee`;
export const invoicePath = (id: string) => `/v1/orders/${id}/documents/commercial-invoice.pdf`;
export const parcelPath = (id: string) => `/v1/shipments/${id}/documents/commercial-invoice.pdf`;

/** The bytes of an order's invoice as a client gets them. */
export function fetchInvoice(app: TestApp, user: TestUser, id: string): Promise<Uint8Array<ArrayBuffer>> {
  return fetchPdf(app, user, invoicePath(id));
}

export async function fetchPdf(app: TestApp, user: TestUser, path: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await app.fetch(
    new Request(`http://waybill.test${path}`, {
      headers: { Authorization: `Bearer ${user.token}` },
    }),
  );
  assertEquals([response.status, response.headers.get("Content-Type")], [200, "application/pdf"]);
  return new Uint8Array(await response.arrayBuffer());
}

/** What a reader of the PDF finds on each page, with single spaces. */
export async function textOfPages(pdf: Uint8Array): Promise<string[]> {
  const document = await getDocumentProxy(pdf.slice());
  const { text } = await extractText(document, { mergePages: false });
  return text.map((page) => page.replace(/\s+/g, " "));
}

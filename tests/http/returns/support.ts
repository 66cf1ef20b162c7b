import { assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import { type Answer, startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { addExport, checkedOut, openBorders } from "../../support/checkout.ts";
import { deliver } from "../../support/orders.ts";

/** A shop with an owner whose order of `quantity` × 14.99 EUR to GB was paid by the sandbox and has been delivered. */
export interface Shop {
  app: TestApp;
  owner: TestUser;
  staff: TestUser;
  sku: string;
  order: Answer["body"];
}

/**
 * 3 × 14.99 = 44.97, shipping 5.00, duty 10 % of 49.97 → 5.00, VAT 20 % of 54.97 → 10.99, of which 1.00 is the shipping's.
 */
export async function startShop(
  { quantity = 3, paymentMethod = "tok_success" }: { quantity?: number; paymentMethod?: string } = {},
): Promise<Shop> {
  const app = await startTestApp();
  await openBorders(app);
  const [owner, staff] = [await app.user(), await app.user("staff")];
  const { sku } = await addExport(app, { stock: 100, prices: { EUR: 1499 } });
  const { order } = await checkedOut(app, owner, { [sku]: quantity }, paymentMethod);
  return { app, owner, staff, sku, order: await deliver(app, staff, order.id) };
}

export function ask(app: TestApp, user: TestUser, orderId: string, quantity: number, key?: string) {
  return app.request("POST", `/v1/orders/${orderId}/returns`, {
    token: user.token,
    body: { items: [{ line: 1, quantity }], reason: "Too small" },
    headers: key === undefined ? {} : { "Idempotency-Key": key },
  });
}

export function change(
  app: TestApp,
  user: TestUser,
  id: string,
  body: unknown,
  headers: Record<string, string> = {},
) {
  return app.request("PATCH", `/v1/returns/${id}`, { token: user.token, body, headers });
}

/** Of line 1, unless `more` names other items. */
export function receive(
  app: TestApp,
  user: TestUser,
  id: string,
  [restocked, written_off]: [number, number],
  { key, ...more }: { key?: string; [field: string]: unknown } = {},
) {
  return app.request("POST", `/v1/returns/${id}/receipt`, {
    token: user.token,
    body: { items: [{ line: 1, restocked, written_off }], ...more },
    headers: key === undefined ? {} : { "Idempotency-Key": key },
  });
}

export function refund(
  app: TestApp,
  user: TestUser,
  id: string,
  body?: unknown,
  key: string = newId(),
) {
  return app.request("POST", `/v1/returns/${id}/refund`, {
    token: user.token,
    body,
    headers: { "Idempotency-Key": key },
  });
}

export async function approved({ app, owner, staff, order }: Shop, quantity: number) {
  const asked = await ask(app, owner, order.id, quantity);
  assertEquals(asked.status, 201, JSON.stringify(asked.body));
  const { status, body } = await change(app, staff, asked.body.id, { status: "approved" });
  assertEquals(status, 200, JSON.stringify(body));
  return body;
}

export async function received(shop: Shop, units: [restocked: number, writtenOff: number]) {
  const { id } = await approved(shop, units[0] + units[1]);
  const { status, body } = await receive(shop.app, shop.staff, id, units);
  assertEquals(status, 201, JSON.stringify(body));
  return body;
}

export async function get(app: TestApp, user: TestUser, path: string) {
  return await app.request("GET", path, { token: user.token });
}

import { assertEquals } from "@std/assert";
import type { Answer, RequestOptions, TestApp } from "../../support/app.ts";

/** Someone with a cart or without one: a user by their access token, a guest by nothing or by the cart's token. */
export class Shopper {
  readonly #app: TestApp;
  readonly token?: string;
  cartToken?: string;

  constructor(app: TestApp, known: { token?: string; cartToken?: string } = {}) {
    this.#app = app;
    this.token = known.token;
    this.cartToken = known.cartToken;
  }

  call(method: string, path: string, { headers, ...options }: RequestOptions = {}): Promise<Answer> {
    return this.#app.request(method, `/v1/carts${path}`, {
      token: this.token,
      headers: { ...this.cartToken !== undefined && { "Cart-Token": this.cartToken }, ...headers },
      ...options,
    });
  }

  /** Creates a cart in EUR of so many units by SKU, keeps its token, and gives it. */
  async create(quantities: Record<string, number> = {}, more: Record<string, unknown> = {}) {
    const items = Object.entries(quantities).map(([sku, quantity]) => ({ sku, quantity }));
    const { status, body } = await this.call("POST", "", { body: { currency: "EUR", items, ...more } });
    assertEquals(status, 201, JSON.stringify(body));
    this.cartToken = body.token;
    return body;
  }

  read = (id: string) => this.call("GET", `/${id}`);
  patch = (id: string, body: unknown, headers: Record<string, string> = {}) =>
    this.call("PATCH", `/${id}`, { body, headers });
  add = (id: string, sku: string, quantity: number, headers: Record<string, string> = {}) =>
    this.call("POST", `/${id}/items`, { body: { sku, quantity }, headers });
  set = (id: string, sku: string, quantity: number, headers: Record<string, string> = {}) =>
    this.call("PUT", `/${id}/items/${encodeURIComponent(sku)}`, { body: { quantity }, headers });
  remove = (id: string, sku: string, headers: Record<string, string> = {}) =>
    this.call("DELETE", `/${id}/items/${encodeURIComponent(sku)}`, { headers });
  giveUp = (id: string, headers: Record<string, string> = {}) => this.call("DELETE", `/${id}`, { headers });
  merge = (id: string, headers: Record<string, string> = {}) =>
    this.call("POST", `/${id}/merge`, { headers });
}

/** Units by SKU, in the order of the lines. */
// deno-lint-ignore no-explicit-any
export function unitsOf(cart: any): [string, number][] {
  return cart.items.map(({ sku, quantity }: { sku: string; quantity: number }) => [sku, quantity]);
}

/** The cart that its events tell of: the first, with the changes of the others made to it. */
// deno-lint-ignore no-explicit-any
export function replayed([first, ...others]: any[]): any {
  const lines = new Map<string, object>(first.items.map(({ sku, ...line }: { sku: string }) => [sku, line]));
  let header = first;
  for (const { changes, added = [], items: _, ...next } of others) {
    header = { ...header, ...next };
    for (const sku of added) lines.set(sku, {});
    for (const [field, { to }] of Object.entries<{ to: object | null }>(changes)) {
      const sku = /^items\/(.+)$/.exec(field)?.[1];
      if (sku !== undefined && to === null) lines.delete(sku);
      if (sku !== undefined && to !== null) lines.set(sku, to);
    }
  }
  return { ...header, items: [...lines].map(([sku, line]) => ({ sku, ...line })) };
}

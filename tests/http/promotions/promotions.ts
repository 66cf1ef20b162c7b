import { assertEquals } from "@std/assert";
import { newId } from "../../../src/platform/id.ts";
import type { Answer, TestApp, TestUser } from "../../support/app.ts";

/** Ten percent off of everything, for ever. */
export const TEN_OFF = { code: "WELCOME10", name: "Welcome", percent_off: "10" };

export const at = ({ id }: { id: string }) => `/v1/promotions/${id}`;

export function send(
  app: TestApp,
  { token }: TestUser,
  body: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return app.request("POST", "/v1/promotions", { token, body, headers });
}

/** Adds a promotion and returns it. */
export async function create(
  app: TestApp,
  staff: TestUser,
  more: Record<string, unknown> = {},
): Promise<Answer["body"]> {
  const { status, body } = await send(app, staff, { ...TEN_OFF, ...more });
  assertEquals(status, 201, JSON.stringify(body));
  return body;
}

export function change(
  app: TestApp,
  { token }: TestUser,
  promotion: { id: string },
  body: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return app.request("PATCH", at(promotion), { token, body, headers });
}

/** Has a customer use a promotion once, by an open quote, an order or both, or gives the use back; the newest id is last. */
export async function redeem(
  { deps: { sql } }: TestApp,
  { id }: { id: string },
  user: TestUser,
  { quoted = true, ordered = false, released = false } = {},
): Promise<{ id: string; quote_id: string | null; order_id: string | null }> {
  const [quoteId, orderId] = [quoted ? newId() : null, ordered ? newId() : null];
  const [use] = await sql<{ id: string; quote_id: string | null; order_id: string | null }[]>`
    insert into promotion_redemptions
      (promotion_id, user_id, quote_id, order_id, currency, amount, created_at, released_at)
    values (${id}, ${user.id}, ${quoteId}, ${orderId}, 'EUR', 599, now(), ${released ? sql`now()` : null})
    returning id::text, quote_id, order_id`;
  if (!released) await sql`update promotions set redeemed = redeemed + 1 where id = ${id}`;
  return use!;
}

/** The fields that an answer says are wrong. */
export const wrong = ({ status, body }: Answer) => [
  status,
  ...(body.errors ?? []).map(({ pointer }: { pointer: string }) => pointer),
];

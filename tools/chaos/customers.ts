/** Customers who never give up: each order is asked for with one key until there is an answer. */

import { setTimeout as delay } from "node:timers/promises";
import { loadConfig } from "../../src/config.ts";
import { openAccessTokens } from "../../src/identity/mod.ts";
import { clientOf, newShopping, type Shopping } from "./client.ts";
import { goTheWholeWay, SHIP_TO } from "./checkouts.ts";
import { couponOf, openPromotions, orderWith } from "./coupons.ts";
import { openCampaign } from "./points.ts";
import type { Stage } from "./stage.ts";

const CLIENTS = 24;

/**
 * Places so many orders in about so long. Every other one goes the whole way from a cart to its payment; of the rest every
 * tenth is cancelled right away by its owner.
 */
export async function shop(
  stage: Stage,
  orders: number,
  overMs: number,
  random: () => number,
): Promise<Shopping> {
  const shopping = newShopping();
  const ask = clientOf(stage, shopping);
  const staff = await staffToken(stage);
  const accessTokens = await openAccessTokens(loadConfig(stage.env));
  const tokens = await Promise.all(
    stage.shop.customers.map((userId) => accessTokens.sign({ userId, role: "customer" }, new Date())),
  );
  await openPromotions(stage.sql, orders);
  await openCampaign(stage.sql);
  const started = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    for (let turn = next++; turn < orders; turn = next++) {
      const due = started + turn * overMs / orders;
      if (due > performance.now()) await delay(due - performance.now());
      const customer = turn % tokens.length;
      const [token, coupon] = [tokens[customer]!, couponOf(customer)];
      const any = () => stage.shop.skus[Math.floor(random() * stage.shop.skus.length)]!;
      const items = Array.from({ length: 1 + turn % 3 }, () => ({ sku: any(), quantity: 1 + turn % 4 }));
      if (turn % 2 === 1) {
        await goTheWholeWay({
          stage,
          shopping,
          ask,
          token,
          staffToken: staff,
          turn: (turn - 1) / 2,
          items,
          coupon,
        });
        continue;
      }
      const body = { items, currency: "EUR", ship_to: SHIP_TO, shipping_option: "standard" };
      const call = { token, path: "/v1/orders", body, key: `chaos-${turn}` };
      const { body: order } = await orderWith(ask, call, coupon);
      if (!order) continue;
      shopping.placed.push(order.id);
      if (turn % 10 !== 0) continue;
      const { body: cancelled } = await ask({ token, path: `/v1/orders/${order.id}/cancellation` });
      if (cancelled) shopping.cancelled.add(order.id);
    }
  }));
  return shopping;
}

/** Who ships, refunds and cancels. Good for 15 minutes. */
export async function staffToken({ env, shop }: Stage): Promise<string> {
  const accessTokens = await openAccessTokens(loadConfig(env));
  return await accessTokens.sign({ userId: shop.adminId, role: "admin" }, new Date());
}

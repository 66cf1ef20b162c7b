/** Customers who never give up: each order is asked for with one key until there is an answer. */

import { loadConfig } from "../../src/config.ts";
import { openAccessTokens } from "../../src/identity/mod.ts";
import { pause, type Stage } from "./stage.ts";

const CLIENTS = 16;
const RETRY_MS = 100;
const PATIENCE_MS = 5000;
const SHIP_TO = { name: "Ada", lines: ["Hauptstr. 1"], city: "Berlin", postal_code: "10115", country: "DE" };

export interface Shopping {
  /** Ids of the orders that were answered with 201. */
  placed: string[];
  cancelled: Set<string>;
  /** Answers that no order should ever get, by what they were. */
  strange: Record<string, number>;
  attempts: number;
}

/** Places so many orders in about so long; every tenth is cancelled right away by its owner. */
export async function shop(
  stage: Stage,
  orders: number,
  overMs: number,
  random: () => number,
  onPlaced: (count: number) => void,
): Promise<Shopping> {
  const accessTokens = await openAccessTokens(loadConfig(stage.env));
  const tokens = await Promise.all(
    stage.shop.customers.map((userId) => accessTokens.sign({ userId, role: "customer" }, new Date())),
  );
  const shopping: Shopping = { placed: [], cancelled: new Set(), strange: {}, attempts: 0 };
  const started = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    for (let turn = next++; turn < orders; turn = next++) {
      const due = started + turn * overMs / orders;
      if (due > performance.now()) await pause(due - performance.now());
      const token = tokens[turn % tokens.length]!;
      const any = () => stage.shop.skus[Math.floor(random() * stage.shop.skus.length)]!;
      const items = Array.from({ length: 1 + turn % 3 }, () => ({ sku: any(), quantity: 1 + turn % 4 }));
      const body = { items, currency: "EUR", ship_to: SHIP_TO };
      const order = await insist(stage, shopping, "/v1/orders", token, body, `chaos-${turn}`);
      if (!order) continue;
      shopping.placed.push(order.id);
      onPlaced(shopping.placed.length);
      if (
        turn % 10 === 0 && await insist(stage, shopping, `/v1/orders/${order.id}/cancellation`, token, {})
      ) {
        shopping.cancelled.add(order.id);
      }
    }
  }));
  return shopping;
}

async function insist(
  stage: Stage,
  shopping: Shopping,
  path: string,
  token: string,
  body: unknown,
  key?: string,
): Promise<{ id: string } | undefined> {
  for (;;) {
    shopping.attempts++;
    const response = await fetch(`${stage.apiUrl}${path}`, {
      method: "POST",
      headers: {
        "Authorization": `Bearer ${token}`,
        "Content-Type": "application/json",
        ...key !== undefined && { "Idempotency-Key": key },
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    }).catch(() => undefined);
    const answer = await response?.json().catch(() => undefined);
    if (response?.ok && answer) return answer;
    const mayPass = !response || !answer || response.status === 503 ||
      answer.code === "idempotency_in_progress";
    if (!mayPass) {
      const what = `${response.status} ${answer.code}`;
      shopping.strange[what] = (shopping.strange[what] ?? 0) + 1;
      return undefined;
    }
    await pause(RETRY_MS);
  }
}

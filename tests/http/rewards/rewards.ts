import { assertEquals } from "@std/assert";
import type { Answer, TestApp, TestUser } from "../../support/app.ts";
import { doJobs, readLog } from "../../support/worker.ts";

/** Two points for each euro, on everything, from now on. */
export const TWO_A_EURO = { name: "Two a euro", points: 2, per_amount: [{ currency: "EUR", amount: 100 }] };
/** For 50 points 10 % off of everything. */
export const TEN_OFF = { name: "Ten percent off", points: 50, percent_off: "10" };

async function added(app: TestApp, { token }: TestUser, path: string, body: object): Promise<Answer["body"]> {
  const answer = await app.request("POST", path, { token, body });
  assertEquals(answer.status, 201, JSON.stringify(answer.body));
  return answer.body;
}

export const addCampaign = (app: TestApp, staff: TestUser, more: Record<string, unknown> = {}) =>
  added(app, staff, "/v1/campaigns", { ...TWO_A_EURO, ...more });

export const addReward = (app: TestApp, staff: TestUser, more: Record<string, unknown> = {}) =>
  added(app, staff, "/v1/rewards", { ...TEN_OFF, ...more });

/** Gives a customer points, or takes some. */
export const givePoints = (app: TestApp, staff: TestUser, { id }: TestUser, points: number) =>
  added(app, staff, `/v1/users/${id}/points/adjustments`, { points, reason: "Test" });

export function redeem(
  app: TestApp,
  { token }: TestUser,
  { id }: { id: string },
  headers: Record<string, string> = {},
): Promise<Answer> {
  return app.request("POST", `/v1/rewards/${id}/redemptions`, { token, headers });
}

/** Does what follows from orders' money, as the worker does. */
export async function settle({ deps }: TestApp): Promise<number> {
  await readLog(deps);
  return await doJobs(deps, "rewards.settle");
}

export async function balanceOf(app: TestApp, { id, token }: TestUser): Promise<number> {
  const { status, body } = await app.request("GET", `/v1/users/${id}/points`, { token });
  assertEquals(status, 200, JSON.stringify(body));
  return body.balance;
}

/** How a customer's points came and went, the oldest first: `kind points → balance`. */
export async function movementsOf(app: TestApp, { id, token }: TestUser): Promise<string[]> {
  const { body } = await app.request("GET", `/v1/users/${id}/points/movements?limit=100`, { token });
  return body.data.toReversed().map((each: Record<string, unknown>) =>
    `${each.kind} ${each.points} → ${each.balance}`
  );
}

/** What an order has by its campaigns: points of full points. */
export async function pointsOf(
  app: TestApp,
  { token }: TestUser,
  { id }: { id: string },
): Promise<[number, number][]> {
  const { status, body } = await app.request("GET", `/v1/orders/${id}/points`, { token });
  assertEquals(status, 200, JSON.stringify(body));
  return body.campaigns.map((
    each: { points: number; full_points: number },
  ) => [each.points, each.full_points]);
}

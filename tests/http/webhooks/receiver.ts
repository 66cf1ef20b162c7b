import { assertEquals } from "@std/assert";
import { type Deps, systemCtx } from "../../../src/deps.ts";
import type { Clock } from "../../../src/platform/clock.ts";
import { openJob } from "../../../src/platform/jobs.ts";
import { deliverWebhook } from "../../../src/webhooks/mod.ts";
import { HANDLERS } from "../../../workers/handlers.ts";
import { startTestApp, type TestApp, type TestUser } from "../../support/app.ts";
import { addProduct, place } from "../../support/orders.ts";
import { readLog } from "../../support/worker.ts";

/** Lets receivers on this machine be told. */
export const LOCAL = { WEBHOOK_ALLOW_PRIVATE_ADDRESSES: "true" };

/** What a receiver was sent. */
export interface Received {
  headers: Record<string, string>;
  body: string;
  /** The body, read. */
  // deno-lint-ignore no-explicit-any
  message: any;
}

/** Another system, on this machine. Answers 200 unless `answer` says otherwise. */
export interface Receiver extends AsyncDisposable {
  url: string;
  port: number;
  received: Received[];
  answer: (received: Received) => Response | Promise<Response>;
}

export function startReceiver(): Receiver {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const body = await request.text();
    const received = { headers: Object.fromEntries(request.headers), body, message: JSON.parse(body) };
    receiver.received.push(received);
    return await receiver.answer(received);
  });
  const receiver: Receiver = {
    url: `http://127.0.0.1:${server.addr.port}/hooks?from=waybill`,
    port: server.addr.port,
    received: [],
    answer: () => new Response("ok"),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return receiver;
}

export async function createEndpoint(
  app: TestApp,
  staff: TestUser,
  url: string,
  eventTypes: string[] = ["*"],
) {
  const { status, body } = await app.request("POST", "/v1/webhook-endpoints", {
    token: staff.token,
    body: { url, event_types: eventTypes },
  });
  assertEquals(status, 201, JSON.stringify(body));
  return body;
}

/** Asks as this user, and expects this status. */
export async function ask(
  app: TestApp,
  user: TestUser,
  method: string,
  path: string,
  expected: number,
  body?: unknown,
) {
  const answer = await app.request(method, path, { token: await tokenNow(app, user), body });
  assertEquals(answer.status, expected, JSON.stringify(answer.body));
  return answer.body;
}

/** The user's token, made anew: a test's clock may have passed the end of the first. */
function tokenNow({ deps: { accessTokens, clock } }: TestApp, { id, token }: TestUser): Promise<string> {
  const { role } = JSON.parse(atob(token.split(".")[1]!));
  return accessTokens.sign({ userId: id, role }, clock.now());
}

/** The one delivery of an endpoint, attempt by attempt. */
export async function onlyDelivery(app: TestApp, staff: TestUser, endpointId: string) {
  const { data } = await ask(app, staff, "GET", `/v1/webhook-endpoints/${endpointId}/deliveries`, 200);
  assertEquals(data.length, 1);
  return await ask(app, staff, "GET", `/v1/webhook-deliveries/${data[0].id}`, 200);
}

export function endpointOf(app: TestApp, staff: TestUser, id: string) {
  return ask(app, staff, "GET", `/v1/webhook-endpoints/${id}`, 200);
}

export async function placeOne(app: TestApp) {
  const { sku } = await addProduct(app);
  return await place(app, await app.user(), { [sku]: 1 });
}

/** An app with one endpoint, for new orders, and `orders` of them that it has not been told of yet. */
export async function startTold({ orders, clock }: { orders: number; clock?: Clock }) {
  const app = await startTestApp(LOCAL, { clock });
  const receiver = startReceiver();
  const staff = await app.user("staff");
  const { id } = await createEndpoint(app, staff, receiver.url, ["order.created"]);
  for (let placed = 0; placed < orders; placed++) await placeOne(app);
  await readLog(app.deps);
  return {
    app,
    receiver,
    staff,
    id,
    async [Symbol.asyncDispose]() {
      await receiver[Symbol.asyncDispose]();
      await app[Symbol.asyncDispose]();
    },
  };
}

const MAX_DUE = 100;

/** Makes the attempts that are due, as a worker does. Gives how many. @throws when they do not end */
export async function deliverDue(deps: Deps): Promise<number> {
  const boss = await deps.jobs.boss();
  let made = 0;
  for (;;) {
    const jobs = await boss.fetch<object>(deliverWebhook.name, { batchSize: 20 });
    if (jobs.length === 0) return made;
    if (made > MAX_DUE) throw new Error("Every attempt makes another one that is due at once.");
    for (const job of jobs) {
      const { data } = openJob(deliverWebhook, job.data);
      const ctx = systemCtx(deps, deliverWebhook.name);
      await HANDLERS["webhooks.deliver"].alone(ctx, data, new AbortController().signal);
      await boss.complete(deliverWebhook.name, job.id);
      made++;
    }
  }
}

/** When the attempt that waits is to be made, by its job. */
export async function nextJobAt({ sql }: Deps, deliveryId: string): Promise<string | undefined> {
  const [job] = await sql<{ start_after: string }[]>`
    select start_after from pgboss.job
    where name = ${deliverWebhook.name} and state = 'created' and data->>'delivery_id' = ${deliveryId}`;
  return job?.start_after;
}

/** Lets what waits for a later time be due now. */
export async function makeDue({ sql }: Deps): Promise<void> {
  await sql`update pgboss.job set start_after = now() where name = ${deliverWebhook.name} and state = 'created'`;
}

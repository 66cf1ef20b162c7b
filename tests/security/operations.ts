import { assertEquals } from "@std/assert";
import { openApiDocument } from "../../src/app.ts";
import type { Policy } from "../../src/http/router.ts";
import type { Role } from "../../src/platform/ctx.ts";
import { newId } from "../../src/platform/id.ts";
import { startTestApp, type TestApp, type TestUser } from "../support/app.ts";
import { addProduct, orderBody, place } from "../support/orders.ts";

// deno-lint-ignore no-explicit-any
type Json = any;

/** One call of the API as its OpenAPI document describes it. */
export interface Operation {
  /** `GET /v1/orders/{id}` */
  name: string;
  id: string;
  method: string;
  template: string;
  policy: Policy;
  parameters: { name: string; in: string; schema: Json }[];
  contentTypes: string[];
  schema: Json;
  example: Json;
}

const document: Json = openApiDocument();

/** Every call that there is, so that a new one is attacked from its first day on. */
export const operations: Operation[] = Object.entries<Json>(document.paths).flatMap(([template, methods]) =>
  Object.entries<Json>(methods).map(([method, operation]) => {
    const content = operation.requestBody?.content ?? {};
    const [first]: Json[] = Object.values(content);
    return {
      name: `${method.toUpperCase()} ${template}`,
      id: operation.operationId,
      method: method.toUpperCase(),
      template,
      policy: operation["x-policy"],
      parameters: operation.parameters ?? [],
      contentTypes: Object.keys(content),
      schema: resolve(first?.schema),
      example: first?.example,
    };
  })
);

/** A schema with `$ref` replaced by what it names. */
export function resolve(schema: Json): Json {
  return schema?.$ref ? resolve(document.components.schemas[schema.$ref.split("/").pop()]) : schema;
}

export const isGated = ({ template }: Operation) => !/^\/(health|metrics)/.test(template);

const POLICIES: string[] = ["public", "user", "staff", "admin"] satisfies Policy[];

/** What the document fails to say; nothing may run before this is empty. */
export function unpoliced(): string[] {
  return operations.filter(({ policy }) => !POLICIES.includes(policy)).map(({ name }) => name);
}

/** Where nothing is sent to in these tests: an address, so that nothing is looked up either. */
const PUBLIC_URL = "https://1.1.1.1/webhooks";

/** The whole API with one of each kind of caller, and something that belongs to a customer. */
export interface World {
  app: TestApp;
  owner: TestUser;
  stranger: TestUser;
  staff: TestUser;
  admin: TestUser;
  product: { id: string; sku: string };
  order: { id: string; number: string };
  webhook: { endpointId: string; deliveryId: string };
  /** An event that was given up. */
  outboxPosition: number;
  notification: { id: string };
  job: { id: string };
}

export async function makeWorld(app: TestApp): Promise<World> {
  const [owner, stranger, staff, admin] = await Promise.all([
    app.user(),
    app.user(),
    app.user("staff"),
    app.user("admin"),
  ]);
  const product = await addProduct(app, { stock: 10_000 });
  const order = await place(app, owner, { [product.sku]: 1 });
  const { body: endpoint } = await app.request("POST", "/v1/webhook-endpoints", {
    token: staff.token,
    body: { url: PUBLIC_URL, event_types: ["*"] },
  });
  const webhook = { endpointId: endpoint.id, deliveryId: newId() };
  await app.deps.sql`
    insert into webhook_deliveries (id, endpoint_id, event_type, status, created_at, finished_at)
    values (${webhook.deliveryId}, ${webhook.endpointId}, 'webhook.ping', 'failed', now(), now())`;
  const [dead] = await app.deps.sql`
    insert into outbox (position, shard, message_key, status, dead_at)
    select position, shard_of(aggregate_id), aggregate_id, 'dead', now() from events order by position limit 1
    returning position`;
  const outboxPosition: number = dead!.position;
  const notification = { id: newId() };
  await app.deps.sql`
    insert into notifications (id, user_id, order_id, template, recipient, subject, body, status, created_at)
    values (${notification.id}, ${owner.id}, ${order.id}, 'order_confirmed', ${owner.email}, 'A', 'B', 'kept', now())`;
  const [job] = await app.deps.sql<{ id: string }[]>`
    insert into pgboss.job (name, data) values ('orders.process', ${
    app.deps.sql.json({ order_id: order.id })
  }) returning id`;
  return {
    app,
    owner,
    stranger,
    staff,
    admin,
    product,
    order,
    webhook,
    outboxPosition,
    notification,
    job: job!,
  };
}

/** Runs a test in a world of its own. */
export async function inWorld(work: (world: World) => Promise<void>, env?: Record<string, string>) {
  await using app = await startTestApp(env);
  await work(await makeWorld(app));
}

interface Feed {
  existing: (world: World) => string;
  missing: () => string;
  /** Whether what it names belongs to a user, so that other customers may not even know of it. */
  owned: boolean;
}

/** What to put into a path's parameters, by the path up to that parameter. */
const FEEDS: Record<string, Feed> = {
  "/v1/users/{id}": { existing: ({ owner }) => owner.id, missing: newId, owned: true },
  "/v1/orders/{id}": { existing: ({ order }) => order.id, missing: newId, owned: true },
  "/v1/orders/user/{user_id}": { existing: ({ owner }) => owner.id, missing: newId, owned: true },
  "/v1/products/{id_or_sku}": { existing: ({ product }) => product.id, missing: newId, owned: false },
  "/v1/inventory/{sku}": { existing: ({ product }) => product.sku, missing: () => "NO-SUCH", owned: false },
  "/v1/notifications/{id}": { existing: ({ notification }) => notification.id, missing: newId, owned: true },
  "/v1/admin/jobs/{id}": { existing: ({ job }) => job.id, missing: newId, owned: false },
  "/v1/admin/outbox/{position}": {
    existing: ({ outboxPosition }) => String(outboxPosition),
    missing: () => "999999999",
    owned: false,
  },
  "/v1/webhook-endpoints/{id}": {
    existing: ({ webhook }) => webhook.endpointId,
    missing: newId,
    owned: false,
  },
  "/v1/webhook-deliveries/{id}": {
    existing: ({ webhook }) => webhook.deliveryId,
    missing: newId,
    owned: false,
  },
};

/** The feed of each parameter in a path. @throws for one that this file knows nothing of */
function feedsOf({ name, template }: Operation): [parameter: string, feed: Feed][] {
  return [...template.matchAll(/\{[^}]+\}/g)].map((match) => {
    const prefix = template.slice(0, match.index + match[0].length);
    const feed = FEEDS[prefix];
    if (!feed) {
      throw new Error(`${name}: say in FEEDS of tests/security/operations.ts what ${prefix} can hold`);
    }
    return [match[0], feed];
  });
}

export const isOwned = (operation: Operation) => feedsOf(operation).some(([, { owned }]) => owned);

/** The path of a call to something that is there, or that is not. */
export function pathOf(
  world: World,
  operation: Operation,
  which: "existing" | "missing" = "existing",
): string {
  return feedsOf(operation).reduce(
    (path, [parameter, feed]) => path.replace(parameter, encodeURIComponent(feed[which](world))),
    operation.template,
  );
}

let made = 0;

/** A body that the call accepts: the document's example, where that does not depend on what is in the database. */
export function goodBody({ id, example }: Operation, { product }: World): Json {
  made++;
  const bodies: Record<string, Json> = {
    register: { ...example, email: `registered-${made}@example.com` },
    createUser: { ...example, email: `created-${made}@example.com` },
    createProduct: { ...example, sku: `CREATED-${made}` },
    placeOrder: orderBody({ [product.sku]: 1 }),
    changeOrder: { note: `Note ${made}` },
    createWebhookEndpoint: { ...example, url: PUBLIC_URL },
  };
  return bodies[id] ?? example;
}

/** What a request needs to carry a body of the call's first content type. */
export function bodyOptions({ contentTypes: [type] }: Operation, body: Json) {
  if (type === undefined) return {};
  if (type === "application/x-www-form-urlencoded") return { form: body };
  return { body, headers: { "Content-Type": type } };
}

/** Calls it well. */
export function call(
  world: World,
  operation: Operation,
  token: string | undefined,
  options: { path?: string; body?: Json; headers?: Record<string, string> } = {},
) {
  const sent = bodyOptions(operation, options.body ?? goodBody(operation, world));
  return world.app.request(operation.method, options.path ?? pathOf(world, operation), {
    ...sent,
    token,
    headers: { ...sent.headers, ...options.headers },
  });
}

const RANK = { public: 0, user: 1, staff: 2, admin: 3 };
const RANK_OF_ROLE: Record<Role | "anonymous", number> = { anonymous: 0, customer: 1, staff: 2, admin: 3 };

export function mayCall(role: Role | "anonymous", { policy }: Operation): boolean {
  return RANK_OF_ROLE[role] >= RANK[policy];
}

/** The token of the least caller who may call it; customers own what the paths name. */
export function leastToken({ owner, staff, admin }: World, { policy }: Operation): string | undefined {
  return { public: undefined, user: owner.token, staff: staff.token, admin: admin.token }[policy];
}

/** All that is kept, so that a test can say nothing changed. */
export async function contents({ app: { deps: { sql } } }: World): Promise<Record<string, string>> {
  const tables = await sql<{ name: string }[]>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`;
  const found: Record<string, string> = {};
  for (const { name } of tables) {
    const [row] = await sql`
      select coalesce(md5(string_agg(t::text, e'\n' order by t::text)), 'empty') as hash from ${sql(name)} t`;
    found[name] = row!.hash;
  }
  return found;
}

/** Status, code, and every other word of an answer but those that name the request. */
export function telling({ status, headers, body }: Awaited<ReturnType<TestApp["request"]>>) {
  const { request_id: _, instance: _path, ...rest } = body;
  const changing = ["x-request-id", "ratelimit", "server-timing"];
  return { status, rest, headers: [...headers].filter(([name]) => !changing.includes(name)) };
}

export function assertProblem(
  { status, headers, body }: Awaited<ReturnType<TestApp["request"]>>,
  what: string,
): void {
  assertEquals(headers.get("Content-Type"), "application/problem+json", what);
  assertEquals([body.status, body.type], [status, `urn:waybill:problem:${body.code}`], what);
  assertEquals(body.request_id, headers.get("X-Request-Id"), what);
}

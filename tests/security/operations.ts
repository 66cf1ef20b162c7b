import { assertEquals } from "@std/assert";
import { openApiDocument } from "../../src/app.ts";
import type { Policy } from "../../src/http/router.ts";
import type { Role } from "../../src/platform/ctx.ts";
import { newId } from "../../src/platform/id.ts";
import type { TestApp } from "../support/app.ts";
import { ADA_IN_LEEDS } from "../support/checkout.ts";
import { orderBody } from "../support/orders.ts";
import { feedsOf } from "./feeds.ts";
import { PUBLIC_URL, type World } from "./world.ts";

export { inWorld, type World } from "./world.ts";

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
  /** What an API key must have; undefined: nobody looks at who calls. */
  scope?: string;
  description?: string;
  parameters: { name: string; in: string; required?: boolean; schema: Json }[];
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
      scope: operation["x-scope"],
      description: operation.description,
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
export function goodBody({ id, example }: Operation, { product, carts }: World): Json {
  made++;
  const bodies: Record<string, Json> = {
    register: { ...example, email: `registered-${made}@example.com` },
    adjustStockLevels: { ...example, items: [{ sku: product.sku, delta: 1 }], reference: `DOC-${made}` },
    createApiKey: { ...example, scopes: ["identity:read"] },
    createUser: { ...example, email: `created-${made}@example.com` },
    createProduct: { ...example, sku: `CREATED-${made}` },
    createPromotion: { ...example, code: `CREATED-${made}` },
    placeOrder: orderBody({ [product.sku]: 1 }, { shipping_option: "standard" }),
    changeOrder: { note: `Note ${made}` },
    createCart: { ...example, items: [{ sku: product.sku, quantity: 2 }] },
    addCartItem: { sku: product.sku, quantity: 1 },
    quoteCart: { ...example, shipping_option: "standard" },
    checkOut: { ...example, quote_id: carts.quote.id, ship_to: ADA_IN_LEEDS },
    createPayment: { ...example, amount: 1 },
    recordManualPayment: { amount: 1 },
    capturePayment: { amount: 1 },
    shipOrder: { ...example, items: [{ line: 1, quantity: 1 }] },
    disputeSandboxCharge: { status: "needs_response" },
    refundOrder: { amount: 1, reason: "Arrived broken" },
    requestReturn: { ...example, items: [{ line: 1, quantity: 1 }] },
    changeReturn: { status: "cancelled" },
    receiveReturn: { ...example, items: [{ line: 1, restocked: 1, written_off: 0 }] },
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

/** What moves money is refused without a key. */
function needsKey({ parameters }: Operation): boolean {
  return parameters.some(({ name, required }) => name === "Idempotency-Key" && required);
}

/** What customers have to ask for, where not all of it is theirs. */
const QUERY: Record<string, string> = { listStockLevels: "?skus=MUG-BLUE" };

/** Calls it well. */
export function call(
  world: World,
  operation: Operation,
  token: string | undefined,
  options: { path?: string; body?: Json; headers?: Record<string, string> } = {},
) {
  const sent = bodyOptions(operation, options.body ?? goodBody(operation, world));
  return world.app.request(
    operation.method,
    options.path ?? `${pathOf(world, operation)}${QUERY[operation.id] ?? ""}`,
    {
      ...sent,
      token,
      headers: {
        ...needsKey(operation) && { "Idempotency-Key": newId() },
        ...sent.headers,
        ...options.headers,
      },
    },
  );
}

const RANK = { public: 0, user: 1, staff: 2, admin: 3 };
const RANK_OF_ROLE: Record<Role | "anonymous", number> = { anonymous: 0, customer: 1, staff: 2, admin: 3 };

export function mayCall(role: Role | "anonymous", { policy }: Operation): boolean {
  return RANK_OF_ROLE[role] >= RANK[policy];
}

/** The token of the least caller who may call it; customers own what the paths name. */
export function leastToken(
  { owner, guest, staff, admin }: World,
  { id, policy }: Operation,
): string | undefined {
  if (id === "registerGuest") return guest.token;
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

import { type RouteConfig, z } from "@hono/zod-openapi";
import { type Json, resolved } from "./generators.ts";
import type { EndpointOptions } from "./router.ts";

/** The headers of answers, as components of the OpenAPI document. */
export const HEADERS = {
  "X-Request-Id": {
    required: true,
    description:
      "Names this request in the log: your own, if you sent 1 to 128 of `A–Z a–z 0–9 _ . : / + = @ -`, or a new one",
    schema: { type: "string" as const },
    example: "0b0f5a52-6c1f-4f0e-9d5c-2f6f3a1f9a11",
  },
  "RateLimit": {
    required: true,
    description: "`r` requests are left in this window, which ends in `t` seconds",
    schema: { type: "string" as const },
    example: '"default";r=99;t=1',
  },
  "RateLimit-Policy": {
    required: true,
    description: "`q` requests in a window of `w` seconds",
    schema: { type: "string" as const },
    example: '"default";q=100;w=1',
  },
  "Retry-After": {
    description: "Seconds to wait before the call is worth repeating",
    schema: { type: "integer" as const, minimum: 1 },
    example: 1,
  },
  "ETag": {
    required: true,
    description: "Names what the resource is now, for `If-Match` and `If-None-Match` where a call takes them",
    schema: { type: "string" as const },
    example: '"3"',
  },
  "Idempotency-Replayed": {
    description: "The call was done before, under this `Idempotency-Key`, and was not done again",
    schema: { type: "string" as const, enum: ["true"] },
  },
  "X-Cache-Status": {
    description:
      "`HIT`: read from the cache; `MISS`: from the database, and kept in the cache; `BYPASS`: from the database, as there " +
      "is no cache, or none that can be believed now",
    schema: { type: "string" as const, enum: ["HIT", "MISS", "BYPASS"] },
  },
  "Location": {
    required: true,
    description: "Where the new resource can be read",
    schema: { type: "string" as const, format: "uri-reference" },
  },
};

type Name = keyof typeof HEADERS;
type Route = Pick<RouteConfig, "method" | "path" | "responses">;

/** The responses of a route with the headers that each has; `addLocations` adds one more. */
export function withHeaders(options: EndpointOptions, route: Route): RouteConfig["responses"] {
  return Object.fromEntries(
    Object.entries(route.responses).map(([status, response]) => {
      const headers = headersOf(options, route, Number(status)).map((name) => [name, refTo(name)]);
      return [status, { ...response, headers: Object.fromEntries(headers) }];
    }),
  );
}

/** Whether a call answers 304 to those who have its answer already. */
export function isRevalidated({ responses }: Pick<RouteConfig, "responses">): boolean {
  return "304" in responses;
}

function headersOf(options: EndpointOptions, route: Route, status: number): Name[] {
  if (status === 101) return []; // the answer to an upgrade is Deno's own
  const done = status < 400;
  const idempotent = Boolean(options.idempotent);
  const has: Record<Name, boolean> = {
    "X-Request-Id": true,
    "RateLimit": true,
    "RateLimit-Policy": true,
    "Retry-After": status === 429 || status === 503 || (status === 409 && idempotent),
    "ETag": done && isTagged(options, route, status),
    "Idempotency-Replayed": done && idempotent,
    "X-Cache-Status": done && Boolean(options.isCached || options.cacheKey),
    "Location": false,
  };
  return (Object.keys(has) as Name[]).filter((name) => has[name]);
}

/** What counts its changes has an `ETag`, and what can be revalidated or changed conditionally. */
function isTagged({ conditional }: EndpointOptions, { responses }: Route, status: number): boolean {
  if (conditional === "ends") return false;
  if (conditional || isRevalidated({ responses })) return true;
  const schema = (responses[status] as Json).content?.["application/json"]?.schema;
  return schema instanceof z.ZodObject && "version" in schema.shape;
}

/**
 * Declares `Location` where a POST makes something with an address of its own: its answer, or a part of it, has an id,
 * and it is not the very thing that the POST was made below, as when goods of a return are received.
 */
export function addLocations({ paths, components: { schemas } }: Json): void {
  for (const [path, methods] of Object.entries<Json>(paths)) {
    for (const status of ["201", "202"]) {
      const made = methods.post?.responses[status];
      const schema = made?.content?.["application/json"]?.schema;
      if (!schema || !hasId(schemas, schema)) continue;
      const above = paths[path.slice(0, path.lastIndexOf("/"))]?.get?.responses["200"];
      const read = above?.content?.["application/json"]?.schema;
      if (!read || !isPartOf(schemas, schema, read)) made.headers.Location = refTo("Location");
    }
  }
}

function hasId(schemas: Json, schema: Json): boolean {
  const shape = (each: Json): Json => propertiesOf(schemas, each);
  return [schema, ...Object.values(shape(schema))].some((part) => "id" in shape(part));
}

function isPartOf(schemas: Json, schema: Json, whole: Json): boolean {
  const { allOf = [] } = resolved(schemas, whole);
  return [whole, ...allOf].some(({ $ref }) => $ref !== undefined && $ref === schema.$ref);
}

function propertiesOf(schemas: Json, schema: Json): Json {
  const { properties = {}, allOf = [] } = resolved(schemas, schema);
  return Object.assign({}, properties, ...allOf.map((each: Json) => propertiesOf(schemas, each)));
}

function refTo(name: Name) {
  return { $ref: `#/components/headers/${name}` };
}

import type { RouteConfig } from "@hono/zod-openapi";
import type { EndpointOptions } from "./router.ts";

/** The headers of answers, as components of the OpenAPI document. */
export const HEADERS = {
  "X-Request-Id": {
    required: true,
    description: "Names this request in the log: your own, if you sent one, or a new one",
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
    description: "The version of the resource, where it has any, for `If-Match` and `If-None-Match`",
    schema: { type: "string" as const },
    example: '"3"',
  },
  "Idempotency-Replayed": {
    description: "This is the first answer to this `Idempotency-Key`, given again",
    schema: { type: "string" as const, enum: ["true"] },
  },
  "Location": {
    description: "Where the new resource is, if it has an address of its own",
    schema: { type: "string" as const, format: "uri-reference" },
  },
};

type Name = keyof typeof HEADERS;
type Route = Pick<RouteConfig, "method" | "path" | "responses">;

/** The responses of a route with the headers that each may have. */
export function withHeaders(options: EndpointOptions, route: Route): RouteConfig["responses"] {
  return Object.fromEntries(
    Object.entries(route.responses).map(([status, response]) => {
      const headers = headersOf(options, route, Number(status)).map((name) => [
        name,
        { $ref: `#/components/headers/${name}` },
      ]);
      return [status, { ...response, headers: Object.fromEntries(headers) }];
    }),
  );
}

function headersOf(options: EndpointOptions, { method, path, responses }: Route, status: number): Name[] {
  if (status === 101) return []; // the answer to an upgrade is Deno's own
  const done = status < 400;
  const idempotent = Boolean(options.idempotent);
  const isOne = method !== "get" || path.endsWith("}") || "304" in responses;
  const has: Record<Name, boolean> = {
    "X-Request-Id": true,
    "RateLimit": true,
    "RateLimit-Policy": true,
    "Retry-After": status === 429 || status === 503 || (status === 409 && idempotent),
    "ETag": done && isOne,
    "Idempotency-Replayed": done && idempotent,
    "Location": status === 201 || status === 202,
  };
  return (Object.keys(has) as Name[]).filter((name) => has[name]);
}

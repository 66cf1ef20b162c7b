import type { MiddlewareHandler } from "hono";
import { actorName } from "../platform/ctx.ts";
import type { AppEnv } from "./router.ts";

const ROOT_PATHS =
  /^\/(docs(\/.*)?|openapi\.json|asyncapi\.json|health(\/\w+)?|metrics|admin(\/page\.(js|css))?|sandbox\/3ds\/[^/]+)$/;

/** `/orders`, `/api/orders/` and `/v1/orders` are one route: the prefix and a closing slash are optional. */
export function normalisePath(request: Request): string {
  const start = request.url.indexOf("/", request.url.indexOf("://") + 3);
  const end = request.url.slice(start).search(/[?#]/);
  let path = start < 0 ? "/" : request.url.slice(start, end < 0 ? undefined : start + end);
  if (path.length > 1 && path.endsWith("/")) path = path.slice(0, -1);
  if (path.startsWith("/api/")) path = path.slice(4);
  return path.startsWith("/v1/") || path === "/" || ROOT_PATHS.test(path) ? path : `/v1${path}`;
}

/** One line a request, and its share in the metrics: which route, by whom, how it ended, how long it took. */
export const logRequest: MiddlewareHandler<AppEnv> = async (c, next) => {
  const start = performance.now();
  const { log, metrics } = c.get("deps");
  metrics.requestsInFlight++;
  try {
    await next();
  } finally {
    metrics.requestsInFlight--;
  }
  const { status } = c.res;
  const durationMs = performance.now() - start;
  const { method } = c.req;
  const route = c.get("route");
  metrics.requestEnded(route, method, status, durationMs / 1000);
  if (route === undefined && status < 400) return;
  log.info("request", {
    request_id: c.get("requestId"),
    method,
    route: route ?? "none",
    status,
    duration_ms: Math.round(durationMs * 10) / 10,
    actor: c.get("ctx") && actorName(c.get("ctx").actor),
  });
};

/** Has the answer to a HEAD say how long a GET's is (RFC 9110, 9.3.2), where Deno would say 0. */
export async function sayLength(answer: Response): Promise<void> {
  if (!answer.body || answer.headers.has("Content-Length")) return;
  answer.headers.set("Content-Length", String((await answer.clone().arrayBuffer()).byteLength));
}

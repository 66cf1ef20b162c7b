import type { Deps } from "../src/deps.ts";
import { mayReadMetrics, METRICS_CONTENT_TYPE } from "../src/platform/metrics.ts";
import { listen } from "../src/process.ts";
import type { EventDispatcher } from "./event_dispatcher.ts";

type Dispatcher = Pick<EventDispatcher, "health">;

/**
 * Serves `/health`, `/health/ready`, `/health/detailed` and `/metrics` of a worker process. They answer as the API's
 * do; the details tell also of what this process sends to Kafka.
 */
export function serveHealth(deps: Deps, dispatcher: Dispatcher): Deno.HttpServer<Deno.NetAddr> {
  const { host, port } = deps.config.worker;
  deps.metrics.addBacklog(deps.vitals);
  return listen(
    "WORKER_HOST and WORKER_PORT",
    { hostname: host, port, onListen: () => {} },
    (request) => answer(deps, dispatcher, request),
  );
}

async function answer(
  { config, metrics, vitals }: Deps,
  dispatcher: Dispatcher,
  request: Request,
): Promise<Response> {
  switch (new URL(request.url).pathname) {
    case "/health":
      return Response.json({ status: "ok" });
    case "/health/ready": {
      const { status } = await vitals.database();
      return status === "up" ? Response.json({ status: "ok" }) : Response.json({ status }, { status: 503 });
    }
    case "/health/detailed": {
      const health = await vitals.health();
      const details = { ...health, dispatcher: dispatcher.health() };
      return Response.json(details, { status: health.status === "down" ? 503 : 200 });
    }
    case "/metrics":
      if (!mayReadMetrics(config.metricsToken, request.headers.get("Authorization"))) {
        return new Response(null, { status: 401, headers: { "WWW-Authenticate": "Bearer" } });
      }
      return new Response(await metrics.text(), { headers: { "Content-Type": METRICS_CONTENT_TYPE } });
    default:
      return new Response(null, { status: 404 });
  }
}

import { createRoute, z } from "@hono/zod-openapi";
import { AppError } from "../platform/errors.ts";
import { mayReadMetrics, METRICS_CONTENT_TYPE } from "../platform/metrics.ts";
import { problemResponses } from "./problem.ts";
import { router } from "./router.ts";

export const metricsRoutes = router();

metricsRoutes.openapi(
  createRoute({
    method: "get",
    path: "/metrics",
    operationId: "getMetrics",
    tags: ["Operations"],
    security: [],
    "x-policy": "public",
    summary: "What this process counts",
    description:
      "In Prometheus' text format. Where `METRICS_TOKEN` is set it must be sent as `Authorization: Bearer …`.",
    responses: {
      200: {
        description: "The metrics.",
        content: {
          "text/plain": {
            schema: z.string(),
            example:
              'http_request_duration_seconds_count{method="GET",route="/v1/orders/{id}",status="2xx"} 7\n',
          },
        },
      },
      ...problemResponses(["unauthenticated", "internal"]),
    },
  }),
  async (c) => {
    const { config, metrics } = c.get("deps");
    if (!mayReadMetrics(config.metricsToken, c.req.header("Authorization"))) {
      throw new AppError("unauthenticated", "The metrics need their own token: `Authorization: Bearer …`.");
    }
    return c.text(await metrics.text(), 200, { "Content-Type": METRICS_CONTENT_TYPE });
  },
);

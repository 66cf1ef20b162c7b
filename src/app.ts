import { cors } from "hono/cors";
import { secureHeaders } from "hono/secure-headers";
import type { Deps } from "./deps.ts";
import { adminPage, adminRoutes } from "./admin/routes.ts";
import { cartRoutes } from "./carts/routes.ts";
import { checkoutRoutes } from "./checkout/routes.ts";
import { catalogueRoutes } from "./catalogue/routes.ts";
import { asyncApiRoutes, eventRoutes } from "./events/routes.ts";
import { docsRoutes } from "./http/docs.ts";
import { documentRoutes } from "./documents/routes.ts";
import { outboxRoutes } from "./events/outbox/routes.ts";
import { sealRoutes } from "./events/seals/routes.ts";
import { healthRoutes } from "./http/health.ts";
import { metricsRoutes } from "./http/metrics.ts";
import { apiKeyRoutes } from "./identity/api_keys/routes.ts";
import { identityRoutes } from "./identity/routes.ts";
import { userRoutes } from "./identity/users/routes.ts";
import { inventoryRoutes } from "./inventory/routes.ts";
import { notificationRoutes } from "./notifications/routes.ts";
import { ledgerRoutes } from "./orders/ledger/routes.ts";
import { orderRoutes } from "./orders/routes.ts";
import { shipmentRoutes } from "./orders/shipments/routes.ts";
import { JOBS } from "./jobs.ts";
import { disputeRoutes } from "./payments/disputes/routes.ts";
import { refundRoutes } from "./payments/refunds/routes.ts";
import { paymentRoutes } from "./payments/routes.ts";
import { sandboxPages, sandboxRoutes } from "./payments/sandbox/routes.ts";
import { paymentWebhookRoutes } from "./payments/webhooks/routes.ts";
import { promotionRoutes } from "./promotions/routes.ts";
import { campaignRoutes } from "./rewards/campaigns/routes.ts";
import { pointsRoutes } from "./rewards/points/routes.ts";
import { rewardRoutes } from "./rewards/routes.ts";
import { quoteRoutes } from "./quotes/routes.ts";
import { realtimeRoutes } from "./realtime/routes.ts";
import { returnRoutes } from "./returns/routes.ts";
import { tradeRoutes } from "./trade/routes.ts";
import { describeMessages, webhookRoutes } from "./webhooks/routes.ts";
import { AppError, invalidHeader } from "./platform/errors.ts";
import { clientAddress } from "./http/client_address.ts";
import { admitByAddress, sayRateLimit } from "./http/gate.ts";
import { logRequest, normalisePath, sayLength } from "./http/request.ts";
import { describeApi } from "./http/openapi.ts";
import { onError } from "./http/problem.ts";
import { type AppEnv, router } from "./http/router.ts";
import { OpenAPIHono } from "@hono/zod-openapi";

/** The API as one fetch handler: what every request meets, then each domain's routes. */
export function createApp(deps: Deps) {
  const app = new OpenAPIHono<AppEnv>({ getPath: normalisePath });
  const addressOf = clientAddress(deps.config.trustedProxies);
  app.use(async (c, next) => {
    const requestId = requestIdOf(c.req.header("X-Request-Id"));
    c.set("deps", deps);
    c.set("requestId", requestId);
    c.set("address", addressOf(c.env?.remoteAddr?.hostname, c.req.header("X-Forwarded-For")));
    const { raw } = c.req;
    await next();
    // On the answer itself: with `c.header`, before or after it is made, Hono makes it in a slower way or anew.
    c.res.headers.set("X-Request-Id", requestId);
    const verdict = c.get("verdict");
    if (verdict) sayRateLimit(c.res.headers, verdict);
    const etag = c.get("etag");
    if (etag) c.res.headers.set("ETag", etag);
    if (raw.method === "HEAD") await sayLength(c.res);
    const upgrade = c.get("upgrade");
    if (!upgrade || !c.res.ok) return;
    // Deno wants its own answer to an upgrade back as it is, with no header added to it.
    c.res = undefined;
    c.res = upgrade(raw);
  });
  app.use(logRequest);
  app.use(secureHeaders({
    xFrameOptions: "DENY",
    crossOriginResourcePolicy: "cross-origin",
    // Answers are JSON; what only concerns pages that old browsers show is left out.
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  }));
  if (deps.config.corsOrigins.length > 0) {
    app.use(cors({
      origin: deps.config.corsOrigins,
      allowHeaders: [
        "Authorization",
        "Cart-Token",
        "Content-Type",
        "Idempotency-Key",
        "If-Match",
        "If-None-Match",
        "Last-Event-ID",
        "X-Request-Id",
        "traceparent",
        "tracestate",
      ],
      allowMethods: ["GET", "POST", "PATCH", "PUT", "DELETE"],
      exposeHeaders: [
        "Content-Disposition",
        "ETag",
        "Idempotency-Replayed",
        "Location",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "X-Cache-Status",
        "X-Request-Id",
      ],
      maxAge: 600,
    }));
  }
  app.use((c, next) => {
    // With another Host the address is no URL, and whatever makes one of it would break (RFC 9112, 3.2).
    if (URL.canParse(c.req.url)) return next();
    throw invalidHeader("Host", "must be a host name or an address, IPv6 in brackets, and its port");
  });
  app.onError(onError);
  for (const path of ["/docs/*", "/admin/*", "/openapi.json", "/asyncapi.json"]) {
    app.use(path, async (c, next) => {
      await admitByAddress(c);
      await next();
    });
  }
  app.route("/", healthRoutes);
  app.route("/", metricsRoutes);
  app.route("/", docsRoutes);
  app.route("/", adminPage);
  app.route("/", sandboxPages);
  app.route("/", asyncApiRoutes);
  app.route("/", apiRoutes());
  app.get("/openapi.json", (c) => c.body(openApiText(), 200, { "Content-Type": "application/json" }));
  const methodsAt = methodTable(app.routes);
  app.notFound(async (c) => {
    if (!c.get("verdict")) await admitByAddress(c);
    const methods = methodsAt(c.req.path);
    if (methods.length === 0) {
      return onError(
        new AppError("not_found", "There is no such address. /docs lists all that there are."),
        c,
      );
    }
    // Hono answers HEAD wherever it answers GET.
    c.header("Allow", methods.flatMap((each) => each === "GET" ? ["GET", "HEAD"] : each).join(", "));
    return onError(
      new AppError("method_not_allowed", `${c.req.method} is not possible here; ${methods.join(", ")} is.`),
      c,
    );
  });
  return app;
}

/** The routes of all domains; the OpenAPI document is made from them alone, so it needs no database. */
function apiRoutes(): OpenAPIHono<AppEnv> {
  const api = router();
  for (
    const routes of [
      identityRoutes,
      userRoutes,
      apiKeyRoutes,
      catalogueRoutes,
      inventoryRoutes,
      promotionRoutes,
      tradeRoutes,
      cartRoutes,
      quoteRoutes,
      checkoutRoutes,
      orderRoutes,
      documentRoutes,
      shipmentRoutes,
      ledgerRoutes,
      paymentRoutes,
      refundRoutes,
      disputeRoutes,
      paymentWebhookRoutes,
      sandboxRoutes,
      returnRoutes,
      campaignRoutes,
      pointsRoutes,
      rewardRoutes,
      eventRoutes,
      notificationRoutes,
      outboxRoutes,
      sealRoutes,
      webhookRoutes,
      realtimeRoutes,
      adminRoutes(JOBS),
    ]
  ) {
    api.route("/", routes);
  }
  return api;
}

let described: ReturnType<typeof describeApi> | undefined;

/** The OpenAPI 3.1 document. Made once for a process: it takes a tenth of a second and more. */
export function openApiDocument() {
  if (described) return described;
  const app = new OpenAPIHono<AppEnv>();
  app.route("/", healthRoutes);
  app.route("/", metricsRoutes);
  app.route("/", apiRoutes());
  describeMessages(app);
  return described = describeApi(app);
}

let written: Uint8Array<ArrayBuffer> | undefined;

/** The same as it is answered: a megabyte and a half, which takes as long as ten orders to be written. */
function openApiText(): Uint8Array<ArrayBuffer> {
  return written ??= new TextEncoder().encode(JSON.stringify(openApiDocument()));
}

/** A caller's own request id is kept if it is safe in logs and headers: one id follows a request through systems. */
function requestIdOf(sent: string | undefined): string {
  return sent && /^[\w.:/+=@-]{1,128}$/.test(sent) ? sent : crypto.randomUUID();
}

/** Which methods there are at a path. */
function methodTable(routes: { method: string; path: string }[]): (path: string) => string[] {
  const table = routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => {
      const pattern = path.replaceAll(".", "\\.").replace(/:\w+(\{[^}]+\})?/g, "[^/]+");
      return { method, pattern: new RegExp(`^${pattern}$`) };
    });
  return (path) => {
    const found = table.filter(({ pattern }) => pattern.test(path));
    return [...new Set(found.map(({ method }) => method))];
  };
}

/**
 * The yardstick for cached reads: nothing but Hono and one GET to Redis, over the driver that Waybill uses. `/trivial`
 * answers a constant, which shows what the load generator can do.
 */

import { Hono } from "hono";
import { Redis } from "ioredis";

const redisUrl = Deno.env.get("REDIS_URL");
const redis = redisUrl ? new Redis(redisUrl) : undefined;
const app = new Hono();
app.get("/health", (c) => c.text("ok"));
app.get("/trivial", (c) => c.text("ok"));
app.get("/orders/:id", async (c) => {
  const body = await redis!.get(`bare:${c.req.param("id")}`);
  return body === null ? c.notFound() : c.body(body, 200, { "Content-Type": "application/json" });
});

const server = Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.env.get("PORT")), onListen() {} },
  app.fetch,
);
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  redis?.disconnect();
  Deno.exit(0);
});

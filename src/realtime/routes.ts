import type { Context, TypedResponse } from "hono";
import { type AppEnv, endpoint, type EndpointOptions, json, router } from "../http/router.ts";
import { ACCESS_TOKEN_SECONDS } from "../identity/mod.ts";
import type { Actor } from "../platform/ctx.ts";
import { AppError, invalidHeader } from "../platform/errors.ts";
import { StreamedEvent, StreamHeaders, StreamQuery, TicketSchema } from "./schemas.ts";
import { SocketStream } from "./socket.ts";
import { EventStream } from "./stream.ts";
import type { Subscription } from "./subscriber.ts";
import { createTicket, redeemTicket } from "./tickets.ts";

const tags = ["Events"];
const STREAM_POLICY: EndpointOptions = {
  policy: "user",
  redeemTicket: (c, ticket) => redeemTicket(c.get("deps"), ticket),
};
const WHAT_COMES =
  "Your own events as they happen, for staff everyone's; each once, in the order of the log, and none is skipped. Go on " +
  "after a break with the last `id` that you had. A stream ends with its token (15 minutes at the most), when its " +
  "account loses its rights, and when more than 1 MiB waits for a client that reads too slowly. At most 20 streams for " +
  "each user (429) and 5,000 in all (503) on each server process. ";
const FRAMES =
  '```\nid: 1043\nevent: order.created\ndata: {"id":"0192f0c1-7a3e-7cc1-a5f4-1f8f0b6d2c11", …}\n\n: heartbeat\nid: 1050\n```';

export const realtimeRoutes = router();

realtimeRoutes.openapi(
  endpoint({ policy: "user" }, {
    method: "post",
    path: "/v1/events/tickets",
    operationId: "createStreamTicket",
    tags,
    summary: "Get a ticket for a live stream",
    description:
      "For browsers, which cannot send an Authorization header with EventSource or WebSocket: open the stream with " +
      "`?ticket=` within 30 seconds. It is good once, so ask for another when the stream has ended.",
    responses: {
      201: json(TicketSchema, "The ticket, shown only here.", {
        ticket: "q3Jm2fYkT0cPZ9n4wXb7sVh1uLr8eDa5gKi6oMtBxNc",
        expires_at: "2026-01-31T12:00:30.000Z",
      }),
    },
  }),
  async (c) => c.json(await createTicket(c.get("ctx")), 201, { "Cache-Control": "no-store" }),
);

realtimeRoutes.openapi(
  endpoint(STREAM_POLICY, {
    method: "get",
    path: "/v1/events/stream",
    operationId: "streamEvents",
    tags,
    summary: "Follow events live (Server-Sent Events)",
    description: WHAT_COMES +
      "`id` is the event's position, `event` its type, `data` the event as JSON, which the answer's schema and example " +
      "show. Every 15 seconds there is a comment as a sign of life, and an `id` without data that says how far the " +
      "stream has come. No more than 1,000 events wait for a client.\n\n" + FRAMES,
    request: { query: StreamQuery, headers: StreamHeaders },
    responses: {
      200: {
        description: "The stream: `data` of each of its events.",
        content: { "text/event-stream": StreamedEvent },
      },
    },
  }),
  async (c) => {
    checkOrigin(c);
    if (c.req.method === "HEAD") return streamed(c, null);
    const subscription = await subscribe(c, c.req.valid("query"), c.req.valid("header")["last-event-id"]);
    return streamed(c, c.get("deps").streams.open(new EventStream(subscription)).body);
  },
);

realtimeRoutes.openapi(
  endpoint(STREAM_POLICY, {
    method: "get",
    path: "/v1/events/socket",
    operationId: "openEventSocket",
    tags,
    summary: "Follow events live (WebSocket)",
    description: WHAT_COMES +
      'Text frames with JSON: `{"type":"event","event":…}`, `{"type":"heartbeat","position":1050}` at the beginning ' +
      'and every 15 seconds, `{"type":"error","code":…,"detail":…}`. The client may send `{"action":"ping"}`, which a heartbeat answers. Closed ' +
      "with 1008 (token, rights, or over 100 frames in 10 seconds), 1009 (a frame over 64 KiB), 1011 (a failure of the " +
      "server), 1012 (restart) or 1013 (too slow).",
    request: { query: StreamQuery },
    responses: { 101: { description: "From here on it is a WebSocket." } },
  }),
  async (c) => {
    checkOrigin(c);
    checkUpgrade(c);
    const subscription = await subscribe(c, c.req.valid("query"));
    if (!await hasHungUp(c.req.raw)) {
      const stream = c.get("deps").streams.open(new SocketStream(subscription));
      c.set("upgrade", (request) => stream.accept(request));
    }
    return c.body(null, 204) as unknown as Response & TypedResponse<never, 101, string>;
  },
);

/** Where the stream begins: where the client left off, or now. */
async function subscribe(
  c: Context<AppEnv>,
  { after, type }: { after?: number; type?: string[] },
  lastEventId?: number,
): Promise<Subscription> {
  const { streams, clock } = c.get("deps");
  return {
    actor: c.get("ctx").actor as Extract<Actor, { kind: "user" }>,
    after: lastEventId ?? after ?? await streams.now(),
    types: type && new Set(type),
    endsAtMs: c.get("tokenEndsAtMs") ?? clock.now().getTime() + ACCESS_TOKEN_SECONDS * 1000,
  };
}

function streamed(c: Context<AppEnv>, body: ReadableStream<Uint8Array> | null) {
  return c.body(body as ReadableStream<Uint8Array>, 200, {
    "Content-Type": "text/event-stream",
    // Compression and buffering proxies would hold events back.
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
  });
}

/** Pages of other sites may not open streams, whatever they got hold of. @throws forbidden */
function checkOrigin(c: Context<AppEnv>): void {
  const origin = c.req.header("Origin");
  if (origin === undefined || c.get("deps").config.corsOrigins.includes(origin)) return;
  // Behind a proxy that ends TLS only the hosts are alike.
  if (URL.parse(origin)?.host === new URL(c.req.url).host) return;
  throw new AppError("forbidden", "Pages of this origin may not open streams: it is not in CORS_ORIGINS.");
}

/**
 * Is the client gone? An upgrade of its connection would never end: Deno neither says so nor lets go of the connection, nor
 * does the server end then. It tells those who look at the signal, a turn of the event loop later.
 */
async function hasHungUp({ signal }: Request): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve));
  return signal.aborted;
}

/** @throws invalid_request for what is no opening handshake of RFC 6455 */
function checkUpgrade(c: Context<AppEnv>): void {
  const has = (header: string, token: string) =>
    c.req.header(header)?.toLowerCase().split(",").some((part) => part.trim() === token);
  if (
    c.req.method === "GET" && has("Upgrade", "websocket") && has("Connection", "upgrade") &&
    has("Sec-WebSocket-Version", "13") && c.req.header("Sec-WebSocket-Key")
  ) return;
  throw invalidHeader("Upgrade", "must ask for a WebSocket: `Upgrade: websocket` and what goes with it");
}

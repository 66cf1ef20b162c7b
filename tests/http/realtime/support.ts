import { withConnection } from "../../../tools/database_admin.ts";
import { assertEquals } from "@std/assert";
import { openDatabase } from "../../../src/platform/db.ts";
import { Bell } from "../../../src/platform/bell.ts";
import type { Deps } from "../../../src/deps.ts";
import type { Config } from "../../../src/config.ts";
import type { Clock } from "../../../src/platform/clock.ts";
import { openLog } from "../../../src/platform/log.ts";
import { LogHorizon } from "../../../src/platform/log_horizon.ts";
import { LiveStreams, STREAM_LIMITS } from "../../../src/realtime/mod.ts";
import { startTestServer, type TestServer } from "../../support/server.ts";
import type { TestApp } from "../../support/app.ts";
import { until } from "../../support/until.ts";

/** The API on a socket, with streams of other limits than usual. */
export function startLive(
  limits: Partial<typeof STREAM_LIMITS> = {},
  env: Record<string, string> = {},
  clock: Clock = { now: () => new Date() },
): Promise<TestServer> {
  return startTestServer(env, (config) => liveDeps(config, limits, clock));
}

/** What {@link startLive} puts into an app. */
export function liveDeps(
  config: Config,
  limits: Partial<typeof STREAM_LIMITS> = {},
  clock: Clock = { now: () => new Date() },
): Partial<Deps> {
  const sql = openDatabase(config);
  const bell = new Bell(sql, config.databaseUrl);
  const horizon = new LogHorizon(sql);
  const source = {
    sql,
    bell,
    horizon,
    clock,
    log: openLog("silent", "json"),
    first: () => Promise.resolve(),
  };
  return { ...source, streams: new LiveStreams(source, { ...STREAM_LIMITS, ...limits }) };
}

/** What a client asks for and who it says it is. */
export interface Asked {
  token?: string;
  query?: Record<string, string>;
  lastEventId?: number;
  headers?: Record<string, string>;
}

export interface Received {
  id: number;
  type: string;
  // deno-lint-ignore no-explicit-any
  data: any;
}

/** A client that reads Server-Sent Events by the rules of the HTML standard. */
export class SseClient implements AsyncDisposable {
  readonly response: Response;
  readonly events: Received[] = [];
  readonly comments: string[] = [];
  /** As a browser would send it when it reconnects. */
  lastId: number | undefined;
  retryMs: number | undefined;
  isEnded = false;
  readonly #abort: AbortController;
  readonly #reading: Promise<void>;

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.#reading = this.#read();
  }

  static async open(url: string, asked: Asked): Promise<SseClient> {
    const abort = new AbortController();
    const response = await ask(url, asked, abort.signal);
    assertEquals(response.status, 200, response.status === 200 ? "" : await response.text());
    return new SseClient(response, abort);
  }

  get ids(): number[] {
    return this.events.map(({ id }) => id);
  }

  async receive(count: number): Promise<Received[]> {
    await until(() => this.events.length >= count, `${count} events, there are ${this.events.length}`);
    return this.events;
  }

  async end(): Promise<void> {
    await until(() => this.isEnded, "the stream ends");
  }

  /** Hangs up, wherever the stream is. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #read(): Promise<void> {
    let text = "";
    try {
      for await (const chunk of this.response.body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
          this.#dispatch(text.slice(0, end));
          text = text.slice(end + 2);
        }
      }
    } catch {
      // Cut off, by us or by the server.
    }
    this.isEnded = true;
  }

  #dispatch(block: string): void {
    let [type, data] = ["message", ""];
    for (const line of block.split("\n")) {
      const [, field = "", value = ""] = /^([^:]*):? ?(.*)$/.exec(line)!;
      if (field === "") this.comments.push(value);
      if (field === "id") this.lastId = Number(value);
      if (field === "retry") this.retryMs = Number(value);
      if (field === "event") type = value;
      if (field === "data") data += value;
    }
    if (data !== "") this.events.push({ id: this.lastId!, type, data: JSON.parse(data) });
  }
}

/** Asks for a stream, whatever comes of it. */
export function ask(
  url: string,
  { token, query = {}, lastEventId, headers }: Asked,
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${url}/v1/events/stream?${new URLSearchParams(query)}`, {
    signal,
    headers: {
      ...token !== undefined && { Authorization: `Bearer ${token}` },
      ...lastEventId !== undefined && { "Last-Event-ID": String(lastEventId) },
      ...headers,
    },
  });
}

/** How a stream is refused: status and code. */
export async function refusal(url: string, asked: Asked): Promise<[number, string]> {
  const response = await ask(url, asked);
  if (response.status === 200) {
    await response.body?.cancel();
    return [200, ""];
  }
  return [response.status, (await response.json()).code];
}

// deno-lint-ignore no-explicit-any
export type Frame = any;

export class SocketClient implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  closed: CloseEvent | undefined;
  readonly #closing: Promise<void>;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.onmessage = ({ data }) => this.frames.push(JSON.parse(data));
    socket.onerror = (event) => event.preventDefault();
    this.#closing = new Promise((resolve) =>
      socket.onclose = (event) => {
        this.closed = event;
        resolve();
      }
    );
  }

  /** Resolves when the server's first heartbeat is there. */
  static async open(url: string, { token, query = {}, headers }: Asked): Promise<SocketClient> {
    const address = `${url.replace("http", "ws")}/v1/events/socket?${new URLSearchParams(query)}`;
    const sent = { ...token !== undefined && { Authorization: `Bearer ${token}` }, ...headers };
    const client = new SocketClient(new WebSocket(address, { headers: sent }));
    await until(() => client.frames.length > 0 || client.closed !== undefined, "the socket opens");
    return client;
  }

  get events(): Frame[] {
    return this.frames.filter(({ type }) => type === "event").map(({ event }) => event);
  }

  get errors(): string[] {
    return this.frames.filter(({ type }) => type === "error").map(({ code }) => code);
  }

  async receive(count: number): Promise<Frame[]> {
    await until(() => this.events.length >= count, `${count} events, there are ${this.events.length}`);
    return this.events;
  }

  /** The close code. */
  async end(): Promise<number> {
    await until(() => this.closed !== undefined, "the socket is closed");
    return this.closed!.code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await this.#closing;
  }
}

/** A connection that has asked for something and reads nothing of the answer yet. */
export async function askRaw(
  url: string,
  path: string,
  headers: Record<string, string>,
): Promise<Deno.TcpConn> {
  const { port } = new URL(url);
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
  const lines = Object.entries({ Host: `127.0.0.1:${port}`, ...headers }).map(([name, value]) =>
    `${name}: ${value}\r\n`
  );
  await connection.write(new TextEncoder().encode(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`));
  return connection;
}

export const HANDSHAKE = {
  "Upgrade": "websocket",
  "Connection": "Upgrade",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** What the log holds, as its table has it: everything, or what belongs to a user. */
export async function logOf({ deps }: TestApp, userId?: string): Promise<number[]> {
  // A connection of its own: those of the app may just have been cut.
  return await withConnection(deps.config.databaseUrl, async (sql) => {
    const rows = await sql<{ position: number }[]>`
      select position::int from events where ${userId ?? null}::uuid is null or user_id = ${userId ?? null}
      order by position`;
    return rows.map(({ position }) => position);
  });
}

/** Writes many events of a user, each about so large, in one transaction. */
export async function fillLog(
  { deps: { sql, bell } }: TestApp,
  userId: string,
  count: number,
  bytes: number,
) {
  await sql`
    insert into events (type, version, aggregate_type, aggregate_id, sequence, user_id, actor, data, occurred_at)
    select 'order.updated', 1, 'order', gen_random_uuid(), 1, ${userId}, 'system:test',
           jsonb_build_object('turn', i, 'filling', repeat('x', ${bytes}::int)), now()
    from generate_series(1, ${count}::int) i`;
  bell.ring("waybill_events");
}

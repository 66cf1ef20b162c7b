import { createHash } from "node:crypto";
import {
  Redis as RestRedis,
  type Requester,
  type UpstashRequest,
  type UpstashResponse,
} from "@upstash/redis";
import { Redis as RespConnection } from "ioredis";
import type { RedisConfig } from "../config.ts";
import { Breaker, type BreakerOptions } from "./breaker.ts";
import { within } from "./recent.ts";

/** A way to the server. */
interface Transport {
  commands: RestRedis;
  /** Resolves when it can be used; may take as long as it likes. */
  connect(): Promise<unknown>;
  /** A call has waited too long: what is still under way is of no use any more. */
  reset(): void;
  close(): Promise<void>;
}

export interface RedisOptions {
  /** How long a call may take, less up to 10 ms. */
  timeoutMs?: number;
  breaker?: BreakerOptions;
}

const DEFAULT_TIMEOUT_MS = 50;
/** How often waiting calls are looked at. */
const TICK_MS = 8;
/** After a call that waited in vain nobody waits for this long, so that no request waits twice. */
const REST_MS = 250;
/** How long opening waits for a first connection. */
const FIRST_CONNECTION_MS = 1000;
/** How long a new connection may take in the background. */
const CONNECT_TIMEOUT_MS = 2000;
/** How long a connection that is closed may take to say goodbye. */
const DISCONNECT_TIMEOUT_MS = 1;

/**
 * Redis as something requests can do without: every call ends within a time-out, and a breaker spares even that once
 * five in a row have failed. Nothing is ever retried or queued; a lost connection comes back by itself.
 */
export class Redis {
  readonly #transport: Transport;
  readonly #breaker: Breaker;
  readonly #patience: Patience;
  #restUntil = 0;

  private constructor(transport: Transport, { timeoutMs = DEFAULT_TIMEOUT_MS, breaker }: RedisOptions) {
    this.#transport = transport;
    this.#breaker = new Breaker(breaker);
    this.#patience = new Patience(timeoutMs, () => {
      this.#restUntil = performance.now() + REST_MS;
      transport.reset();
    });
  }

  /** Opens it and waits up to a second for the connection; a Redis that is away now may come later. */
  static async open(target: RedisConfig, options: RedisOptions = {}): Promise<Redis> {
    const transport = target.kind === "tcp"
      ? respTransport(target.url)
      : restTransport(target.url, target.token);
    await within(transport.connect(), FIRST_CONNECTION_MS).catch(() => {});
    return new Redis(transport, options);
  }

  get breaker(): Breaker {
    return this.#breaker;
  }

  /** Every command, typed, to be called within `run`; replies come as Redis gave them, strings as strings. */
  get commands(): RestRedis {
    return this.#transport.commands;
  }

  /**
   * A Lua script as one more command: sent by its digest, and as a whole where Redis does not know it yet. (The
   * client's own `createScript` computes the digest behind everyone's back, at the first call's expense.)
   */
  script<T>(source: string): (keys: string[], args: string[]) => Promise<T> {
    const { commands } = this;
    const digest = createHash("sha1").update(source).digest("hex");
    return async (keys, args) => {
      try {
        return await commands.evalsha<string[], T>(digest, keys, args);
      } catch (error) {
        if (error instanceof Error && error.message.includes("NOSCRIPT")) {
          return await commands.eval<string[], T>(source, keys, args);
        }
        throw error;
      }
    };
  }

  /**
   * Does `call`, one round trip, within the time-out.
   *
   * @throws Error if there was no good answer in time, for whatever reason. Redis may have carried it out all the
   * same, even later.
   */
  async run<T>(call: () => Promise<T>): Promise<T> {
    if (performance.now() < this.#restUntil) throw new Error("Redis did not answer a moment ago");
    return await this.#breaker.run(() => this.#patience.await(call()));
  }

  async close(): Promise<void> {
    this.#patience.end();
    await this.#transport.close();
  }
}

interface Wait {
  ticks: number;
  giveUp(reason: Error): void;
}

/**
 * Ends waits that take too long. One timer serves them all, and a wait is as old as the number of its ticks it
 * has seen: when this process itself is late, the timer is late too, and answers that lie in the socket are
 * read between two ticks. So a busy event loop is not taken for a dead Redis.
 */
class Patience {
  readonly #waits = new Set<Wait>();
  readonly #maxTicks: number;
  readonly #onTimeout: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(timeoutMs: number, onTimeout: () => void) {
    this.#maxTicks = Math.floor(timeoutMs / TICK_MS);
    this.#onTimeout = onTimeout;
  }

  await<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const wait: Wait = { ticks: 0, giveUp: reject };
      this.#waits.add(wait);
      this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
      answer.then(
        (value) => {
          this.#waits.delete(wait);
          resolve(value);
        },
        (error) => {
          this.#waits.delete(wait);
          reject(error);
        },
      );
    });
  }

  /** Ends every wait now. */
  end(): void {
    this.#stop();
    this.#giveUp(this.#waits, "Redis is closed");
  }

  #tick(): void {
    if (this.#waits.size === 0) return this.#stop();
    const late = [...this.#waits].filter((wait) => ++wait.ticks >= this.#maxTicks);
    if (late.length === 0) return;
    this.#giveUp(late, "Redis did not answer in time");
    this.#onTimeout();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #giveUp(waits: Iterable<Wait>, message: string): void {
    for (const wait of waits) {
      this.#waits.delete(wait);
      wait.giveUp(new Error(message));
    }
  }
}

/** The typed client over a plain Redis connection, which pipelines by itself. */
function respTransport(url: string): Transport {
  const connection = new RespConnection(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableAutoPipelining: true,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, CONNECT_TIMEOUT_MS),
  });
  connection.on("error", (error: Error & { command?: { name: string } }) => {
    // Told by the calls that fail. But without the database of its URL the client would go on in number 0, among others' keys.
    if (error.command?.name === "select") connection.disconnect(true);
  });
  const send = async <T>({ body, path }: UpstashRequest): Promise<UpstashResponse<T>> => {
    if (!path) {
      const [name, ...args] = body as [string, ...string[]];
      return { result: await connection.call(name, args) as T };
    }
    if (path[0] !== "pipeline" && path[0] !== "multi-exec") {
      throw new Error(`No ${path[0]} over this transport`);
    }
    const batch = path[0] === "pipeline"
      ? connection.pipeline(body as string[][])
      : connection.multi(body as string[][]);
    const replies = await batch.exec() ?? [];
    return replies.map(([error, result]) => error ? { error: error.message } : { result }) as UpstashResponse<
      T
    >;
  };
  return {
    commands: new RespRedis({ request: send }),
    connect: () => connection.connect(),
    // Its late answers die with the connection, so none is taken for another call's.
    reset: () => connection.disconnect(true),
    async close() {
      const ended = ["connecting", "connect", "ready"].includes(connection.status)
        ? new Promise((resolve) => connection.once("end", resolve))
        : undefined;
      connection.disconnect();
      await ended;
    },
  };
}

/** Custom requesters get no options from the package's constructor; strings must stay strings here too. */
class RespRedis extends RestRedis {
  constructor(requester: Requester) {
    super(requester);
    this.opts = { automaticDeserialization: false };
  }
}

/** Upstash's REST API; calls of one turn of the event loop travel together. */
function restTransport(url: string, token: string): Transport {
  let abandoned = new AbortController();
  let current = new AbortController();
  const commands = new RestRedis({
    url,
    token,
    automaticDeserialization: false,
    responseEncoding: false,
    retry: { retries: 0 }, // `false` still tries twice
    enableTelemetry: false,
    signal: () => current.signal,
  });
  return {
    commands,
    connect: () => commands.ping(),
    // A call nobody waits for any more may still finish a slow TLS handshake; it ends with the next time-out.
    reset() {
      abandoned.abort();
      abandoned = current;
      current = new AbortController();
    },
    close() {
      abandoned.abort();
      current.abort();
      return Promise.resolve();
    },
  };
}

import { Redis as RespConnection } from "ioredis";
import { freePort, outputOf } from "../../tools/supervise.ts";

/** A real Redis of a test's own, on a free port, with nothing on disk. */
export interface RedisServer {
  port: number;
  url: string;
  /** A connection past everything under test. */
  direct: RespConnection;
  /** Stops the process in its tracks (the port still accepts connections), and lets it go on. */
  pause(): void;
  resume(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Whether tests can start a Redis of their own; says why not, once. */
export const redisOnPath = await outputOf("redis-server", "--version") !== undefined;
if (!redisOnPath) {
  console.warn("redis-server is not on the PATH: the tests that need a Redis of their own are left out.");
}

export async function startRedis(port: number = freePort()): Promise<RedisServer> {
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const process = new Deno.Command("redis-server", { args, stdout: "piped", stderr: "null" }).spawn();
  const ready = Promise.withResolvers<void>();
  let log = "";
  const draining = process.stdout.pipeThrough(new TextDecoderStream()).pipeTo(
    new WritableStream({
      write(chunk) {
        log += chunk;
        if (log.includes("Ready to accept connections")) ready.resolve();
      },
      close: () => ready.reject(new Error(`redis-server ended: ${log}`)),
    }),
  );
  await ready.promise;
  const direct = new RespConnection({ port, lazyConnect: true });
  await direct.connect();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    direct,
    pause: () => process.kill("SIGSTOP"),
    resume: () => process.kill("SIGCONT"),
    async [Symbol.asyncDispose]() {
      const ended = new Promise((resolve) => direct.once("end", resolve));
      direct.disconnect();
      await ended;
      process.kill("SIGKILL");
      await process.status;
      await draining;
    },
  };
}

/** Port 1, tcpmux: a target of a `Wire` at which nobody listens, nor begins to while a test runs. */
export const NOBODY = 1;

/** A wire to a port on this machine that can be cut (connections break, new ones are refused) or go silent. */
export class Wire {
  readonly port = freePort();
  readonly #target: number;
  readonly #open = new Set<Deno.Conn>();
  #listener: Deno.Listener | undefined;
  #serving = Promise.resolve();
  /** Connections up to this number carry nothing any more, and nobody is told. */
  #silent = 0;
  #connections = 0;

  constructor(target: number) {
    this.#target = target;
    this.mend();
  }

  mend(): void {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.port });
    this.#serving = this.#serve(this.#listener);
  }

  async cut(): Promise<void> {
    this.#listener?.close();
    this.#listener = undefined;
    for (const connection of [...this.#open]) this.#hangUp(connection);
    await this.#serving;
  }

  /** As when a firewall forgets a connection; those made from now on work. */
  silence(): void {
    this.#silent = this.#connections;
  }

  async #serve(listener: Deno.Listener): Promise<void> {
    const relays: Promise<void>[] = [];
    for await (const near of listener) relays.push(this.#relay(near));
    await Promise.all(relays);
  }

  async #relay(near: Deno.Conn): Promise<void> {
    this.#open.add(near);
    let far: Deno.Conn;
    try {
      far = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
    } catch {
      return this.#hangUp(near);
    }
    this.#open.add(far);
    const number = ++this.#connections;
    const carry = () =>
      new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, out) => {
          if (number > this.#silent) out.enqueue(chunk);
        },
      });
    await Promise.allSettled([
      near.readable.pipeThrough(carry()).pipeTo(far.writable),
      far.readable.pipeThrough(carry()).pipeTo(near.writable),
    ]);
    this.#hangUp(near);
    this.#hangUp(far);
  }

  #hangUp(connection: Deno.Conn): void {
    if (!this.#open.delete(connection)) return;
    try {
      connection.close();
    } catch {
      // Its stream has closed it already.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
  }
}

/** Upstash's REST API as far as the package uses it, over a real Redis. */
export function serveUpstash(redis: RespConnection, token: string) {
  const counts = { posts: 0 };
  const run = async ([name, ...args]: string[]) => {
    try {
      return { result: await redis.call(name!, args) };
    } catch (error) {
      return { error: (error as Error).message };
    }
  };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    counts.posts++;
    if (request.headers.get("Authorization") !== `Bearer ${token}`) {
      return Response.json({ error: "WRONGPASS invalid or missing auth token" }, { status: 401 });
    }
    const body = await request.json();
    if (new URL(request.url).pathname === "/pipeline") return Response.json(await Promise.all(body.map(run)));
    const answer = await run(body);
    return Response.json(answer, { status: "error" in answer ? 400 : 200 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    counts,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Accepts connections and never says a word. */
export function startBlackHole() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const held: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) held.push(connection);
  })();
  const hungUp = async (connection: Deno.Conn) => {
    const buffer = new Uint8Array(1024);
    while (await connection.read(buffer).catch(() => null) !== null);
  };
  return {
    port: listener.addr.port,
    /** Resolves when every client has closed its connection. */
    isAlone: () => Promise.all(held.map(hungUp)),
    /** Resolves when the first connection was closed by its client. */
    lostFirst: () => hungUp(held[0]!),
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const connection of held) connection.close();
    },
  };
}

import { join } from "@std/path";
import { freePort, lookFor, outputOf, supervise } from "./supervise.ts";
import { removeTree } from "./files.ts";

/** A running server without persistence. */
export interface RedisServer {
  url: string;
  stop(): Promise<void>;
}

const START_ATTEMPTS = 5;
const POLL_MS = 10;

/** Starts the machine's `redis-server` with room for many test files; undefined where there is none. */
export async function startThrowAwayRedis(): Promise<RedisServer | undefined> {
  if (await outputOf("redis-server", "--version") === undefined) return undefined;
  for (let attempt = 1;; attempt++) {
    const directory = await Deno.makeTempDir({ prefix: "waybill-redis-" });
    const port = freePort();
    const password = crypto.randomUUID();
    const logFile = join(directory, "log");
    const configFile = join(directory, "redis.conf");
    await Deno.writeTextFile(configFile, configuration(port, password, directory), { mode: 0o600 });
    const server = supervise({
      command: "redis-server",
      args: [configFile],
      stopSignal: "TERM",
      logFile,
      removeAfter: directory,
    });
    const stop = async () => {
      await server.stop();
      await removeTree(directory);
    };
    if (await lookFor(server, () => answers(port, password), POLL_MS)) {
      return { url: `redis://:${password}@127.0.0.1:${port}`, stop };
    }
    const output = await Deno.readTextFile(logFile);
    await stop();
    if (attempt === START_ATTEMPTS || !output.includes("Address already in use")) {
      throw new Error(`redis-server did not start:\n${output.slice(-2000)}`);
    }
  }
}

/** In a file, not on the command line, where every user could read the password. */
const configuration = (port: number, password: string, directory: string) => `
bind 127.0.0.1
port ${port}
requirepass ${password}
databases 4096
save ""
appendonly no
dir "${directory}"
`;

/** Whoever else listens on this port does not know the password. */
async function answers(port: number, password: string): Promise<boolean> {
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode(`AUTH ${password}\r\n`));
    const reply = new Uint8Array(64);
    const length = await connection.read(reply);
    return new TextDecoder().decode(reply.subarray(0, length ?? 0)).startsWith("+OK");
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.ConnectionReset) {
      return false;
    }
    throw error;
  }
}

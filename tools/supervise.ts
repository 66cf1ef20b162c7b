import { setTimeout as delay } from "node:timers/promises";
import config from "../deno.json" with { type: "json" };

/** What the API and the worker may do in production, as flags of Deno. (argon2 asks ldd which C library there is.) */
export const PRODUCTION_FLAGS = config.tasks.api.command.split(" ").filter((word) => word.startsWith("--"));

/** Where and as whom a server runs, and how it is told to stop. */
export interface SuperviseOptions {
  command: string;
  args: string[];
  /** What the server takes as "stop now, cleanly". */
  stopSignal: "INT" | "TERM" | "QUIT";
  env?: Record<string, string>;
  /** Where it runs; `/` unless said. */
  directory?: string;
  /** Receives standard output and standard error, written anew at each start; without one they are ours. */
  logFile?: string;
  /** Another account than ours (as root only). */
  account?: Account;
  /** Removed once the server was stopped: for data that no one wants again. */
  removeAfter?: string;
}

/** Where {@link freePort} looks: below what Linux (32768) and others (49152) give out by themselves. */
const [FIRST_PORT, PORTS] = [15_000, 17_000];

/** A user of this machine, by number. */
export interface Account {
  uid: number;
  gid: number;
}

/** A server process that ends when we do, however we end. */
export interface Supervised {
  /** Resolves with the exit code once the server is gone. */
  exited: Promise<number>;
  /** Tells the server to stop and waits until it has. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Stands between us and the server. Standard input is a pipe that only we hold: it closes when we stop the server and
 * when we die, by kill -9 too. Then the watcher sends the stop signal until the server is gone (one that comes before
 * the server has set its handlers is lost) and ends with 0; it is killed if the server ends by itself.
 */
const SUPERVISOR = `
stop_signal=$1 log=$2 remove=$3; shift 3
exec 3<&0 </dev/null
if [ -n "$log" ]; then exec >"$log" 2>&1; fi
"$@" 3<&- &
server=$!
( read -r _ <&3; trap "" TERM; while kill -s "$stop_signal" "$server"; do sleep 0.05; done; exit 0 ) 2>/dev/null &
watcher=$!
wait "$server"; code=$?
kill "$watcher" 2>/dev/null
if wait "$watcher" && [ -n "$remove" ]; then rm -rf -- "$remove"; fi
exit "$code"
`;

/** Starts a server in a session of its own, so that Ctrl-C in the terminal reaches us and not the server. */
export function supervise(options: SuperviseOptions): Supervised {
  const { command, args, stopSignal, env, directory = "/", logFile = "", account, removeAfter = "" } =
    options;
  const output = logFile ? "null" : "inherit";
  const child = new Deno.Command("sh", {
    args: ["-c", SUPERVISOR, "sh", stopSignal, logFile, removeAfter, command, ...args],
    cwd: directory,
    env,
    detached: true,
    stdin: "piped",
    stdout: output,
    stderr: output,
    ...account,
  }).spawn();
  const exited = child.status.then(({ code }) => code);
  let closed: Promise<void> | undefined;
  return {
    exited,
    async stop() {
      closed ??= child.stdin.close().catch(() => {});
      await closed;
      await exited;
    },
  };
}

/**
 * Looks again and again, every `pollMs`, until there is something to be seen of a server. Undefined where it ends before, or
 * where that takes longer than `patienceMs`.
 */
export async function lookFor<T>(
  { exited }: Pick<Supervised, "exited">,
  look: () => Promise<T>,
  pollMs: number,
  patienceMs = Infinity,
): Promise<T | undefined> {
  const deadline = Date.now() + patienceMs;
  let gone = false;
  exited.then(() => gone = true);
  while (!gone && Date.now() < deadline) {
    const seen = await look();
    if (seen) return seen;
    await delay(pollMs);
  }
}

/** What a program writes to both its outputs; undefined if it is not there or fails. */
export async function outputOf(command: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
    const decoder = new TextDecoder();
    return success ? decoder.decode(stdout) + decoder.decode(stderr) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * A port of 127.0.0.1 that nobody listens on now, and none of those that the system gives to who asks for any. Another process
 * may take it before we do all the same: be ready to retry.
 */
export function freePort(): number {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

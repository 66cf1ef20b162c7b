/**
 * Stripe's own mock of its API, for a machine that has Go: it checks requests against Stripe's OpenAPI description and
 * answers with examples, without remembering anything. Built once from the Go module and kept in the user's cache.
 */

import { join } from "@std/path";
import { cacheDirectory, exists, removeTree } from "./files.ts";
import { lookFor, outputOf, supervise } from "./supervise.ts";

/** A running mock. */
export interface StripeMock {
  /** `http://127.0.0.1:port`. */
  url: string;
  stop(): Promise<void>;
}

const VERSION = "v0.203.0";
const START_PATIENCE_MS = 30_000;
const POLL_MS = 20;

/** Starts a mock on a free port; where Go or the module cannot be had, says why. */
export async function startStripeMock(
  say: (line: string) => void = console.log,
): Promise<StripeMock | { reason: string }> {
  const program = await findProgram(say);
  if (typeof program !== "string") return program;
  const directory = await Deno.makeTempDir({ prefix: "waybill-stripe-" });
  const logFile = join(directory, "log");
  await Deno.writeTextFile(logFile, "");
  const server = supervise({
    command: program,
    // It would listen for HTTPS on a port of its own choice otherwise, and end if that is taken.
    args: ["-http-addr", "127.0.0.1:", "-https-addr", "127.0.0.1:"],
    stopSignal: "TERM",
    logFile,
    removeAfter: directory,
  });
  const stop = async () => {
    await server.stop();
    await removeTree(directory);
  };
  const address = await lookFor(server, () => firstAddress(logFile), POLL_MS, START_PATIENCE_MS);
  if (address) return { url: `http://${address}`, stop };
  const output = await Deno.readTextFile(logFile);
  await stop();
  throw new Error(`stripe-mock did not start:\n${output.slice(-2000)}`);
}

/** Where it says that it listens. */
async function firstAddress(logFile: string): Promise<string | undefined> {
  return /Listening for HTTP at address: (127\.0\.0\.1:\d+)\n/.exec(await Deno.readTextFile(logFile))?.[1];
}

/** The program's file. It is built beside it and moved there when it is whole. */
async function findProgram(say: (line: string) => void): Promise<string | { reason: string }> {
  const cache = cacheDirectory();
  const program = join(cache, `stripe-mock-${VERSION}`);
  if (await exists(program)) return program;
  if (await outputOf("go", "version") === undefined) {
    return { reason: "no go on the PATH to build stripe-mock with" };
  }
  say(`Stripe: building stripe-mock ${VERSION} into ${program}`);
  await Deno.mkdir(cache, { recursive: true });
  const draft = await Deno.makeTempDir({ dir: cache, prefix: `stripe-mock-${VERSION}.new-` });
  try {
    const { success, stderr } = await new Deno.Command("go", {
      args: ["install", `github.com/stripe/stripe-mock@${VERSION}`],
      env: { GOBIN: draft },
      cwd: "/",
      stdin: "null",
    }).output();
    const output = new TextDecoder().decode(stderr);
    if (!success) return { reason: `go could not build stripe-mock ${VERSION}: ${lastLine(output)}` };
    await Deno.rename(join(draft, "stripe-mock"), program);
    return program;
  } finally {
    await removeTree(draft);
  }
}

const lastLine = (text: string) => text.trimEnd().split("\n").at(-1) || "it says nothing";

import process from "node:process";
import { ConfigError } from "./settings.ts";
import { errorFields, type Log } from "./platform/log.ts";

/**
 * Gives what `start` gives. What it finds wrong in the environment is told in words, and ends the process with 2; all else,
 * such as a database that is away, is a line of the log, if there is one yet, and ends it with 1.
 */
export async function orExit<T>(start: () => T | Promise<T>, log?: Log): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof ConfigError) {
      console.error(error.message);
      Deno.exit(2);
    }
    if (!log) throw error;
    log.error("cannot start", errorFields(error));
    Deno.exit(1);
  }
}

/** Listens there, as the variables of these names say. @throws ConfigError where that address cannot be had */
export function listen(
  names: string,
  options: Deno.ServeTcpOptions,
  handler: Deno.ServeHandler,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve(options, handler);
  } catch (error) {
    const address = `${options.hostname}:${options.port}`;
    throw new ConfigError(
      `Cannot start:\n  ${names}: cannot listen at ${address}: ${(error as Error).message}`,
    );
  }
}

/**
 * Makes lines of the log of what nobody caught and of the runtime's warnings: left to itself Deno writes them as lines of its
 * own, with messages, which can quote what people typed. A rejection ends nothing, an exception ends the process with 1.
 */
export function logUncaught(log: Log): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log.error("unhandled rejection", errorFields(event.reason));
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    log.error("uncaught exception", errorFields(event.error));
    Deno.exit(1);
  });
  process.removeAllListeners("warning");
  process.on("warning", (warning) => log.warn("a warning of the runtime", errorFields(warning)));
}

/**
 * Lets the process go on until SIGTERM or SIGINT, then drains it and exits with 0, or with 1 if that takes longer than
 * `deadlineMs`.
 */
export function runUntilTold(log: Log, deadlineMs: number, drain: () => Promise<void>): void {
  let draining = false;
  const end = async () => {
    if (draining) return;
    draining = true;
    log.info("draining");
    setTimeout(() => Deno.exit(1), deadlineMs);
    await drain();
    Deno.exit(0);
  };
  Deno.addSignalListener("SIGTERM", end);
  Deno.addSignalListener("SIGINT", end);
}

import { ConfigError } from "./config.ts";
import { errorFields, type Log } from "./platform/log.ts";

/** Gives what `start` gives. What it finds wrong in the environment is told in words, and ends the process with 2. */
export async function orExit<T>(start: () => T | Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}

/**
 * Lets the process go on until SIGTERM or SIGINT, then drains it and exits with 0, or with 1 if that takes longer than
 * `deadlineMs`. A rejection that nobody handles is logged and ends nothing.
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
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    log.error("unhandled rejection", errorFields(event.reason));
  });
}

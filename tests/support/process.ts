import { PRODUCTION_FLAGS } from "../../tools/supervise.ts";

/** How a process ended, and every line that it wrote. */
export interface Ending {
  code: number;
  written: string;
}

/**
 * A process of Waybill with the permissions of production, once it listens; it must log `info` as JSON.
 *
 * @throws Error with its exit code and all that it wrote, if it ends before
 */
export async function startProcess(
  script: "src/main.ts" | "workers/main.ts",
  env: Record<string, string>,
  ...flags: string[]
) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      ...PRODUCTION_FLAGS,
      script,
      ...flags,
    ],
    clearEnv: true,
    env: {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: Deno.env.get("HOME") ?? "",
      ...Deno.env.has("DENO_DIR") ? { DENO_DIR: Deno.env.get("DENO_DIR")! } : {},
      ...env,
    },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let written = "";
  const listening = Promise.withResolvers<string>();
  const keep = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      written += text;
      const port = /"url":"http:\/\/localhost:(\d+)"/.exec(written)?.[1];
      if (port) listening.resolve(`http://127.0.0.1:${port}`);
    }
  };
  const reading = Promise.all([keep(child.stdout), keep(child.stderr)]);
  const ended = Promise.all([child.status, reading]).then(([{ code }]) => ({ code, written }));
  ended.then(({ code }) => listening.reject(new Error(`the process ended with ${code}: ${written}`)));
  const end = async (signal: Deno.Signal): Promise<Ending> => {
    child.kill(signal);
    return await ended;
  };
  return {
    url: await listening.promise,
    /** Ends it as an operator does: it drains, and exports what it has not exported yet. */
    stop: () => end("SIGTERM"),
    /** kill -9. */
    kill: () => end("SIGKILL"),
  };
}

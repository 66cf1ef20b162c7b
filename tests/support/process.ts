/** A process of Waybill with the permissions of production, once it listens. */
export async function startProcess(script: string, env: Record<string, string>) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-net",
      "--allow-env",
      "--allow-read=.,/usr/bin/ldd",
      "--allow-sys",
      "--allow-ffi",
      script,
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
  reading.then(() => listening.reject(new Error(`the process ended: ${written}`)));
  listening.promise.catch(() => {});
  const url = await listening.promise;
  return {
    url,
    /** Ends it as an operator does: what it has not exported yet, it exports. */
    async stop() {
      child.kill("SIGTERM");
      await Promise.all([reading, child.status]);
    },
    /** kill -9. */
    async kill() {
      child.kill("SIGKILL");
      await Promise.all([reading.catch(() => {}), child.status]);
    },
  };
}

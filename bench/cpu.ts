/**
 * Processor seconds that a process has taken so far, from `ps`: whole seconds on Linux, so a share over a short round is
 * rough. (Deno opens /proc only to a program that may do everything.) Undefined where there is no `ps`.
 */
async function cpuSeconds(pid: number): Promise<number | undefined> {
  try {
    const { stdout } = await new Deno.Command("ps", { args: ["-o", "time=", "-p", String(pid)] }).output();
    const found = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$/.exec(
      new TextDecoder().decode(stdout).trim(),
    );
    if (!found) return undefined;
    const [days = 0, hours = 0, minutes = 0, seconds = 0] = found.slice(1).map((part) => Number(part ?? 0));
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Runs `work` and says how much of a core the process took meanwhile. */
export async function withCpuShare<T>(
  pid: number,
  work: () => Promise<T>,
): Promise<{ result: T; cpuShare: number | undefined }> {
  const before = await cpuSeconds(pid);
  const start = performance.now();
  const result = await work();
  const seconds = (performance.now() - start) / 1000;
  const after = await cpuSeconds(pid);
  return {
    result,
    cpuShare: before === undefined || after === undefined ? undefined : (after - before) / seconds,
  };
}

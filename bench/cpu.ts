const TICKS_PER_SECOND = 100;

/** Processor seconds that a process has taken so far; undefined where there is no /proc. */
export async function cpuSeconds(pid: number): Promise<number | undefined> {
  try {
    const fields = (await statOf(pid)).fields;
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotSupported) return undefined;
    throw error;
  }
}

/** Fields from the third on: the second, a name in parentheses, may hold spaces. */
async function statOf(pid: number): Promise<{ fields: string[] }> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`);
  return { fields: text.slice(text.lastIndexOf(")") + 2).split(" ") };
}

/** Runs `work` and says how much of a core the process took meanwhile. */
export async function withCpuShare<T>(
  pid: number,
  work: () => Promise<T>,
): Promise<{ result: T; cpuShare: number | undefined }> {
  const before = await cpuSeconds(pid);
  const start = performance.now();
  const result = await work();
  const after = await cpuSeconds(pid);
  const seconds = (performance.now() - start) / 1000;
  return {
    result,
    cpuShare: before === undefined || after === undefined ? undefined : (after - before) / seconds,
  };
}

import { outputOf } from "../tools/supervise.ts";

/** What `ps` says of a process, as Deno opens /proc only to a program that may do everything. Empty where there is no `ps`. */
async function tellBy(ps: "time" | "rss", pid: number): Promise<string> {
  return (await outputOf("ps", "-o", `${ps}=`, "-p", String(pid)))?.trim() ?? "";
}

/** The memory of a process that is not swapped out; undefined where it cannot be told. */
export async function residentMib(pid: number): Promise<number | undefined> {
  return Number(await tellBy("rss", pid)) / 1024 || undefined;
}

/** Processor seconds that it has taken so far: whole seconds on Linux, so a share over a short round is rough. */
async function cpuSeconds(pid: number): Promise<number | undefined> {
  const found = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$/.exec(await tellBy("time", pid));
  if (!found) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = found.slice(1).map((part) => Number(part ?? 0));
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
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

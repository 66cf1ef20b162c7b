/** Starts the load generator for one job. What the two processes tell each other is plain JSON. */

export interface Target {
  path: string;
  token?: string;
}

/** What the clients send: reads of random targets, new orders, both, or whole checkouts, which count as one. */
export type Traffic =
  | { kind: "get"; targets: Target[] }
  | { kind: "place"; tokens: string[]; skus: string[] }
  | { kind: "checkout"; tokens: string[]; skus: string[] }
  | { kind: "mixed"; readShare: number; targets: Target[]; tokens: string[]; skus: string[] };

export interface Job {
  port: number;
  clients: number;
  seconds: number;
  traffic: Traffic;
}

export interface JobResult {
  seconds: number;
  requests: number;
  perSecond: number;
  /** Latencies in milliseconds. */
  p50: number;
  p99: number;
  max: number;
  /** Answers by status, and by X-Cache-Status where they had one. */
  statuses: Record<string, number>;
  cache: Record<string, number>;
  /** Connections that broke or answered what is no HTTP, by message. */
  errors: Record<string, number>;
  /** Processor time that the generator itself took, per second: 1 is a whole core. */
  cpuShare: number;
}

/** Plays a job in a process of its own. */
export async function play(job: Job): Promise<JobResult> {
  const generator = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-net=127.0.0.1", new URL("generator.ts", import.meta.url).pathname],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = generator.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(job)));
  await writer.close();
  const { success, stdout } = await generator.output();
  if (!success) throw new Error("The load generator failed.");
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Answers other than 2xx, and connections that broke. */
export function failures({ statuses, errors }: JobResult): number {
  const counts = [
    ...Object.entries(statuses).filter(([status]) => !status.startsWith("2")),
    ...Object.entries(errors),
  ];
  return counts.reduce((sum, [, count]) => sum + count, 0);
}

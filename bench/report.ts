import type { JobResult } from "./traffic.ts";

/** One line of the table: the same thing measured in several rounds. */
export interface Measurement {
  name: string;
  clients: number;
  /** Per second, a number each round. */
  rates: number[];
  /** Answers other than 2xx and broken connections, in all rounds together. */
  failed: number;
  rounds?: (JobResult & { serverCpuShare?: number })[];
  against?: { name: string; ratio: number; aim: number };
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Lines of cells, the first column flush left, the others flush right. */
export function table(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)).join(
      "  ",
    )
  ).join("\n");
}

/** Medians over the rounds. */
export function printTable(measurements: Measurement[], missing: string[]): void {
  const rows = [[
    "",
    "clients",
    "per s",
    "p50 ms",
    "p99 ms",
    "failed",
    "server CPU",
    "generator CPU",
    "ratio",
  ]];
  for (const { name, clients, rates, failed, rounds = [], against } of measurements) {
    const of = (pick: (round: typeof rounds[number]) => number | undefined, digits: number) => {
      const values = rounds.flatMap((round) => pick(round) ?? []);
      return values.length === 0 ? "" : median(values).toFixed(digits);
    };
    rows.push([
      name,
      String(clients),
      String(Math.round(median(rates))),
      of((round) => round.p50, 1),
      of((round) => round.p99, 1),
      String(failed),
      of((round) => round.serverCpuShare, 2),
      of((round) => round.cpuShare, 2),
      against ? `${against.ratio.toFixed(2)} of ${against.name} (aim ${against.aim})` : "",
    ]);
  }
  console.log(`\n${table(rows)}`);
  console.log(
    "\nMedians over the rounds. CPU in cores. Load generator: bench/generator.ts, plain sockets, a process of its own;" +
      "\nit is not the bottleneck where its CPU stays below 1 and its own limit lies well above the line.",
  );
  for (const line of missing) console.log(`MISSING: ${line}`);
}

/** Writes what was measured, with the machine it was measured on, and returns the file's path. */
export async function writeResults(directory: string, results: object, name = "bench"): Promise<string> {
  await Deno.mkdir(directory, { recursive: true });
  const at = new Date().toISOString();
  const file = `${directory}/${name}-${at.replaceAll(":", "")}.json`;
  const machine = {
    cores: navigator.hardwareConcurrency,
    os: Deno.build.os,
    arch: Deno.build.arch,
    deno: Deno.version.deno,
  };
  await Deno.writeTextFile(file, JSON.stringify({ at, machine, ...results }, null, 2));
  return file;
}

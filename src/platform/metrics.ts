import { createHash, timingSafeEqual } from "node:crypto";
import process from "node:process";
import { setImmediate } from "node:timers";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Backlog } from "./backlog.ts";
import type { Cache } from "./cache.ts";
import type { Vitals } from "./vitals.ts";

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** The values of a metric by its label; one that has no label stands under "". */
type Values = Record<string, number>;
type Child = Pick<Histogram, "zero"> & { observe(value: number): void };

/** What a process counts, in Prometheus' text format. Labels have few values: never a path, an id or a name. */
export class Metrics {
  /** Requests that have no answer yet. */
  requestsInFlight = 0;
  readonly #registry = new Registry();
  /** By route, then by the first digit of the status: finding a label's counter anew costs more than counting. */
  readonly #requestsOf = new Map<string, Child[]>();
  readonly #requests;
  readonly #jobs;
  readonly #jobSeconds;

  constructor(cache: Cache) {
    const registers = [this.#registry];
    this.#requests = new Histogram({
      name: "http_request_duration_seconds",
      help: "Requests by method, route template and class of status; route `other` is none of the API's.",
      labelNames: ["method", "route", "status"],
      buckets: BUCKETS_SECONDS,
      registers,
    });
    this.#jobs = new Counter({
      name: "jobs_done_total",
      help: "Attempts of jobs that ended in this process, by result: done or failed.",
      labelNames: ["job", "result"],
      registers,
    });
    this.#jobSeconds = new Histogram({
      name: "job_duration_seconds",
      help: "How long attempts of jobs took; jobs that are done together count as one.",
      labelNames: ["job"],
      buckets: [...BUCKETS_SECONDS, 30, 60, 300],
      registers,
    });
    const { counters } = cache;
    this.#read(Gauge, "http_requests_in_flight", "Requests that have no answer yet.", "", () => ({
      "": this.requestsInFlight,
    }));
    this.#read(Counter, "cache_reads_total", "Reads of the cache: hit, miss or bypass.", "result", () => ({
      hit: counters.hits,
      miss: counters.misses,
      bypass: counters.bypasses,
    }));
    this.#read(
      Counter,
      "cache_failures_total",
      "Calls to Redis without a good answer, those the breaker spared included.",
      "",
      () => ({ "": counters.failures }),
    );
    this.#read(Counter, "process_cpu_seconds_total", "CPU time that the process took.", "mode", () => {
      const { user, system } = process.cpuUsage();
      return { user: user / 1e6, system: system / 1e6 };
    });
    this.#read(Gauge, "process_memory_bytes", "Memory of the process, by kind.", "kind", () => {
      const { rss, heapTotal, heapUsed, external } = Deno.memoryUsage();
      return { resident: rss, heap: heapTotal, heap_used: heapUsed, external };
    });
    this.#read(Gauge, "event_loop_lag_seconds", "How late a callback ran that was due.", "", async () => ({
      "": await eventLoopLag(),
    }));
  }

  /** Adds what workers leave undone: the same from every worker process, for the database knows it. */
  addBacklog(vitals: Vitals): void {
    this.#read(
      Gauge,
      "database_up",
      "Does the database answer? If not, the backlog is unknown.",
      "",
      async () => ({
        "": await vitals.backlog() ? 1 : 0,
      }),
    );
    this.#read(Gauge, "kafka_up", "Does Kafka answer? Missing where there is none.", "", async () => {
      const { status } = await vitals.kafka();
      return status === "not_used" ? {} as Values : { "": status === "up" ? 1 : 0 };
    });
    const add = (name: string, help: string, label: string, valuesOf: (backlog: Backlog) => Values) =>
      this.#read(Gauge, name, help, label, async () => {
        const backlog = await vitals.backlog();
        return backlog ? valuesOf(backlog) : {};
      });
    const each = <T>(rows: T[], entry: (row: T) => [string, number]) => Object.fromEntries(rows.map(entry));
    add(
      "jobs_waiting",
      "Jobs that wait for a worker.",
      "queue",
      (b) => each(b.queues, (q) => [q.queue, q.waiting]),
    );
    add(
      "jobs_failed",
      "Jobs that failed for good, while they are kept.",
      "queue",
      (b) => each(b.queues, (q) => [q.queue, q.failed]),
    );
    add(
      "event_log_lag_events",
      "About how many events a reader is behind.",
      "reader",
      (b) => each(b.readers, (r) => [r.reader, r.lag_events]),
    );
    add(
      "event_log_lag_seconds",
      "Age of the oldest event that a reader has not done.",
      "reader",
      (b) => each(b.readers, (r) => [r.reader, r.lag_seconds]),
    );
    add("dead_letters", "Failed jobs for staff to look at.", "", (b) => ({ "": b.deadLetters }));
    add(
      "outbox_held",
      "Events held back from Kafka; counted up to 10,000.",
      "",
      (b) => ({ "": b.outbox.held }),
    );
    add(
      "outbox_dead",
      "Events that Kafka never got; counted up to 10,000.",
      "",
      (b) => ({ "": b.outbox.dead }),
    );
  }

  /** A request was answered. `route` is its method and the template of its path, where it is a route of the API. */
  requestEnded(route: string | undefined, method: string, status: number, seconds: number): void {
    const key = route ?? (METHODS.includes(method) ? method : "other");
    const byClass = this.#requestsOf.getOrInsertComputed(key, () => []);
    const digit = Math.floor(status / 100);
    (byClass[digit] ??= this.#requestsLabelled(key, digit)).observe(seconds);
  }

  /** So many jobs were attempted together, and ended alike. */
  jobsEnded(job: string, result: "done" | "failed", count: number, seconds: number): void {
    this.#jobs.inc({ job, result }, count);
    this.#jobSeconds.observe({ job }, seconds);
  }

  /** All of it, as Prometheus reads it. */
  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  #requestsLabelled(key: string, digit: number): Child {
    const [method, template = "other"] = key.split(" ", 2);
    return this.#requests.labels(method!, template, `${digit}xx`) as unknown as Child;
  }

  /** A metric that is read at each scrape, and left out where it cannot be known. */
  #read(
    Kind: typeof Gauge | typeof Counter,
    name: string,
    help: string,
    label: string,
    read: () => Values | Promise<Values>,
  ): void {
    new Kind({
      name,
      help,
      labelNames: label ? [label] : [],
      registers: [this.#registry],
      async collect() {
        const values = await read();
        this.reset();
        if (!label && !("" in values)) this.remove();
        for (const [of, value] of Object.entries(values)) this.inc(label ? { [label]: of } : {}, value);
      },
    });
  }
}

/** May a request with this Authorization read the metrics? Takes as long for a wrong token as for a right one. */
export function mayReadMetrics(token: string | undefined, authorization: string | null | undefined): boolean {
  if (token === undefined) return true;
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(`Bearer ${token}`), digest(authorization ?? ""));
}

async function eventLoopLag(): Promise<number> {
  const start = performance.now();
  await new Promise((resolve) => setImmediate(resolve));
  return (performance.now() - start) / 1000;
}

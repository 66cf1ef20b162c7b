import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import type { Sql } from "./db.ts";

const CHANNELS = ["waybill_events", "waybill_jobs"] as const;
/** `waybill_events`: the log has grown. `waybill_jobs`: there are new jobs. */
export type Channel = typeof CHANNELS[number];

const RECONNECT_MS = 500;
const CONNECT_TIMEOUT_MS = 5000;

/**
 * Wakes readers in other processes, without a promise: a lost ring only means that they see it at their next look.
 * Rung after the commit, and never inside a hot transaction, where NOTIFY would let commits go one by one.
 */
export class Bell {
  readonly #sql: Sql;
  readonly #databaseUrl: string;
  readonly #ringing = new Map<Channel, Promise<void>>();
  readonly #again = new Set<Channel>();
  readonly #listeners = new Map<Channel, Set<() => void>>(CHANNELS.map((each) => [each, new Set()]));
  readonly #closing = new AbortController();
  #ear: Promise<void> | undefined;
  #client: pg.Client | undefined;

  constructor(sql: Sql, databaseUrl: string) {
    this.#sql = sql;
    this.#databaseUrl = databaseUrl;
  }

  /** Rings once for all calls that come while a ring is under way. Never throws. */
  ring(channel: Channel): void {
    if (this.#ringing.has(channel)) return void this.#again.add(channel);
    const ringing = this.#sql`select pg_notify(${channel}, '')`.then(() => {}, () => {}).finally(() => {
      this.#ringing.delete(channel);
      if (this.#again.delete(channel)) this.ring(channel);
    });
    this.#ringing.set(channel, ringing);
  }

  /**
   * Calls `hear` at each ring of any process, and whenever a ring may have been missed. Gives what ends it. The first
   * call opens a connection of its own, which comes back by itself, however long the database was away. (The driver's
   * `listen` tries only once.)
   */
  listen(channel: Channel, hear: () => void): () => void {
    this.#listeners.get(channel)!.add(hear);
    this.#ear ??= this.#keepListening();
    return () => void this.#listeners.get(channel)!.delete(hear);
  }

  /** Waits for the ring that is under way, and lets go of the connection that listens. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#again.clear();
    await this.#client?.end().catch(() => {});
    await Promise.all([this.#ear, ...this.#ringing.values()]);
  }

  async #keepListening(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#listenOnce().catch(() => {});
      await delay(RECONNECT_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** Listens until the connection ends, for whatever reason. */
  async #listenOnce(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#databaseUrl,
      application_name: "waybill-bell",
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    });
    const ended = new Promise<void>((resolve) => client.once("end", resolve));
    client.on("error", () => {}); // told by its end
    client.on("notification", ({ channel }: { channel: Channel }) => this.#wake(channel));
    await client.connect();
    this.#client = client;
    try {
      for (const channel of CHANNELS) await client.query(`listen ${channel}`);
      for (const channel of CHANNELS) this.#wake(channel);
      if (this.#closing.signal.aborted) await client.end();
      await ended;
    } finally {
      this.#client = undefined;
      await client.end(); // a server that refuses to listen (a standby) leaves it open
    }
  }

  #wake(channel: Channel): void {
    this.#listeners.get(channel)?.forEach((hear) => hear());
  }
}

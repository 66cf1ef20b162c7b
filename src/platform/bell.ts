import type { Sql } from "./db.ts";

const CHANNELS = ["waybill_events", "waybill_jobs"] as const;
/** `waybill_events`: the log has grown. `waybill_jobs`: there are new jobs. */
export type Channel = typeof CHANNELS[number];

/**
 * Wakes readers in other processes, without a promise: a lost ring only means that they see it at their next look.
 * Rung after the commit, and never inside a hot transaction, where NOTIFY would let commits go one by one.
 */
export class Bell {
  readonly #sql: Sql;
  readonly #ringing = new Map<Channel, Promise<void>>();
  readonly #again = new Set<Channel>();
  readonly #listeners = new Map<Channel, Set<() => void>>();
  #listening: Promise<unknown>[] | undefined;

  constructor(sql: Sql) {
    this.#sql = sql;
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

  /** Calls `hear` at each ring of any process, and after a lost connection was made anew. Gives what ends it. */
  async listen(channel: Channel, hear: () => void): Promise<() => void> {
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(hear));
    this.#listening ??= CHANNELS.map((each) => {
      const wake = () => this.#listeners.get(each)?.forEach((listener) => listener());
      return this.#sql.listen(each, wake, wake);
    });
    await Promise.all(this.#listening);
    return () => void listeners.delete(hear);
  }

  /** Waits for the ring that is under way. The connection that listens ends with the pool. */
  async close(): Promise<void> {
    this.#again.clear();
    await Promise.all(this.#ringing.values());
  }
}

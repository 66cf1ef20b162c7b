import type { Bell } from "../platform/bell.ts";
import type { Sql } from "../platform/db.ts";
import { type EventFilter, type LoggedEvent, readEvents, type Stretch } from "../platform/event_log.ts";
import { errorFields, type Log } from "../platform/log.ts";
import type { LogHorizon } from "../platform/log_horizon.ts";
import { Waker } from "../platform/waker.ts";

const BATCH = 100;
const PAGE = 100;
const POLL_MS = 500;
const PAUSE_AFTER_ERROR_MS = 500;

/** Somebody who wants the log from one place on. */
export interface Follower {
  /** It has had every event up to here. */
  readonly position: number;
  /** Whose events are read for it while it catches up; undefined: everyone's. */
  readonly userId: string | undefined;
  readonly isEnded: boolean;
  /** Resolves when it can take another page of the past, or has ended. */
  room(): Promise<void>;
  /** Takes events in their order and moves its position to `upTo`. May be given some that it has had. Never throws. */
  take(events: readonly LoggedEvent[], upTo: number, isPast: boolean): void;
}

/** What the tail needs of its process. */
export interface LogSource {
  sql: Sql;
  bell: Bell;
  horizon: LogHorizon;
  log: Log;
  /** What is to be done before anybody is told of these. Never rejects. */
  first(events: readonly LoggedEvent[]): Promise<void>;
}

/**
 * Reads what is new in the log once for all followers of a process, while there are any. Each first catches up from the
 * database at its own pace. Between the look that tells that it has caught up and its joining nothing is awaited, so it
 * misses nothing; what it has had is told by positions, so it gets nothing twice. A lost database only delays it.
 */
export class LogTail {
  readonly #source: LogSource;
  /** All of them, and whether each is live: it has caught up, and is given what is new. */
  readonly #followers = new Map<Follower, boolean>();
  readonly #catchingUp = new Set<Promise<void>>();
  /** How far the live followers have been served; undefined while nobody follows. */
  #position: number | undefined;
  #running: Promise<void> | undefined;
  readonly #waker = new Waker();

  constructor(source: LogSource) {
    this.#source = source;
  }

  /** Serves a follower from its position on, until it leaves. */
  follow(follower: Follower): void {
    this.#followers.set(follower, false);
    this.#running ??= this.#run();
    const catchingUp = this.#catchUp(follower).finally(() => this.#catchingUp.delete(catchingUp));
    this.#catchingUp.add(catchingUp);
  }

  leave(follower: Follower): void {
    this.#followers.delete(follower);
    if (this.#followers.size === 0) this.#waker.wake();
  }

  /** Resolves when nothing of it runs any more; all followers must have left. */
  async close(): Promise<void> {
    this.#waker.wake();
    await Promise.all([this.#running, ...this.#catchingUp]);
  }

  async #run(): Promise<void> {
    const { horizon, bell } = this.#source;
    // Rings only make it quicker than its polls.
    const silence = bell.listen("waybill_events", () => this.#waker.wake());
    while (this.#followers.size > 0) {
      const rings = this.#waker.rings;
      try {
        const upTo = await horizon.settled();
        // Nobody is live before there is a position, so nobody can miss what lies before the first one.
        this.#position ??= upTo;
        while (this.#position < upTo && this.#followers.size > 0) {
          const { events, reached } = await this.#read({ after: this.#position, upTo, limit: BATCH });
          this.#position = reached;
          for (const [follower, isLive] of this.#followers) {
            if (isLive) follower.take(events, reached, false);
          }
        }
        await this.#waker.wait(POLL_MS, rings);
      } catch (error) {
        this.#source.log.warn("could not follow the log", { ...errorFields(error), reader: "live" });
        await this.#waker.wait(PAUSE_AFTER_ERROR_MS);
      }
    }
    silence();
    this.#position = undefined;
    this.#running = undefined;
  }

  async #catchUp(follower: Follower): Promise<void> {
    const { horizon, log } = this.#source;
    while (this.#followers.has(follower)) {
      try {
        await follower.room();
        if (!this.#followers.has(follower)) return;
        if (this.#position !== undefined && follower.position >= this.#position) {
          this.#followers.set(follower, true);
          return;
        }
        const upTo = this.#position ?? await horizon.settled();
        const filter = { after: follower.position, upTo, userId: follower.userId, limit: PAGE };
        const { events, reached } = follower.position < upTo
          ? await this.#read(filter)
          : { events: [], reached: upTo };
        follower.take(events, reached, true);
      } catch (error) {
        log.warn("could not follow the log", { ...errorFields(error), reader: "live" });
        await this.#waker.wait(PAUSE_AFTER_ERROR_MS);
      }
    }
  }

  async #read(filter: EventFilter): Promise<Stretch> {
    const stretch = await readEvents(this.#source.sql, filter);
    await this.#source.first(stretch.events);
    return stretch;
  }
}

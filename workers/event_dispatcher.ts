import type { Deps } from "../src/deps.ts";
import type { BreakerState } from "../src/platform/breaker.ts";
import { transaction } from "../src/platform/db.ts";
import { MAX_STORED_BYTES } from "../src/platform/event_log.ts";
import { errorFields } from "../src/platform/log.ts";
import { within } from "../src/platform/recent.ts";
import { Waker } from "../src/platform/waker.ts";
import {
  deleteOutbox,
  findPositions,
  holdShards,
  insertOutbox,
  listDue,
  lockOwned,
  lockShards,
  movePositions,
  type OutboxRow,
  type ReadEvent,
  readShards,
  releaseShards,
  type ShardedEvent,
  updateOutbox,
} from "./dispatcher_queries.ts";
import { EventSender, KafkaAway, type Outcome, type Refused } from "./event_sender.ts";
import { divide } from "./shards.ts";

const SHARDS = 16;
const LEASE_MS = 8000;
const RENEW_MS = 2000;
/** How often the log is looked at when nobody rings, and the outbox in any case. */
const POLL_MS = 500;
const PAUSE_AFTER_ERROR_MS = 1000;
/** How long it waits for Kafka: from this, doubled each time, with jitter, up to that. */
const AWAY_MIN_MS = 250;
const AWAY_MAX_MS = 10_000;
const MAX_RETRY_DELAY_MS = 5 * 60_000;
/** How long a batch that Kafka does not answer may hold up the end of the process. */
const STOP_PATIENCE_MS = 10_000;

export interface DispatcherHealth {
  status: "up" | "down" | "not_configured";
  breaker?: BreakerState;
  /** How far the slowest shard of this process is behind the log, in positions. */
  lag: number;
}

export interface EventDispatcher {
  health(): DispatcherHealth;
  /** Finishes the batch under way and lets other processes have its shards. */
  stop(): Promise<void>;
}

/** Sends the log to Kafka, if there is one: each event at least once, those of one aggregate in order. */
export function startEventDispatcher(deps: Deps): EventDispatcher {
  const { kafka } = deps.config;
  if (!kafka) {
    deps.log.info("no Kafka is configured: events stay in the log");
    return { health: () => ({ status: "not_configured", lag: 0 }), stop: () => Promise.resolve() };
  }
  const dispatcher = new Dispatcher(deps, new EventSender(kafka));
  dispatcher.start();
  return dispatcher;
}

/** The shards that are held, from one change of them to the next. */
interface Lease {
  shards: number[];
  /** How far each of them was sent, at least; unknown at first. */
  positions?: Map<number, number>;
}

interface Batch {
  events: ReadEvent[];
  to: number;
}

class Dispatcher implements EventDispatcher {
  readonly #deps: Deps;
  readonly #sender: EventSender;
  readonly #me = crypto.randomUUID();
  readonly #stopping = new AbortController();
  readonly #waker = new Waker(this.#stopping.signal);
  /** The bell must not cut a rest short: it rings with every order. */
  readonly #restWaker = new Waker(this.#stopping.signal);
  readonly #leaseWaker = new Waker(this.#stopping.signal);
  #lease: Lease = { shards: [] };
  #surplus: number[] = [];
  #upTo = 0;
  #nextLook = 0;
  #failures = 0;
  #running: Promise<unknown> = Promise.resolve();
  #silence = () => {};

  constructor(deps: Deps, sender: EventSender) {
    this.#deps = deps;
    this.#sender = sender;
  }

  start(): void {
    this.#silence = this.#deps.bell.listen("waybill_events", () => this.#waker.wake());
    this.#running = Promise.all([this.#keepShards(), this.#dispatch()]);
  }

  health(): DispatcherHealth {
    const positions = this.#lease.positions?.values() ?? [];
    return {
      status: this.#failures === 0 ? "up" : "down",
      breaker: this.#sender.breaker.state,
      lag: this.#upTo - Math.min(this.#upTo, ...positions),
    };
  }

  async stop(): Promise<void> {
    this.#silence();
    this.#stopping.abort();
    await within(this.#running, STOP_PATIENCE_MS).catch(() => {});
    await this.#release(this.#lease.shards).catch((error) => this.#warn("could not release shards", error));
    await this.#sender.close();
  }

  /** Renews what it holds and takes its share, whatever else is under way. */
  async #keepShards(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const rings = this.#leaseWaker.rings;
      try {
        const { hold, surplus } = await transaction(this.#deps.sql, async (tx) => {
          const division = divide(await lockShards(tx), this.#me);
          await holdShards(tx, this.#me, division.hold, LEASE_MS);
          return division;
        });
        this.#surplus = surplus;
        if (surplus.length > 0) this.#waker.wake();
        if (String(hold) !== String(this.#lease.shards)) {
          this.#lease = { shards: hold };
          this.#waker.wake();
        }
      } catch (error) {
        this.#warn("could not renew what it holds of the log", error);
      }
      await this.#leaseWaker.wait(RENEW_MS, rings);
    }
  }

  async #dispatch(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const rings = this.#waker.rings;
      try {
        await this.#giveUpSurplus();
        await this.#drain(this.#lease);
        await this.#waker.wait(Math.max(0, this.#nextLook - performance.now()), rings);
      } catch (error) {
        if (error instanceof KafkaAway) await this.#rest(error);
        else {
          this.#warn("could not dispatch events", error);
          await this.#waker.wait(PAUSE_AFTER_ERROR_MS);
        }
      }
    }
  }

  /**
   * Sends all that there is now. While one batch is being sent the next one is read, and that the one before was sent is
   * written down; what was not sent is written down before anything else happens, so that nothing overtakes it.
   */
  async #drain(lease: Lease): Promise<void> {
    if (lease.shards.length === 0) {
      this.#nextLook = performance.now() + POLL_MS;
      return;
    }
    // Each time, as a backup or a replica that had not heard of all may have taken the database's place.
    lease.positions = await findPositions(this.#deps.sql, lease.shards);
    this.#upTo = await this.#deps.horizon.settled();
    await this.#retryDue(lease);
    let next = this.#read(lease, Math.min(...lease.positions.values()));
    let recorded: Promise<void> = Promise.resolve();
    try {
      for (let batch = await next; batch && this.#mayGoOn(lease); batch = await next) {
        const { to } = batch;
        next = this.#read(lease, to);
        next.catch(() => {}); // awaited later
        const outcome = await this.#deliver(batch.events);
        await recorded;
        recorded = this.#record(lease, to, outcome);
        recorded.catch(() => {});
        let outboxChanged = outcome.behind.length > 0 || outcome.refused.length > 0;
        if (outboxChanged) await recorded;
        if (performance.now() >= this.#nextLook) {
          await recorded;
          outboxChanged = await this.#retryDue(lease) || outboxChanged;
        }
        if (outboxChanged) {
          await next; // it was read before, and does not know which keys are held back now
          next = this.#read(lease, to);
          next.catch(() => {});
        }
      }
      await recorded;
    } finally {
      await Promise.allSettled([next, recorded]);
    }
  }

  #mayGoOn(lease: Lease): boolean {
    return lease === this.#lease && this.#surplus.length === 0 && !this.#stopping.signal.aborted;
  }

  /** Undefined when there is nothing behind `after`. A process with few shards looks at more events at a time. */
  async #read(lease: Lease, after: number): Promise<Batch | undefined> {
    const { sql, horizon, config } = this.#deps;
    if (after >= this.#upTo) this.#upTo = await horizon.settled();
    if (after >= this.#upTo) return undefined;
    const times = Math.ceil(SHARDS / lease.shards.length);
    const { events, to } = await readShards(sql, {
      shards: lease.shards,
      after,
      upTo: this.#upTo,
      limit: config.outbox.batchSize * times,
      bytes: 2 * MAX_STORED_BYTES * times, // as texts, which take less room than what is read of them
    });
    return { events: events.filter(({ shard, position }) => position > lease.positions!.get(shard)!), to };
  }

  async #deliver(events: ReadEvent[]): Promise<Outcome<ShardedEvent>> {
    const free = events.filter(({ behind }) => !behind);
    const outcome: Outcome<ShardedEvent> = free.length === 0
      ? { refused: [], behind: [] }
      : await this.#send(free);
    return { ...outcome, behind: [...events.filter(({ behind }) => behind), ...outcome.behind] };
  }

  /** What was refused goes to the outbox, what is behind it too, and the shards move on. */
  async #record(lease: Lease, to: number, { refused, behind }: Outcome<ShardedEvent>): Promise<void> {
    const held = behind.map((event) =>
      ({ ...rowOf(event), status: "held", attempts: 0, delay_ms: 0, error: null }) as const
    );
    const rows = [...this.#afterRefusal(refused, () => 1), ...held];
    const owned = await transaction(this.#deps.sql, async (tx) => {
      const shards = await lockOwned(tx, this.#me, lease.shards);
      await insertOutbox(tx, rows.filter(({ shard }) => shards.includes(shard)));
      await movePositions(tx, shards, to);
      return shards;
    });
    // One that was ahead when they were taken stays there: it has been sent all of that.
    for (const shard of owned) lease.positions!.set(shard, Math.max(to, lease.positions!.get(shard)!));
    if (owned.length < lease.shards.length) this.#lostSome(lease);
  }

  /** Tries again what is due in the outbox, for so long that the log does not wait for it. Was there anything? */
  async #retryDue(lease: Lease): Promise<boolean> {
    const { sql, config } = this.#deps;
    const start = performance.now();
    let tried = false;
    while (start >= this.#nextLook && performance.now() < start + POLL_MS && this.#mayGoOn(lease)) {
      const due = await listDue(sql, lease.shards, config.outbox.batchSize);
      if (due.length === 0) {
        this.#nextLook = performance.now() + POLL_MS;
        break;
      }
      tried = true;
      const { refused, behind } = await this.#send(due);
      const unsent = new Set([
        ...refused.map(({ event }) => event.position),
        ...behind.map(({ position }) => position),
      ]);
      const owned = await transaction(sql, async (tx) => {
        const shards = await lockOwned(tx, this.#me, lease.shards);
        const isOurs = ({ shard }: { shard: number }) => shards.includes(shard);
        await deleteOutbox(
          tx,
          due.filter(isOurs).map(({ position }) => position).filter((each) => !unsent.has(each)),
        );
        await updateOutbox(
          tx,
          this.#afterRefusal(refused.filter(({ event }) => isOurs(event)), ({ attempts }) => attempts + 1),
        );
        return shards;
      });
      if (owned.length < lease.shards.length) this.#lostSome(lease);
    }
    return tried;
  }

  async #send<Event extends ShardedEvent>(events: Event[]): Promise<Outcome<Event>> {
    const outcome = await this.#sender.deliver(events);
    if (this.#failures > 0) this.#deps.log.info("Kafka is back", { dependency: "kafka" });
    this.#failures = 0;
    return outcome;
  }

  #afterRefusal<Event extends ShardedEvent>(
    refused: Refused<Event>[],
    attemptsOf: (event: Event) => number,
  ): OutboxRow[] {
    const { maxAttempts, retryDelayMs } = this.#deps.config.outbox;
    const rows = refused.map(({ event, reason }): OutboxRow => {
      const attempts = attemptsOf(event);
      return {
        ...rowOf(event),
        status: attempts < maxAttempts ? "held" : "dead",
        attempts,
        delay_ms: backOff(retryDelayMs, attempts, MAX_RETRY_DELAY_MS),
        error: reason,
      };
    });
    const fields = { dependency: "kafka", error_code: refused[0]?.code };
    const dead = rows.filter(({ status }) => status === "dead").length;
    const first = rows.filter(({ attempts }) => attempts === 1).length;
    if (first > 0) this.#deps.log.warn("Kafka refused events", { ...fields, count: first });
    if (dead > 0) this.#deps.log.error("events were given up", { ...fields, count: dead });
    return rows;
  }

  /** Another process took some of the shards: looks at once which are left. */
  #lostSome(lease: Lease): void {
    if (lease === this.#lease) this.#lease = { shards: [] };
    this.#leaseWaker.wake();
  }

  async #giveUpSurplus(): Promise<void> {
    const surplus = this.#surplus;
    if (surplus.length === 0) return;
    await this.#release(surplus);
    this.#surplus = [];
    this.#lease = { shards: this.#lease.shards.filter((shard) => !surplus.includes(shard)) };
  }

  async #release(shards: number[]): Promise<void> {
    if (shards.length > 0) await transaction(this.#deps.sql, (tx) => releaseShards(tx, this.#me, shards));
  }

  async #rest(error: KafkaAway): Promise<void> {
    this.#failures++;
    if (this.#failures === 1) {
      this.#deps.log.warn("Kafka is away: events wait in the log", {
        ...errorFields(error.cause),
        dependency: "kafka",
      });
    }
    const delay = backOff(AWAY_MIN_MS, this.#failures, AWAY_MAX_MS);
    await this.#restWaker.wait(delay);
  }

  #warn(message: string, error: unknown): void {
    this.#deps.log.warn(message, { ...errorFields(error), reader: "kafka" });
  }
}

function rowOf(event: ShardedEvent): { position: number; shard: number; message_key: string } {
  return { position: event.position, shard: event.shard, message_key: event.aggregate_id };
}

/** Doubles with each attempt, with full jitter (anything from nothing to all of it), so that not all come at once. */
function backOff(firstMs: number, attempts: number, maxMs: number): number {
  return Math.round(Math.random() * Math.min(maxMs, firstMs * 2 ** (attempts - 1)));
}

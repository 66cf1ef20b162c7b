import { findActiveRoles } from "../identity/mod.ts";
import type { Clock } from "../platform/clock.ts";
import { AppError } from "../platform/errors.ts";
import { errorFields } from "../platform/log.ts";
import { type LogSource, LogTail } from "./log_tail.ts";
import type { Subscriber } from "./subscriber.ts";

/** How many streams there may be, and how often each gives a sign of life and its user's role is looked up. */
export const STREAM_LIMITS = { perUser: 20, perProcess: 5000, heartbeatMs: 15_000 };

/** How long the ends of streams may take when the process ends. */
const CLOSE_MS = 2000;

/** All open streams of a process, with the one tail that serves them. */
export class LiveStreams {
  readonly #source: LogSource & { clock: Clock };
  readonly #limits: typeof STREAM_LIMITS;
  readonly #tail: LogTail;
  readonly #open = new Set<Subscriber>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #checking: Promise<void> | undefined;
  #closing = false;
  #emptied = () => {};

  constructor(source: LogSource & { clock: Clock }, limits = STREAM_LIMITS) {
    this.#source = source;
    this.#limits = limits;
    this.#tail = new LogTail(source);
  }

  get size(): number {
    return this.#open.size;
  }

  /** The place in the log from which on everything is still to come. */
  async now(): Promise<number> {
    return await this.#source.horizon.settled();
  }

  /**
   * Serves a stream until it ends, which it does with its token, when its user may no longer see what it shows, and with
   * the process.
   *
   * @throws rate_limited (too many of this user), unavailable (too many of this process, or it is about to end)
   */
  open<S extends Subscriber>(stream: S): S {
    const { userId } = stream.actor;
    const ofUser = [...this.#open].filter(({ actor }) => actor.userId === userId).length;
    if (this.#closing || this.#open.size >= this.#limits.perProcess) {
      throw new AppError("unavailable", "This server takes no more streams just now. Try again.", {
        retryAfterSeconds: 1,
      });
    }
    if (ofUser >= this.#limits.perUser) {
      throw new AppError("rate_limited", `More than ${this.#limits.perUser} streams at a time.`, {
        retryAfterSeconds: 10,
      });
    }
    this.#open.add(stream);
    const timeLeftMs = stream.endsAtMs - this.#source.clock.now().getTime();
    const expiry = setTimeout(() => stream.end("token_expired"), timeLeftMs);
    stream.observe(() => {
      clearTimeout(expiry);
      this.#tail.leave(stream);
    }, () => this.#remove(stream));
    this.#timer ??= setInterval(() => this.#beat(), this.#limits.heartbeatMs);
    this.#tail.follow(stream);
    return stream;
  }

  /** Ends all streams and takes no more. */
  async close(): Promise<void> {
    this.#closing = true;
    const emptied = new Promise<void>((resolve) => this.#emptied = resolve);
    for (const stream of this.#open) stream.end("restarting");
    if (this.#open.size > 0) {
      const deadline = setTimeout(this.#emptied, CLOSE_MS);
      await emptied;
      clearTimeout(deadline);
      for (const stream of this.#open) stream.abandon();
    }
    clearInterval(this.#timer);
    await Promise.all([this.#tail.close(), this.#checking]);
  }

  #remove(stream: Subscriber): void {
    this.#open.delete(stream);
    if (this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#emptied();
  }

  #beat(): void {
    for (const stream of this.#open) {
      try {
        stream.beat();
      } catch {
        stream.abandon();
      }
    }
    this.#checking ??= this.#checkRoles().finally(() => this.#checking = undefined);
  }

  /** Ends the streams of users who are gone, disabled, or no longer staff. */
  async #checkRoles(): Promise<void> {
    const asked = [...this.#open]; // of those that open meanwhile nothing is known
    try {
      const userIds = new Set(asked.map(({ actor }) => actor.userId));
      const roles = await findActiveRoles(this.#source.sql, [...userIds]);
      for (const stream of asked) {
        const role = roles.get(stream.actor.userId);
        const isDemoted = stream.actor.role !== "customer" && role === "customer";
        if (!role || isDemoted) stream.end("unauthenticated");
      }
    } catch (error) {
      this.#source.log.warn("could not look up who may still listen", errorFields(error));
    }
  }
}

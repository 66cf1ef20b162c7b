import { eventView, mayReadEvent } from "../events/mod.ts";
import { userUpdated } from "../identity/mod.ts";
import type { Changes } from "../platform/changes.ts";
import { type Actor, isStaff } from "../platform/ctx.ts";
import type { LoggedEvent } from "../platform/event_log.ts";
import type { Follower } from "./log_tail.ts";

/** What may wait for a client that reads slowly. */
export const MAX_BACKLOG_BYTES = 1024 * 1024;
export const MAX_BACKLOG_EVENTS = 1000;
const MAX_IDLE_BEATS = 2;
const ROOM_POLL_MS = 25;

/** Why a stream ends, in words for its client. */
export const ENDINGS = {
  token_expired: "The access token has expired: come again with a fresh one.",
  unauthenticated: "This account may no longer see these events.",
  slow_consumer: "More events wait than are kept for one stream: come again with the last id.",
  restarting: "This server is going away: come again with the last id.",
  too_many_frames: "A client has next to nothing to say here: at most 100 frames in 10 seconds.",
  frame_too_large: "No frame may be larger than 64 KiB.",
  internal: "Something broke on our side: come again with the last id.",
} as const;
export type Ending = keyof typeof ENDINGS;

/** What a client asked for. */
export interface Subscription {
  actor: Extract<Actor, { kind: "user" }>;
  /** Events behind this position. */
  after: number;
  /** Only these; undefined: all. */
  types: ReadonlySet<string> | undefined;
  /** When its token ends. */
  endsAtMs: number;
}

const encoder = new TextEncoder();

/** An event as one audience sees it, made once for all streams of a process. */
export class ShownEvent {
  readonly event: LoggedEvent;
  readonly json: string;
  #sse: Uint8Array | undefined;

  constructor(event: LoggedEvent, json: string) {
    this.event = event;
    this.json = json;
  }

  get sse(): Uint8Array {
    const { position, type } = this.event;
    return this.#sse ??= encoder.encode(`id: ${position}\nevent: ${type}\ndata: ${this.json}\n\n`);
  }
}

const shownEvents = new WeakMap<LoggedEvent, { staff?: ShownEvent; owner?: ShownEvent }>();

/** For the two who can see an event at all: staff, or the one whose it is. */
function show(actor: Actor, event: LoggedEvent): ShownEvent {
  const shown = shownEvents.getOrInsertComputed(event, () => ({}));
  return shown[isStaff(actor) ? "staff" : "owner"] ??= new ShownEvent(
    event,
    JSON.stringify(eventView(actor, event)),
  );
}

/** Was their account disabled with this, or are they no staff any more? */
function takesRights({ userId, role }: Subscription["actor"], event: LoggedEvent): boolean {
  if (event.type !== userUpdated.type || event.aggregate_id !== userId) return false;
  const changes = event.data.changes as Changes;
  return changes.disabled?.to === true || (role !== "customer" && changes.role?.to === "customer");
}

/**
 * One open stream: takes from the log what its client asked for and may see, and gives up on a client that falls too far
 * behind. How the frames go out is left to what extends it.
 */
export abstract class Subscriber implements Follower {
  readonly actor: Subscription["actor"];
  readonly endsAtMs: number;
  readonly userId: string | undefined;
  readonly #types: ReadonlySet<string> | undefined;
  #position: number;
  #ended = false;
  /** Heartbeats since it ended, or at which its client had taken nothing since the one before, not even that. */
  #idleBeats = 0;
  #sentBytes = 0;
  #takenAtLastBeat: number | undefined;
  #onEnd = () => {};
  #onGone = () => {};

  constructor({ actor, after, types, endsAtMs }: Subscription) {
    this.actor = actor;
    this.endsAtMs = endsAtMs;
    this.userId = isStaff(actor) ? undefined : actor.userId;
    this.#types = types;
    this.#position = after;
  }

  /** Sends one event. @returns the bytes that it adds to the backlog */
  protected abstract send(shown: ShownEvent): number;
  /** Says that it is alive and how far it has come. @returns the bytes that it adds to the backlog */
  protected abstract sendHeartbeat(position: number): number;
  /** Says why, and closes; `gone` follows when the client has it all or is not there any more. */
  protected abstract close(ending: Ending): void;
  /** Drops what still waits for a client that does not take its end, as far as that is possible. */
  protected abstract drop(): void;
  /** Bytes that wait for the client; Infinity before it is there. */
  protected abstract backlog(): number;

  get position(): number {
    return this.#position;
  }

  get isEnded(): boolean {
    return this.#ended;
  }

  /** Who is to know that it ended, and that nothing of it is left. */
  observe(onEnd: () => void, onGone: () => void): void {
    this.#onEnd = onEnd;
    this.#onGone = onGone;
  }

  async room(): Promise<void> {
    while (!this.#ended && this.backlog() > MAX_BACKLOG_BYTES / 2) {
      await new Promise((resolve) => setTimeout(resolve, ROOM_POLL_MS));
    }
  }

  take(events: readonly LoggedEvent[], upTo: number, isPast: boolean): void {
    try {
      // Once for all of these: however quick a client is, it can take none of them before all are sent. (For the past there
      // was room just before.)
      const isFull = this.backlog() >= MAX_BACKLOG_BYTES;
      for (const event of events) {
        if (this.#ended) return;
        if (event.position <= this.#position) continue;
        // What follows in the log they may not see. (What lies in the past may have been given back since.)
        if (!isPast && takesRights(this.actor, event)) return this.end("unauthenticated");
        const isWanted = this.#types?.has(event.type) ?? true;
        if (isWanted && mayReadEvent(this.actor, event)) {
          if (isFull) return this.end("slow_consumer");
          this.#sentBytes += this.send(show(this.actor, event));
        }
      }
      this.#position = Math.max(this.#position, upTo);
    } catch {
      this.end("internal");
    }
  }

  /** A sign of life; also the moment at which a client that takes nothing at all is given up. */
  beat(): void {
    const taken = this.#sentBytes - this.backlog();
    const isIdle = this.#ended || taken === this.#takenAtLastBeat;
    this.#idleBeats = isIdle ? this.#idleBeats + 1 : 0;
    this.#takenAtLastBeat = taken;
    if (this.#idleBeats >= MAX_IDLE_BEATS) {
      this.#idleBeats = 0;
      return this.#ended ? this.drop() : this.end("slow_consumer");
    }
    if (!this.#ended) this.#sentBytes += this.sendHeartbeat(this.#position);
  }

  /** Ends it, once. Nothing is sent any more. */
  end(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    try {
      this.close(ending);
    } catch {
      this.drop();
    }
  }

  /** For a process that ends: does not wait for the client. */
  abandon(): void {
    this.end("restarting");
    this.drop();
  }

  /** The client is not there any more. */
  protected gone(): void {
    if (!this.#ended) {
      this.#ended = true;
      this.#onEnd();
    }
    this.#onGone();
  }
}

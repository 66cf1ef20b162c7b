import {
  type Ending,
  MAX_BACKLOG_BYTES,
  MAX_BACKLOG_EVENTS,
  type ShownEvent,
  Subscriber,
  type Subscription,
} from "./subscriber.ts";

/** Every frame counts at least so much, so that 1,000 of them fill the backlog as 1 MiB does. */
const MIN_FRAME_BYTES = Math.ceil(MAX_BACKLOG_BYTES / MAX_BACKLOG_EVENTS);
const RETRY_MS = 1000;

const encoder = new TextEncoder();

/** Server-Sent Events: `body` is what the response streams, frame by frame as the client takes them. */
export class EventStream extends Subscriber {
  readonly body: ReadableStream<Uint8Array>;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #wake = () => {};

  constructor(subscription: Subscription) {
    super(subscription);
    this.body = new ReadableStream<Uint8Array>({
      pull: (controller) => this.#pull(controller),
      cancel: () => this.gone(),
    }, { highWaterMark: 0 });
    // An id without data is remembered and not dispatched: who reconnects before the first event goes on from here.
    this.#write(encoder.encode(`retry: ${RETRY_MS}\nid: ${subscription.after}\n\n`));
  }

  protected override send({ sse }: ShownEvent): number {
    return this.#write(sse);
  }

  protected override sendHeartbeat(position: number): number {
    return this.#write(encoder.encode(`: heartbeat\nid: ${position}\n\n`));
  }

  /** Who has to come again all at once comes at different moments. */
  protected override close(ending: Ending): void {
    const retryMs = Math.round(RETRY_MS * (0.5 + Math.random()));
    this.#write(encoder.encode(`: ${ending}\nretry: ${retryMs}\n\n`));
  }

  protected override drop(): void {
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.gone();
    this.#wake();
  }

  protected override backlog(): number {
    return this.#waitingBytes;
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#waiting.length === 0 && !this.isEnded) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const frame = this.#waiting.shift();
    if (frame) {
      this.#waitingBytes -= sizeOf(frame);
      controller.enqueue(frame);
    }
    if (this.#waiting.length > 0 || !this.isEnded) return;
    controller.close();
    this.gone();
  }

  #write(frame: Uint8Array): number {
    this.#waiting.push(frame);
    this.#waitingBytes += sizeOf(frame);
    this.#wake();
    return sizeOf(frame);
  }
}

function sizeOf({ length }: Uint8Array): number {
  return Math.max(length, MIN_FRAME_BYTES);
}

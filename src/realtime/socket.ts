import { z } from "@hono/zod-openapi";
import { type Ending, ENDINGS, type ShownEvent, Subscriber } from "./subscriber.ts";

/** Deno has taken in up to 64 MiB before anybody is asked, and hangs up beyond that (denoland/deno#15809). */
const MAX_FRAME_BYTES = 64 * 1024;
const MAX_FRAMES = 100;
const FRAMES_WINDOW_MS = 10_000;
/** Deno pings the client as often, and hangs up on one that does not answer. */
const IDLE_TIMEOUT_S = 30;

/** RFC 6455 and IANA: 1008 policy, 1009 too big, 1011 internal error, 1012 service restart, 1013 try again later. */
const CLOSE_CODES = {
  token_expired: 1008,
  unauthenticated: 1008,
  slow_consumer: 1013,
  restarting: 1012,
  too_many_frames: 1008,
  frame_too_large: 1009,
  internal: 1011,
} satisfies Record<Ending, number>;

const encoder = new TextEncoder();
const ClientFrame = z.strictObject({ action: z.literal("ping") });

/** A WebSocket: JSON text frames. */
export class SocketStream extends Subscriber {
  #socket: WebSocket | undefined;
  #windowStartMs = 0;
  #framesInWindow = 0;

  /** Upgrades the request. What throws in a socket's handler would end the process, so all of them are guarded. */
  accept(request: Request): Response {
    try {
      const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: IDLE_TIMEOUT_S });
      socket.binaryType = "arraybuffer";
      this.#socket = socket;
      socket.onopen = this.#guarded(() => {
        if (this.isEnded) socket.close(CLOSE_CODES.restarting);
        else this.sendHeartbeat(this.position);
      });
      socket.onmessage = this.#guarded(({ data }) => this.#hear(data));
      socket.onclose = () => this.gone();
      socket.onerror = () => {};
      return response;
    } catch (error) {
      this.gone();
      throw error;
    }
  }

  protected override send({ json }: ShownEvent): number {
    return this.#write(`{"type":"event","event":${json}}`);
  }

  protected override sendHeartbeat(position: number): number {
    return this.#write(JSON.stringify({ type: "heartbeat", position }));
  }

  protected override close(ending: Ending): void {
    if (!this.#socket) return this.gone();
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#sayError(ending, ENDINGS[ending]);
    this.#socket.close(CLOSE_CODES[ending], ending);
  }

  /**
   * Deno has no way to cut a WebSocket off: its place is taken until the connection is gone. Of a client that hung up just
   * before it was open Deno says nothing, ever: what is not open by now never will be.
   */
  protected override drop(): void {
    const state = this.#socket?.readyState;
    if (state !== WebSocket.OPEN && state !== WebSocket.CLOSING) this.gone();
  }

  protected override backlog(): number {
    if (this.#socket?.readyState !== WebSocket.OPEN) return Infinity;
    return this.#socket.bufferedAmount;
  }

  #hear(data: string | ArrayBuffer): void {
    if (this.isEnded) return;
    const now = performance.now();
    if (now - this.#windowStartMs > FRAMES_WINDOW_MS) {
      this.#windowStartMs = now;
      this.#framesInWindow = 0;
    }
    if (++this.#framesInWindow > MAX_FRAMES) return this.end("too_many_frames");
    if (sizeOf(data) > MAX_FRAME_BYTES) return this.end("frame_too_large");
    if (typeof data !== "string" || !isPing(data)) {
      return this.#sayError(
        "invalid_frame",
        `Send {"action":"ping"} or nothing; the rest is said in the URL.`,
      );
    }
    this.sendHeartbeat(this.position);
  }

  #sayError(code: string, detail: string): void {
    this.#write(JSON.stringify({ type: "error", code, detail }));
  }

  #write(frame: string): number {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return 0;
    const before = socket.bufferedAmount;
    socket.send(frame);
    return socket.bufferedAmount - before;
  }

  #guarded<E>(handler: (event: E) => void): (event: E) => void {
    return (event) => {
      try {
        handler(event);
      } catch {
        this.end("internal");
      }
    };
  }
}

/** Bytes on the wire; of a text that is too long in any case, its characters. */
function sizeOf(data: string | ArrayBuffer): number {
  if (typeof data !== "string") return data.byteLength;
  return data.length > MAX_FRAME_BYTES ? data.length : encoder.encode(data).length;
}

function isPing(text: string): boolean {
  try {
    return ClientFrame.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}

import { errorOf, WaybillError } from "./error.ts";
import { sleep } from "./retry.ts";
import { type Client, mergeHeaders } from "./src/client/index.ts";

type Connect = Client["sse"]["get"];
type StreamOptions = Parameters<Connect>[0];

const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 30_000;
/** The server says something every 15 seconds. */
const MAX_SILENCE_MS = 45_000;

/**
 * Opens streams that outlive their connections: when one ends or breaks, the next goes on behind the last event, with
 * the token that is current then. Ends with the caller's signal.
 *
 * @throws WaybillError, out of the loop over the stream, when the server refuses it for good
 */
export function lastingStreams(connect: Connect, send: typeof fetch): Connect {
  return ((options: StreamOptions) => Promise.resolve({ stream: follow(connect, send, options) })) as Connect;
}

async function* follow(connect: Connect, send: typeof fetch, options: StreamOptions) {
  const left = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, left.signal]) : left.signal;
  let lastEventId: string | undefined;
  let waitMs = options.sseDefaultRetryDelay ?? FIRST_WAIT_MS;
  let failures = 0;
  try {
    while (!signal.aborted) {
      let failure: unknown;
      const connection = await connect({
        ...options,
        signal,
        headers: mergeHeaders(options.headers, { "Last-Event-ID": lastEventId }),
        fetch: answering(options.fetch ?? send),
        sseMaxRetryAttempts: 1,
        onSseError: (error) => failure = error,
        onSseEvent: (event) => {
          failures = 0;
          lastEventId = event.id ?? lastEventId;
          waitMs = event.retry ?? waitMs;
          options.onSseEvent?.(event);
        },
      }).catch((error) => {
        if (!isTrouble(error)) throw error;
        failure = error;
      });
      if (connection) yield* connection.stream;
      if (signal.aborted) return;
      if (failure !== undefined) {
        failures++;
        options.onSseError?.(failure);
        if (isFinal(failure) || failures === options.sseMaxRetryAttempts) throw failure;
      }
      await sleep(backoff(waitMs, failures, options.sseMaxRetryDelay), signal).catch(() => {});
    }
  } finally {
    left.abort();
  }
}

/** Sends requests for streams, and throws what is answered instead of one. */
function answering(send: typeof fetch): typeof fetch {
  return async (input, init) => {
    const response = await send(input, init);
    const isStream = response.headers.get("Content-Type")?.startsWith("text/event-stream");
    if (response.ok && isStream && response.body) {
      return new Response(audible(response.body, (input as Request).signal), response);
    }
    throw errorOf(response, parsed(await response.text()));
  };
}

/** What breaks off when it falls silent: of a server that lost its power, or its network, nobody tells. */
function audible(body: ReadableStream<Uint8Array>, signal: AbortSignal): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const hangUp = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", hangUp, { once: true });
  return new ReadableStream({
    async pull(controller) {
      const timer = setTimeout(() => {
        controller.error(new DOMException("The server has fallen silent.", "TimeoutError"));
        hangUp();
      }, MAX_SILENCE_MS);
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } finally {
        clearTimeout(timer);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A broken connection and a server in trouble pass; a refusal, or a page in place of a stream, does not. */
function isFinal(failure: unknown): boolean {
  return failure instanceof WaybillError && failure.status < 500 && ![408, 429].includes(failure.status);
}

/** Asking for a token fails like that where the server is away; all else that `token` throws is meant for the caller. */
function isTrouble(failure: unknown): boolean {
  return failure instanceof TypeError || failure instanceof WaybillError ||
    (failure instanceof DOMException && failure.name === "TimeoutError");
}

function backoff(
  waitMs: number,
  failures: number,
  maxWaitMs = MAX_WAIT_MS,
): number {
  return Math.min(waitMs * 2 ** Math.max(failures - 1, 0), maxWaitMs);
}

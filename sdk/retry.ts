/** How long a server may ask to wait before it is given up on. */
const MAX_WAIT_MS = 30_000;
const FIRST_WAIT_MS = 250;
/** The POSTs that take an `Idempotency-Key`. To the others it says nothing: done twice, some do it twice. */
const KEYED_PATHS = new RegExp(
  "/v1/(?:users|users/[^/]+/points/adjustments|products|promotions|campaigns|rewards|rewards/[^/]+/redemptions|inventory/(?:[^/]+/)?adjustments|trade/schedules|carts|carts/[^/]+/(?:quotes|checkout)|orders|" +
    "orders/[^/]+/(?:shipments|payments|manual-payments|refunds|returns)|payments/[^/]+/captures|" +
    "returns/[^/]+/(?:receipt|refund)|webhook-endpoints)$",
);

/**
 * A `fetch` that gives each POST that takes one an `Idempotency-Key`, and repeats, up to `retries` times, what was
 * refused for the moment: after the server's `Retry-After`, or else after a random and growing while. A call that may
 * have taken effect is repeated only if that cannot do it twice. Logins and bulk imports, whose bodies are not JSON, are
 * left alone.
 */
export function retryingFetch(retries: number, send: typeof fetch = fetch): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    // Not by `request.body`, which Firefox does not have: what has a body has a type.
    const small = (request.headers.get("Content-Type") ?? "application/json").startsWith("application/json");
    if (small && takesKey(request) && !request.headers.has("Idempotency-Key")) {
      request.headers.set("Idempotency-Key", randomKey());
    }
    const repetitions = small ? retries : 0;
    for (let attempt = 0;; attempt++) {
      const last = attempt >= repetitions;
      let waitMs: number | undefined;
      try {
        const response = await send(last ? request : request.clone());
        waitMs = last ? undefined : waitAfter(request, response, attempt);
        if (waitMs === undefined) return await arrived(response);
        await response.body?.cancel();
      } catch (error) {
        if (last || !isRepeatable(request) || request.signal.aborted) throw error;
        waitMs = backoff(attempt);
      }
      await sleep(waitMs, request.signal);
    }
  };
}

/** Not `crypto.randomUUID`, which pages have only under HTTPS. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The answer when all of it is there, as it can break off half way. Of a stream there is no end to wait for. */
async function arrived(response: Response): Promise<Response> {
  const isStream = response.headers.get("Content-Type")?.startsWith("text/event-stream");
  if (!isStream) await response.clone().arrayBuffer();
  return response;
}

/** True where doing it twice does it once: by the method's meaning, or because the key says that it is the same call. */
function isRepeatable(request: Request): boolean {
  return ["GET", "HEAD", "PUT", "DELETE"].includes(request.method) || hasKey(request);
}

function hasKey(request: Request): boolean {
  return takesKey(request) && request.headers.has("Idempotency-Key");
}

/** Whether the server keeps its first answer to this call under a key. */
export function takesKey({ method, url }: Pick<Request, "method" | "url">): boolean {
  return method === "POST" && KEYED_PATHS.test(new URL(url).pathname);
}

/** Undefined: the answer stands. */
function waitAfter(request: Request, { status, headers }: Response, attempt: number): number | undefined {
  const retryAfter = headers.get("Retry-After");
  // 429 was refused before anything happened. 409 with Retry-After: the first call with this key is still running.
  const temporary = status === 429 ||
    ([502, 503, 504].includes(status) && isRepeatable(request)) ||
    (status === 409 && retryAfter !== null && hasKey(request));
  if (!temporary) return undefined;
  const sentAt = Date.parse(headers.get("Date") ?? "") || Date.now();
  const waitMs = parseRetryAfter(retryAfter, sentAt) ?? backoff(attempt);
  return waitMs <= MAX_WAIT_MS ? Math.max(waitMs, 0) : undefined;
}

/** Seconds, or a date by the clock of who sent it, as RFC 9110 has it. */
function parseRetryAfter(value: string | null, sentAt: number): number | undefined {
  if (value === null) return undefined;
  const waitMs = /^\s*[\d.]+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - sentAt;
  return Number.isNaN(waitMs) ? undefined : waitMs;
}

function backoff(attempt: number): number {
  return FIRST_WAIT_MS * 2 ** attempt * (0.5 + Math.random());
}

/** Waits so long. @throws the signal's reason as soon as it is aborted */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
